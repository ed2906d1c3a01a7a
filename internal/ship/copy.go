package ship

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
)

// copy takes a COPY.
func (e *evaluator) copy(cmd *instructions.CopyCommand) (Step, error) {
	c := &Copy{Parents: cmd.Parents}
	if err := e.fillCopy(c, cmd.SourcesAndDest, cmd.Chown, cmd.Chmod, cmd.ExcludePatterns); err != nil {
		return Step{}, err
	}
	from, err := e.words().one(cmd.From)
	if err != nil {
		return Step{}, err
	}
	if err := e.copyFrom(c, from); err != nil {
		return Step{}, err
	}
	c.Fetch = e.def.smol && from == "" // smolBSD's COPY is its ADD
	if err := e.sources(c); err != nil {
		return Step{}, err
	}
	return Step{Copy: c}, nil
}

// add takes an ADD.
func (e *evaluator) add(cmd *instructions.AddCommand) (Step, error) {
	c := &Copy{Fetch: true, Unpack: cmd.Unpack == nil || *cmd.Unpack}
	if err := e.fillCopy(c, cmd.SourcesAndDest, cmd.Chown, cmd.Chmod, cmd.ExcludePatterns); err != nil {
		return Step{}, err
	}
	if err := e.sources(c); err != nil {
		return Step{}, err
	}
	addresses := 0
	for _, s := range c.Sources {
		if IsAddress(s) {
			addresses++
		}
	}
	if cmd.Unpack != nil && *cmd.Unpack && addresses > 0 {
		return Step{}, errors.New("ADD --unpack of an address is not supported: unpack it by a RUN")
	}
	var err error
	if c.Checksum, err = e.words().one(cmd.Checksum); err != nil || c.Checksum == "" {
		return Step{Copy: c}, err
	}
	if len(c.Sources) != 1 || addresses != 1 || len(c.Inline) > 0 {
		return Step{}, errors.New("ADD --checksum is for one address")
	}
	if !checksum.MatchString(c.Checksum) {
		return Step{}, fmt.Errorf("ADD --checksum=%s: supported are sha256: and sha512:, each with the digest in hexadecimal", quoted(c.Checksum))
	}
	return Step{Copy: c}, nil
}

var (
	checksum = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	octal    = regexp.MustCompile(`^[0-7]{1,5}$`)
	symbolic = regexp.MustCompile(`^[ugoa]*([-+=][rwxXstugo]*)+(,[ugoa]*([-+=][rwxXstugo]*)+)*$`)
	git      = regexp.MustCompile(`^(git://|ssh://|git@[^/]+:|.+\.git(#.*)?$)`)
)

// fillCopy fills in what COPY and ADD have in common.
func (e *evaluator) fillCopy(c *Copy, sd instructions.SourcesAndDest, chown, chmod string, exclude []string) error {
	w := e.words()
	var err error
	if c.Chown, err = w.one(chown); err != nil {
		return err
	}
	if strings.ContainsAny(c.Chown, " \t\n/") || strings.HasPrefix(c.Chown, ":") {
		return fmt.Errorf("--chown=%s: want user or user:group, names or numbers", quoted(c.Chown))
	}
	if c.Chmod, err = w.one(chmod); err != nil {
		return err
	}
	if c.Chmod != "" && !octal.MatchString(c.Chmod) && !symbolic.MatchString(c.Chmod) {
		return fmt.Errorf("--chmod=%s: want an octal mode such as 0755, or one such as u=rwx,go=rx", quoted(c.Chmod))
	}
	for _, pattern := range exclude {
		p, err := w.one(pattern)
		if err != nil {
			return err
		}
		c.Exclude = append(c.Exclude, p)
	}
	if _, err := patternmatcher.New(c.Exclude); err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	for _, source := range sd.SourcePaths {
		s, err := w.one(source)
		if err != nil {
			return err
		}
		c.Sources = append(c.Sources, s)
	}
	if err := e.inline(c, sd.SourceContents); err != nil {
		return err
	}
	return e.dest(c, sd.DestPath)
}

// inline takes the heredocs.
func (e *evaluator) inline(c *Copy, contents []instructions.SourceContent) error {
	for _, content := range contents {
		data := content.Data
		if content.Expand {
			w := e.words()
			w.escape, w.raw = '\\', true // whatever the file's escape is, as a shell has it
			var err error
			if data, err = w.one(data); err != nil {
				return err
			}
		}
		if strings.Contains(content.Path, "/") || content.Path == "." || content.Path == ".." {
			return fmt.Errorf("<<%s: the name of a file is wanted", content.Path)
		}
		c.Inline = append(c.Inline, Inline{Name: content.Path, Data: data})
	}
	return nil
}

// dest makes the destination absolute. It stays a folder where it is written
// as one.
func (e *evaluator) dest(c *Copy, word string) error {
	dest, err := e.words().one(word)
	if err != nil {
		return err
	}
	if dest == "" {
		return fmt.Errorf("%s: the destination %s is empty", e.in.verb(), word)
	}
	if err := e.plain(e.in.verb(), dest); err != nil {
		return err
	}
	folder := strings.HasSuffix(dest, "/") || path.Base(dest) == "." || path.Base(dest) == ".."
	if c.Dest = e.absolute(dest); folder && c.Dest != "/" {
		c.Dest += "/"
	}
	if len(c.Sources)+len(c.Inline) > 1 && !folder {
		return fmt.Errorf("%s of several files: the destination is a folder, write %s/", e.in.verb(), dest)
	}
	return nil
}

// copyFrom resolves --from.
func (e *evaluator) copyFrom(c *Copy, from string) error {
	if from == "" {
		return nil
	}
	if len(c.Inline) > 0 {
		return errors.New("COPY --from with <<: the text stands here, not there")
	}
	i, ok := e.def.stage(from)
	if !ok {
		c.From = from
		if _, err := strconv.Atoi(from); err == nil || strings.ContainsAny(from, " \t$,") {
			return fmt.Errorf("COPY --from=%s: no such stage, nor a name of an image", quoted(from))
		}
		return nil
	}
	if i >= e.stage.index {
		return fmt.Errorf("COPY --from=%s: only an earlier stage can be copied from", from)
	}
	c.From, c.Stage = strconv.Itoa(i), true
	return nil
}

// sources checks what is copied, and makes it relative to the context or, in
// another tree, absolute.
func (e *evaluator) sources(c *Copy) error {
	for i, s := range c.Sources {
		if err := e.plain(e.in.verb(), s); err != nil {
			return err
		}
		switch {
		case s == "":
			return fmt.Errorf("%s: a source is empty", e.in.verb())
		case IsAddress(s) && git.MatchString(s), c.Fetch && git.MatchString(s) && !path.IsAbs(s) && strings.Contains(s, ":"):
			return fmt.Errorf("%s of a git repository is not supported: clone it, then COPY it", e.in.verb())
		case IsAddress(s) && c.Fetch:
			continue
		case IsAddress(s):
			return fmt.Errorf("COPY %s: COPY takes no addresses, ADD does", s)
		case c.From != "":
			c.Sources[i] = tidy("/"+s, c.Parents)
			continue
		}
		local := e.fromContext(s)
		c.Sources[i] = cmp.Or(tidy("/"+local, c.Parents)[1:], ".")
		if strings.HasPrefix(path.Clean(local)+"/", "../") {
			e.note(fmt.Sprintf("%s %s: nothing is above the build context: %s of it is taken", e.in.verb(), s, c.Sources[i]))
		}
	}
	return nil
}

// tidy cleans an absolute path, above whose root is nothing, but for the /./
// that --parents gives a meaning.
func tidy(p string, parents bool) string {
	if parents && !slices.Contains(strings.Split(p, "/"), "..") {
		return p
	}
	base, rest, pivot := strings.Cut(p, "/./")
	if !parents || !pivot {
		return path.Clean(p)
	}
	return strings.TrimSuffix(path.Clean("/"+base), "/") + "/." + path.Clean("/"+rest)
}

// fromContext makes a source relative to the build context. In smolBSD's
// build the context is /mnt.
func (e *evaluator) fromContext(s string) string {
	if e.def.smol {
		if below, ok := strings.CutPrefix(s, "/mnt/"); ok {
			e.note(fmt.Sprintf("%s %s: smolBSD has the build context at /mnt: %s of the context is taken", e.in.verb(), s, below))
			s = below
		}
	}
	if s = strings.TrimLeft(s, "/"); s == "" {
		return "."
	}
	return s
}

// IsAddress reports whether a source of an ADD is one of the web.
func IsAddress(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

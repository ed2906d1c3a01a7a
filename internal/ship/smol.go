package ship

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// smolBSD turns a definition into a script for its builder's shell. What a
// RUN says stands in that between double quotes, so it is expanded there
// before the guest's shell reads it; its labels are make's variables; USER
// makes accounts; INCLUDE takes other files in. All of its definitions rely
// on that, and are named Dockerfile.X as often as SMOLerfile.X.

// isSmol says whether smolBSD's rules hold: by the file's name, its labels,
// or an INCLUDE. What stands in a heredoc is none of these.
func isSmol(path string, src []byte) bool {
	base := filepath.Base(path)
	if stem, _, _ := strings.Cut(base, "."); stem == "SMOLerfile" || strings.HasSuffix(base, ".smol") {
		return true
	}
	parsed, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return false // it is refused when it is read
	}
	service, fromSets := false, false
	for _, n := range parsed.AST.Children {
		if strings.EqualFold(n.Value, "INCLUDE") {
			return true
		}
		cmd, err := instructions.ParseInstruction(n)
		if err != nil {
			continue
		}
		switch cmd := cmd.(type) {
		case *instructions.LabelCommand:
			for _, kv := range cmd.Labels {
				if strings.HasPrefix(strings.Trim(kv.Key, `"'`), "smolbsd.") {
					return true
				}
				service = service || kv.Key == "service"
			}
		case *instructions.Stage:
			_, ok := sets(cmd.BaseName)
			fromSets = fromSets || ok || strings.HasSuffix(cmd.BaseName, ".img")
		}
	}
	return service && fromSets
}

var (
	runLine    = regexp.MustCompile(`(?i)^\s*RUN\s`)
	hereTag    = regexp.MustCompile(`<<-?\s*['"]?([A-Za-z_][A-Za-z0-9_]*)['"]?`)
	joinedHere = regexp.MustCompile(`([^\s<0-9])(<<-?['"]?([A-Za-z_][A-Za-z0-9_]*)['"]?)`)
)

// separateHeredocs puts a blank before the << of a RUN's here-documents: cat
// >file<<EOF is one for smolBSD as for the shell, but docker's parser wants
// it to be a word. Lines stay where they are.
func separateHeredocs(src []byte) []byte {
	lines := strings.SplitAfter(string(src), "\n")
	last := make(map[string]int) // where each line stands last
	for i, line := range lines {
		last[endTag(line)] = i
	}
	inRun := false
	for i := 0; i < len(lines); i++ {
		if inRun = inRun || runLine.MatchString(lines[i]); !inRun {
			continue
		}
		lines[i] = joinedHere.ReplaceAllStringFunc(lines[i], func(m string) string {
			parts := joinedHere.FindStringSubmatch(m)
			if last[parts[3]] <= i {
				return m
			}
			return parts[1] + " " + parts[2]
		})
		if inRun = strings.HasSuffix(strings.TrimRight(lines[i], " \t\r\n"), `\`); inRun {
			continue
		}
		for _, m := range hereTag.FindAllStringSubmatch(lines[i], 20) {
			if last[m[1]] <= i {
				continue
			}
			for i++; endTag(lines[i]) != m[1]; i++ {
			}
		}
	}
	return []byte(strings.Join(lines, ""))
}

// endTag is the tag that a line would end a here-document by.
func endTag(line string) string {
	return strings.TrimLeft(strings.TrimRight(line, "\r\n"), "\t")
}

// smolArg reads ARG NAME=$(command …), of which docker's parser makes several
// words.
func (e *evaluator) smolArg() (name, value string, ok bool) {
	rest := e.in.rest()
	if !e.def.smol || !strings.Contains(rest, "$(") {
		return "", "", false
	}
	name, value, ok = strings.Cut(rest, "=")
	if ok = ok && !strings.ContainsAny(name, " \t$\"'"); ok && len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return name, value, ok
}

// argDefault expands the default of an ARG. A command in it is left for the
// guest's shell, if a RUN names the variable.
func (e *evaluator) argDefault(word string) (string, error) {
	if e.def.smol && strings.Contains(word, "$(") {
		return e.substitute(word, false)
	}
	return e.words().one(word)
}

// smolCommand does to a RUN what smolBSD's double quotes do: the variables of
// ENV and ARG are replaced, even in single quotes, and a backslash before $,
// ` and \ is taken off. Other variables and $(…) are left to the guest, where
// they are meant to be, too.
func (e *evaluator) smolCommand(text string) (string, error) {
	if !e.def.smol {
		return text, nil
	}
	return e.substitute(text, true)
}

const maxScript = 1 << 20 // bytes of a RUN's text

// substitute replaces the variables that the stage has set, and takes
// backslashes off if it is told to.
func (e *evaluator) substitute(text string, unescape bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case unescape && c == '\\' && i+1 < len(text) && strings.IndexByte("$`\\", text[i+1]) >= 0:
			b.WriteByte(text[i+1])
			i += 2
		case c == '$':
			value, n := e.reference(text[i:])
			b.WriteString(value)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
		if b.Len() > maxScript {
			return "", fmt.Errorf("it expands to more than %d KiB", maxScript>>10)
		}
	}
	return b.String(), nil
}

var reference = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)[^A-Za-z0-9_])`)

// reference returns what the $ at the start of text stands for, and how many
// bytes of text that is. It stands for itself where the variable isn't ours.
func (e *evaluator) reference(text string) (string, int) {
	m := reference.FindStringSubmatch(text[:min(len(text), 256)])
	if m == nil || !e.declared[m[1]+m[2]] {
		return "$", 1
	}
	if m[1] != "" {
		return e.vars[m[1]], len(m[0])
	}
	end := closing(text[:min(len(text), 4096)])
	if end < 0 {
		return "$", 1
	}
	w := e.words()
	w.escape = '\\'
	value, err := w.one(text[:end+1])
	if err != nil {
		return "$", 1 // of a form that only a shell knows
	}
	return value, end + 1
}

// closing returns where the } of the ${ at the start of text is, or -1.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// The labels of smolBSD: those that say something here, and those that don't.
var (
	smolKeys  = []string{"service", "imgsize", "publish", "addpkgs", "addsets", "mountro", "pkgvers", "vers", "mem", "curlsh"}
	smolNoted = map[string]string{
		"minimize":    "a root is never larger than it has to be",
		"use_pty":     "run -it gives the service a terminal",
		"biosboot":    "a guest is booted without a BIOS: disk commands make images for one",
		"biosconsole": "a guest is booted without a BIOS",
		"bioskernel":  "the kernel is the run command's to choose",
		"smolify":     "the kernel is the run command's to choose",
		"imgname":     "the build command names images",
		"imgtag":      "the build command names images",
		"sets":        "FROM names the sets",
		"fromimg":     "FROM names the image",
	}
)

// smolLabel takes a label that is a variable of smolBSD's.
func (e *evaluator) smolLabel(key, value string) error {
	name, own := strings.CutPrefix(key, "smolbsd.")
	name = strings.ToLower(name)
	if !own && !e.def.smol {
		return nil
	}
	switch {
	case slices.Contains(smolKeys, name):
		return e.smolKey(name, value)
	case smolNoted[name] != "":
		e.note(fmt.Sprintf("LABEL %s has no effect here: %s", key, smolNoted[name]))
	case own:
		hint := ""
		if near := spelling.Nearest(name, smolKeys); near != "" {
			hint = fmt.Sprintf(" (did you mean smolbsd.%s?)", near)
		}
		e.note(fmt.Sprintf("LABEL %s means nothing to smolBSD or here%s", key, hint))
	}
	return nil
}

func (e *evaluator) smolKey(name, value string) error {
	var err error
	switch name {
	case "service":
		if !validName(value) {
			return errors.New("a name has letters, digits and . _ - and starts with one of the first two")
		}
		e.keys[name] = value
	case "imgsize":
		if e.cfg.DiskSize, err = megabytes(value); e.cfg.DiskSize > 0 {
			e.note("LABEL imgsize is " + keptSize)
		}
	case "mem":
		e.cfg.Memory, err = megabytes(value)
	case "publish":
		var pairs []string
		pairs, err = publishList(value)
		for _, p := range pairs {
			e.publish(p)
		}
	case "mountro":
		if e.cfg.ReadOnly, err = yes(value); e.cfg.ReadOnly {
			e.note("LABEL mountro is " + keptAccess)
		}
	case "addsets":
		list, ok := sets(strings.Join(strings.Fields(value), ","))
		if !ok && strings.TrimSpace(value) != "" {
			return errors.New("not a list of NetBSD's sets")
		}
		e.out.Sets = list
	case "pkgvers", "vers":
		e.keys[name] = value
	case "addpkgs":
		e.out.Packages = strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		e.keys[name] = value
		if e.in.File == "" {
			e.lines = map[string]int{"packages": e.in.Line}
		}
	case "curlsh":
		return errors.New("scripts from the network are not run at the end of a build: write a RUN")
	}
	return err
}

// megabytes reads a size that is in megabytes unless it says otherwise.
func megabytes(value string) (int64, error) {
	if strings.Trim(value, "0123456789") == "" {
		value += "M"
	}
	return size(value)
}

// yes reads a switch.
func yes(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "y", "yes", "true", "on", "1":
		return true, nil
	case "", "n", "no", "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither yes nor no", quoted(value))
}

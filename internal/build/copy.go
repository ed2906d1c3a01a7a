package build

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// copying is a COPY or ADD that is being carried out.
type copying struct {
	ship.Copy
	why     string
	from    *tree.Tree // what the source at hand is a path or pattern of
	own     bool       // the files keep their owners: they are of a stage, an image or an archive
	what    string     // names from: "stage 0"
	exclude ignore
	to      *tree.Tree
	uid     uint32
	gid     uint32
	time    time.Time // of what has none
}

// copy carries out a COPY or ADD: its sources one after another, and then the
// texts that stand in the definition.
func (b *builder) copy(ctx context.Context, s ship.Step) error {
	uid, gid, err := b.owner(s.Copy.Chown)
	if err != nil {
		return fmt.Errorf("--chown=%s: %w", s.Copy.Chown, err)
	}
	c := copying{Copy: *s.Copy, why: b.whyOf(s), to: &b.tree, uid: uid, gid: gid, time: b.time()}
	if c.exclude, err = newIgnore(c.Exclude); err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	if err := b.openFrom(ctx, &c); err != nil {
		return err
	}
	for _, source := range c.Sources {
		do := b.copySource
		if c.Fetch && ship.IsAddress(source) {
			do = b.addAddress
		}
		if err := do(ctx, c, source); err != nil {
			return err
		}
	}
	return b.copyInline(c)
}

// openFrom gets the files of the stage or image that c copies from.
func (b *builder) openFrom(ctx context.Context, c *copying) error {
	if c.From == "" {
		return nil
	}
	c.own, c.what = true, "image "+c.From
	open := func() (*state, error) {
		b.volatile = true
		return b.fromImage(ctx, c.From)
	}
	if c.Stage {
		i, err := strconv.Atoi(c.From)
		if err != nil || i >= len(b.ship.Stages) {
			return fmt.Errorf("there is no stage %s", c.From)
		}
		if c.what = "stage " + c.From; b.ship.Stages[i].Name != "" {
			c.what = "stage " + b.ship.Stages[i].Name
		}
		open = func() (*state, error) { return b.otherStage(ctx, i) }
	}
	st, err := open()
	if err != nil {
		return err
	}
	c.from = &st.tree
	return nil
}

// copySource copies the files that one source names.
func (b *builder) copySource(ctx context.Context, c copying, source string) error {
	if c.From == "" {
		t, err := b.context(ctx, c, source)
		if err != nil {
			return err
		}
		c.from = &t
	}
	part, found, err := c.files(source)
	if err != nil {
		return err
	}
	if c.Unpack && !c.Parents {
		if err := b.unpackAll(ctx, c, &part, found); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		if !isPattern(source) {
			return b.missing(c, source)
		}
		b.note("%s: nothing matches %s", c.why, source)
	}
	return b.mergeCopy(c, part)
}

// copyInline copies the heredocs.
func (b *builder) copyInline(c copying) error {
	for _, f := range c.Inline {
		var part tree.Tree
		e := tree.NewFile(c.target(f.Name), 0o644, []byte(f.Data), c.time, "")
		c.own = false
		if err := c.put(&part, e); err != nil {
			return err
		}
		if err := b.mergeCopy(c, part); err != nil {
			return err
		}
	}
	return nil
}

// mergeCopy puts the files of part into the tree, below folders of the owner
// that the copy has.
func (b *builder) mergeCopy(c copying, part tree.Tree) error {
	dir := tree.Entry{Type: tree.Dir, Mode: 0o755, UID: c.uid, GID: c.gid, ModTime: c.time, Why: c.why}
	if strings.HasSuffix(c.Dest, "/") {
		if err := makeDirs(c.to, path.Clean(c.Dest), dir); err != nil {
			return err
		}
	}
	for _, e := range part.All() {
		if _, ok := part.Get(path.Dir(e.Path)); ok {
			continue
		}
		if err := makeDirs(c.to, path.Dir(e.Path), dir); err != nil {
			return err
		}
	}
	if err := c.to.Merge(part, false); err != nil {
		return err
	}
	return c.changeFolders(part)
}

// changeFolders gives folders that were there before the owner and mode of
// those that are copied over them, as long as these say more than how
// somebody checked a project out.
func (c *copying) changeFolders(part tree.Tree) error {
	for _, e := range part.All() {
		if e.Type != tree.Dir || !c.own && c.Chown == "" && c.Chmod == "" {
			continue
		}
		old, err := c.to.Lookup(e.Path)
		if err != nil || old.Type != tree.Dir {
			continue
		}
		if c.own || c.Chown != "" {
			old.UID, old.GID = e.UID, e.GID
		}
		if c.own || c.Chmod != "" {
			old.Mode = e.Mode
		}
		if err := c.to.Put(old); err != nil {
			return err
		}
	}
	return nil
}

// files returns the files that the source names as they are to be in the
// tree, and where they are in c.from: a folder's path stands for all that is
// in it.
func (c *copying) files(source string) (out tree.Tree, found []string, err error) {
	if c.Parents {
		return c.withParents(source)
	}
	if found, err = c.match(source); err != nil {
		return out, nil, err
	}
	if err := c.oneTarget(found); err != nil {
		return out, nil, err
	}
	for _, p := range found {
		if err := c.add(&out, p); err != nil {
			return out, nil, err
		}
	}
	return out, found, nil
}

// withParents returns the files of a COPY --parents, which keep their folders:
// all of them, or those behind a /./ in the source.
func (c *copying) withParents(source string) (out tree.Tree, found []string, err error) {
	top, pattern := pivot(source)
	tops, err := c.match(top)
	if err != nil {
		return out, nil, err
	}
	only, err := newIgnore([]string{pattern})
	if err != nil {
		return out, nil, fmt.Errorf("pattern %s: %w", source, err)
	}
	for _, p := range tops {
		at, err := c.from.Resolve(p)
		if err != nil {
			return out, nil, err
		}
		err = c.addBelow(&out, at, path.Clean(c.Dest), func(rel string) bool {
			return (pattern == "." || only.out(rel)) && !c.exclude.out(rel)
		})
		if err != nil {
			return out, nil, err
		}
	}
	if out.Len() > 0 {
		found = tops
	}
	return out, found, nil
}

// pivot parts the source of a COPY --parents into the folder that is left
// behind and the pattern in it.
func pivot(source string) (top, pattern string) {
	top, pattern, ok := strings.Cut("/"+strings.TrimPrefix(source, "./"), "/./")
	if !ok {
		top, pattern = "/", source
	}
	if pattern = strings.TrimPrefix(path.Join("/", pattern), "/"); pattern == "" {
		pattern = "." // all
	}
	return path.Join("/", top), pattern
}

// isPattern reports whether the source is one of path.Match, not just a name.
func isPattern(source string) bool { return strings.ContainsAny(source, `*?[\`) }

// match returns the paths that the pattern names, sorted; none if there are
// none.
func (c *copying) match(pattern string) ([]string, error) {
	p := path.Join("/", pattern)
	if e, err := c.from.Lookup(p); err == nil && !isPattern(pattern) || p == "/" {
		if e.Type != tree.Dir && p != "/" && c.leftOut(p) {
			return nil, nil
		}
		return []string{p}, nil
	}
	if !isPattern(pattern) {
		return nil, nil
	}
	var all []string
	for _, e := range c.from.All() {
		ok, err := path.Match(p, e.Path)
		ok = ok && e.Path != "/" // which "/*" names too
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		if ok && !c.leftOut(e.Path) {
			all = append(all, e.Path)
		}
	}
	return all, nil
}

// leftOut reports whether --exclude names the source p, by its name or path.
func (c *copying) leftOut(p string) bool {
	return c.exclude.out(path.Base(p)) || c.exclude.out(strings.TrimPrefix(p, "/"))
}

// target returns where a file of the name goes: below the target if that ends
// in a slash or is a folder.
func (c *copying) target(name string) string {
	dest := path.Clean(c.Dest)
	if strings.HasSuffix(c.Dest, "/") || c.isFolder(dest) {
		return path.Join(dest, path.Base(name))
	}
	if real, err := c.to.Resolve(dest); err == nil {
		return real // a link that is the target itself is written through
	}
	return dest
}

func (c *copying) isFolder(p string) bool {
	e, err := c.to.Lookup(p)
	return p == "/" || err == nil && e.Type == tree.Dir
}

// oneTarget refuses several files that would all become one.
func (c *copying) oneTarget(found []string) error {
	n := 0
	for _, p := range found {
		if e, err := c.from.Lookup(p); err == nil && e.Type != tree.Dir {
			n++
		}
	}
	if n > 1 && !strings.HasSuffix(c.Dest, "/") && !c.isFolder(path.Clean(c.Dest)) {
		return fmt.Errorf("%d files go to %s, which is no folder: write %[2]s/", n, c.Dest)
	}
	return nil
}

// add puts what is at p into out: a file, or what is in a folder.
func (c *copying) add(out *tree.Tree, p string) error {
	at, err := c.from.Resolve(p)
	if err != nil {
		return err
	}
	e, err := c.from.Lookup(at)
	if err != nil && at != "/" {
		return err
	}
	if at != "/" && e.Type != tree.Dir {
		e.Path = c.target(p)
		return c.put(out, e)
	}
	base := path.Clean(c.Dest)
	dir := tree.Entry{Type: tree.Dir, Mode: 0o755, UID: c.uid, GID: c.gid, ModTime: c.time, Why: c.why}
	if err := makeDirs(c.to, base, dir); err != nil {
		return err
	}
	return c.addBelow(out, at, base, func(rel string) bool { return !c.exclude.out(rel) })
}

// addBelow puts what keep wants of the files below the folder at into out,
// below base, with the folders that they are in.
func (c *copying) addBelow(out *tree.Tree, at, base string, keep func(rel string) bool) error {
	moved := make(map[string]string) // files, by where they were
	var links []tree.Entry
	for _, e := range c.from.Below(at) {
		rel := strings.TrimPrefix(strings.TrimPrefix(e.Path, at), "/")
		if rel == "" || !keep(rel) {
			continue
		}
		if err := c.addParents(out, at, base, path.Dir(rel)); err != nil {
			return err
		}
		from := e.Path
		e.Path = path.Join(base, rel)
		switch e.Type {
		case tree.Hardlink:
			links = append(links, e)
			continue
		case tree.File:
			moved[from] = e.Path
		}
		if err := c.put(out, e); err != nil {
			return err
		}
	}
	for _, e := range links {
		if err := c.putLink(out, e, moved); err != nil {
			return err
		}
	}
	return nil
}

// addParents puts the folder rel of at and those above it into out, if they
// aren't there because nobody asked for them.
func (c *copying) addParents(out *tree.Tree, at, base, rel string) error {
	if rel == "." {
		return nil
	}
	if _, ok := out.Get(path.Join(base, rel)); ok {
		return nil
	}
	if err := c.addParents(out, at, base, path.Dir(rel)); err != nil {
		return err
	}
	e, ok := c.from.Get(path.Join(at, rel))
	if !ok {
		e = tree.Entry{Type: tree.Dir, Mode: 0o755, ModTime: c.time}
	}
	e.Path = path.Join(base, rel)
	return c.put(out, e)
}

// putLink puts the hard link e, or the file that it names where that is not
// among those that moved.
func (c *copying) putLink(out *tree.Tree, e tree.Entry, moved map[string]string) error {
	if to, ok := moved[e.Link]; ok {
		e.Link = to
		return c.put(out, e)
	}
	file, err := c.from.Lookup(e.Link)
	if err != nil {
		return fmt.Errorf("%s is another name of %w", e.Path, err)
	}
	moved[e.Link] = e.Path
	file.Path = e.Path
	return c.put(out, file)
}

// put puts e into out with the owner and mode that are asked for.
func (c *copying) put(out *tree.Tree, e tree.Entry) error {
	if e.Path == "/" {
		return nil
	}
	if c.Chown != "" || !c.own {
		e.UID, e.GID = c.uid, c.gid
	}
	if c.Chmod != "" && e.Type != tree.Symlink {
		mode, err := tree.ChangeMode(e.Mode, c.Chmod, e.Type == tree.Dir)
		if err != nil {
			return fmt.Errorf("--chmod=%s: %w", c.Chmod, err)
		}
		e.Mode = mode
	}
	e.Why = c.why
	return out.Put(e)
}

// An ignore tells what patterns, as those of a .dockerignore, name.
type ignore struct {
	pm *patternmatcher.PatternMatcher
}

func newIgnore(patterns []string) (ignore, error) {
	if len(patterns) == 0 {
		return ignore{}, nil
	}
	pm, err := patternmatcher.New(patterns)
	return ignore{pm}, err
}

// out reports whether the relative path is named, or a folder that it is in.
func (i ignore) out(rel string) bool {
	if i.pm == nil || rel == "." {
		return false
	}
	out, err := i.pm.MatchesOrParentMatches(rel)
	return err == nil && out
}

// skip is out, except that it is false for a folder in which a pattern that
// begins with ! may bring something back.
func (i ignore) skip(rel string, isDir bool) bool {
	return i.out(rel) && !(isDir && i.bringsBack(rel))
}

// bringsBack reports whether a pattern that begins with ! may name something
// in the folder.
func (i ignore) bringsBack(folder string) bool {
	for _, p := range i.pm.Patterns() {
		if !p.Exclusion() {
			continue
		}
		plain, wild := p.String(), false
		if at := strings.IndexAny(plain, `*?[\`); at >= 0 {
			plain, wild = plain[:at], true
		}
		if strings.HasPrefix(plain, folder+"/") || wild && strings.HasPrefix(folder+"/", plain) {
			return true
		}
	}
	return false
}

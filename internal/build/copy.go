package build

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// copying is a COPY or ADD whose files are at hand.
type copying struct {
	ship.Copy
	step ship.Step
	from *tree.Tree // what Sources are paths or patterns of
	own  bool       // the files keep their owners: they are of a stage or an image
	what string     // names from: "the build context"
	to   *tree.Tree
	uid  uint32
	gid  uint32
	time time.Time // of what has none
}

// into returns the files as they are to be in the tree, with their new paths.
func (c *copying) into() (tree.Tree, error) {
	var out tree.Tree
	var found []string
	for _, pattern := range c.Sources {
		paths, err := c.match(pattern)
		if err != nil {
			return out, err
		}
		found = append(found, paths...)
	}
	many := len(found)+len(c.Inline) > 1
	for _, p := range found {
		if err := c.add(&out, p, many); err != nil {
			return out, err
		}
	}
	for _, f := range c.Inline {
		e := tree.NewFile(c.target(f.Name, many), 0o644, []byte(f.Data), c.time, c.why())
		if err := c.put(&out, e); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (c *copying) why() string {
	return fmt.Sprintf("%s (%s:%d)", c.step.Text, c.step.File, c.step.Line)
}

// match returns the paths that the pattern names, sorted.
func (c *copying) match(pattern string) ([]string, error) {
	p := path.Join("/", pattern)
	if !strings.ContainsAny(pattern, `*?[\`) {
		if _, err := c.from.Lookup(p); err != nil {
			return nil, c.missing(pattern)
		}
		return []string{p}, nil
	}
	var all []string
	for _, e := range c.from.All() {
		ok, err := path.Match(p, e.Path)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		if ok {
			all = append(all, e.Path)
		}
	}
	if len(all) == 0 {
		return nil, c.missing(pattern)
	}
	return all, nil
}

func (c *copying) missing(pattern string) error {
	return fmt.Errorf("%s is not in %s: %w", pattern, c.what, fs.ErrNotExist)
}

// target returns where a file of the name goes. Several, one target that ends
// in a slash, and one that is a folder go below it.
func (c *copying) target(name string, many bool) string {
	dest := path.Clean(c.Dest)
	if many || strings.HasSuffix(c.Dest, "/") || c.isFolder(dest) {
		return path.Join(dest, path.Base(name))
	}
	return dest
}

func (c *copying) isFolder(p string) bool {
	e, err := c.to.Lookup(p)
	return p == "/" || err == nil && e.Type == tree.Dir
}

// add puts what is at p into out: a file, or what is in a folder.
func (c *copying) add(out *tree.Tree, p string, many bool) error {
	at, err := c.from.Resolve(p)
	if err != nil {
		return err
	}
	e, err := c.from.Lookup(at)
	if err != nil && at != "/" {
		return err
	}
	if at != "/" && e.Type != tree.Dir {
		e.Path = c.target(p, many)
		if c.Parents {
			e.Path = path.Join(path.Clean(c.Dest), p)
		}
		return c.put(out, e)
	}
	base := path.Clean(c.Dest)
	if c.Parents {
		base = path.Join(base, p)
	}
	if err := c.put(out, tree.Entry{Path: base, Type: tree.Dir, Mode: 0o755, ModTime: e.ModTime}); err != nil {
		return err
	}
	return c.addBelow(out, at, base)
}

// addBelow puts what is below the folder at into out, below base.
func (c *copying) addBelow(out *tree.Tree, at, base string) error {
	moved := make(map[string]string) // files, by where they were
	var links []tree.Entry
	for _, e := range c.from.Below(at) {
		if e.Path == at {
			continue
		}
		from := e.Path
		e.Path = path.Join(base, strings.TrimPrefix(from, at))
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

// putLink puts the hard link e, or the file that it names where that is not
// among those that moved.
func (c *copying) putLink(out *tree.Tree, e tree.Entry, moved map[string]string) error {
	if to, ok := moved[e.Link]; ok {
		e.Link = to
		return c.put(out, e)
	}
	file, err := c.from.Lookup(e.Link)
	if err != nil {
		return err
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
	e.Why = c.why()
	return out.Put(e)
}

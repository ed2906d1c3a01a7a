package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// copy carries out a COPY or ADD.
func (b *builder) copy(ctx context.Context, s ship.Step) error {
	uid, gid, err := b.owner(s.Copy.Chown)
	if err != nil {
		return fmt.Errorf("--chown=%s: %w", s.Copy.Chown, err)
	}
	c := copying{Copy: *s.Copy, step: s, to: &b.tree, uid: uid, gid: gid, time: b.time()}
	var addresses []string
	if c.Fetch {
		addresses, c.Sources = splitAddresses(c.Sources)
	}
	for _, addr := range addresses {
		if err := b.addAddress(ctx, c, addr); err != nil {
			return err
		}
	}
	if len(c.Sources)+len(c.Inline) == 0 {
		return nil
	}
	if err := b.copyFrom(ctx, s, &c); err != nil {
		return err
	}
	if c.Unpack {
		if err := b.unpackSources(ctx, &c); err != nil {
			return err
		}
	}
	if len(c.Sources)+len(c.Inline) == 0 {
		return nil
	}
	return b.mergeCopy(c)
}

// mergeCopy puts the files of c into the tree.
func (b *builder) mergeCopy(c copying) error {
	part, err := c.into()
	if err != nil {
		return err
	}
	if err := makeDirs(&b.tree, path.Dir(path.Clean(c.Dest)), tree.Entry{
		Type: tree.Dir, Mode: 0o755, UID: c.uid, GID: c.gid, ModTime: b.time(), Why: c.why(),
	}); err != nil {
		return err
	}
	return b.tree.Merge(part, false)
}

// copyFrom finds the files that c copies: of a stage, an image, or the build
// context.
func (b *builder) copyFrom(ctx context.Context, s ship.Step, c *copying) error {
	switch {
	case c.From == "":
		c.what = "the build context " + b.ship.Context
		t, err := b.context(ctx, c.Copy)
		c.from = &t
		return err
	case c.Stage:
		c.own, c.what = true, "stage "+c.From
		i, err := strconv.Atoi(c.From)
		if err != nil {
			return err
		}
		st, err := b.otherStage(ctx, i)
		if err != nil {
			return err
		}
		c.from = &st.tree
	default:
		c.own, c.what = true, "image "+c.From
		st, err := b.fromImage(ctx, c.From)
		if err != nil {
			return err
		}
		c.from = &st.tree
	}
	return c.exclude()
}

// otherStage builds another stage while one is being built.
func (b *builder) otherStage(ctx context.Context, i int) (*stage, error) {
	t, layers, base := b.tree, b.layers, b.base
	s, err := b.stage(ctx, i)
	b.tree, b.layers, b.base = t, layers, base
	return s, err
}

// exclude takes what --exclude names out of files that are no context's.
func (c *copying) exclude() error {
	if len(c.Exclude) == 0 {
		return nil
	}
	pm, err := patternmatcher.New(c.Exclude)
	if err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	left := c.from.Clone()
	for _, e := range c.from.All() {
		out, err := pm.MatchesOrParentMatches(strings.TrimPrefix(e.Path, "/"))
		if err != nil {
			return fmt.Errorf("--exclude: %w", err)
		}
		if out {
			left.Remove(e.Path)
		}
	}
	c.from = &left
	return nil
}

// context reads those files of the build context that c names, without what
// .dockerignore and --exclude leave out.
func (b *builder) context(ctx context.Context, c ship.Copy) (tree.Tree, error) {
	var all tree.Tree
	if b.ship.Context == "" && len(c.Sources) > 0 {
		return all, errNoContext
	}
	skip, err := skipper(append(append([]string(nil), b.ship.Ignore...), c.Exclude...))
	if err != nil {
		return all, err
	}
	for _, pattern := range c.Sources {
		rel := strings.TrimPrefix(path.Join("/", filepath.ToSlash(pattern)), "/")
		hosts, err := filepath.Glob(filepath.Join(globQuote(b.ship.Context), filepath.FromSlash(rel)))
		if err != nil {
			return all, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		for _, host := range hosts {
			if err := b.addContext(ctx, &all, host, skip); err != nil {
				return all, err
			}
		}
	}
	all.MakeParents(b.time())
	return all, nil
}

// globQuote makes a folder's name a pattern that only it matches.
func globQuote(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// addContext adds the file or folder of the context at host. A symbolic link
// is followed, as long as it stays in the context.
func (b *builder) addContext(ctx context.Context, all *tree.Tree, host string, skip func(string, bool) bool) error {
	root, err := filepath.EvalSymlinks(b.ship.Context)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(host)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s leads out of the build context, to %s", host, real)
	}
	rel, err := filepath.Rel(b.ship.Context, host)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	fi, err := os.Stat(real)
	if err != nil {
		return err
	}
	if rel != "." && skip(rel, fi.IsDir()) {
		return nil
	}
	at := path.Join("/", rel)
	if !fi.IsDir() {
		e, err := tree.FromFile(real, at, uint32(fi.Mode().Perm()), "")
		if err != nil {
			return err
		}
		b.noteInput(host, &e)
		return all.Put(e)
	}
	t, err := tree.FromDir(ctx, real, tree.DirOptions{At: at, Skip: func(below string, isDir bool) bool {
		return skip(path.Join(rel, below), isDir)
	}})
	if err != nil {
		return err
	}
	if t, err = b.noteInputs(host, at, t); err != nil {
		return err
	}
	if at != "/" {
		if err := all.Put(tree.Entry{Path: at, Type: tree.Dir, Mode: 0o755, ModTime: b.ownTime(fi.ModTime())}); err != nil {
			return err
		}
	}
	return all.Merge(t, false)
}

// skipper returns what reports whether the patterns of a .dockerignore leave
// a path of the context out.
func skipper(patterns []string) (func(rel string, isDir bool) bool, error) {
	if len(patterns) == 0 {
		return func(string, bool) bool { return false }, nil
	}
	pm, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}
	return func(rel string, isDir bool) bool {
		out, err := pm.MatchesOrParentMatches(rel)
		// A pattern that begins with ! may bring back what is in a folder.
		return err == nil && out && !(isDir && pm.Exclusions())
	}, nil
}

// splitAddresses parts web addresses from paths.
func splitAddresses(sources []string) (addresses, paths []string) {
	for _, s := range sources {
		if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
			addresses = append(addresses, s)
			continue
		}
		paths = append(paths, s)
	}
	return addresses, paths
}

// addAddress adds the file at a web address.
func (b *builder) addAddress(ctx context.Context, c copying, addr string) error {
	if b.Fetch == nil || b.Cache == "" {
		return fmt.Errorf("%s: nothing can be fetched here", addr)
	}
	u, err := url.Parse(addr)
	if err != nil {
		return err
	}
	name := path.Base(u.Path)
	if name == "/" || name == "." {
		return fmt.Errorf("%s: the address has no file's name in it: name the target in full", addr)
	}
	var e tree.Entry
	b.progress("fetch " + addr)
	err = b.Fetch.File(ctx, addr, c.Checksum, func(file string) error {
		var err error
		e, err = b.keepFile(file, name)
		return err
	})
	if err != nil {
		return err
	}
	var from tree.Tree
	if err := from.Put(e); err != nil {
		return err
	}
	b.report.Fetched = append(b.report.Fetched, Fetched{addr, e.Digest})
	c.from, c.Sources, c.Inline, c.what = &from, []string{e.Path}, nil, addr
	return b.mergeCopy(c)
}

// keepFile keeps the bytes of a host file in the cache, and returns an entry
// of the name for them, with the mode that ADD gives to what it fetched.
func (b *builder) keepFile(host, name string) (tree.Entry, error) {
	e, err := tree.FromFile(host, "/"+name, 0o600, "")
	if err != nil {
		return e, err
	}
	e.ModTime = b.time()
	entries, err := b.keep(strings.TrimPrefix(e.Digest, "sha256:")+"-file", func(w *pack.Writer) error {
		f, err := e.Open()
		if err != nil {
			return err
		}
		_, err = w.Add(e, f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return e, err
	}
	e.Content = entries[0].Content
	return e, nil
}

// keep returns the pack of the name, which fill makes where there is none.
func (b *builder) keep(name string, fill func(*pack.Writer) error) ([]tree.Entry, error) {
	dir := filepath.Join(b.Cache, "adds")
	file := filepath.Join(dir, name+".pack")
	if entries, err := pack.Read(file, nil); err == nil {
		return entries, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := pack.Create(file, fill); err != nil {
		return nil, err
	}
	return pack.Read(file, nil)
}

// unpackSources puts what is in those sources that are archives into the
// tree, and leaves the others in c.Sources.
func (b *builder) unpackSources(ctx context.Context, c *copying) error {
	var rest []string
	for _, pattern := range c.Sources {
		paths, err := c.match(pattern)
		if err != nil {
			return err
		}
		for _, p := range paths {
			e, err := c.from.Lookup(p)
			if err != nil && p != "/" {
				return err
			}
			done, err := b.unpack(ctx, *c, e)
			if err != nil {
				return fmt.Errorf("unpack %s: %w", p, err)
			}
			if !done {
				rest = append(rest, p)
			}
		}
	}
	c.Sources = rest
	return nil
}

// unpack puts what is in e into the tree, if it is an archive.
func (b *builder) unpack(ctx context.Context, c copying, e tree.Entry) (bool, error) {
	if e.Type != tree.File || b.Cache == "" {
		return false, nil
	}
	is, err := isTar(ctx, e)
	if err != nil || !is {
		return false, err
	}
	entries, err := b.keep(strings.TrimPrefix(e.Digest, "sha256:")+"-tar", func(w *pack.Writer) error {
		return readTar(ctx, e, func(e tree.Entry, body io.Reader) error {
			_, err := w.Add(e, body)
			return err
		})
	})
	if err != nil {
		return false, err
	}
	var from tree.Tree
	for _, e := range entries {
		if err := from.Put(e); err != nil {
			return false, err
		}
	}
	c.from, c.Sources, c.Inline, c.own, c.what = &from, []string{"/"}, nil, true, e.Path
	return true, b.mergeCopy(c)
}

// errEnough ends the reading of an archive.
var errEnough = errors.New("enough")

// isTar reports whether e begins as an archive does, packed or not.
func isTar(ctx context.Context, e tree.Entry) (bool, error) {
	if e.Size < 20 { // the smallest that any compressor makes of one is larger
		return false, nil
	}
	err := readTar(ctx, e, func(tree.Entry, io.Reader) error { return errEnough })
	if errors.Is(err, errEnough) {
		return true, nil
	}
	var local *fs.PathError
	if errors.As(err, &local) || ctx.Err() != nil {
		return false, err
	}
	return false, nil
}

func readTar(ctx context.Context, e tree.Entry, add func(tree.Entry, io.Reader) error) (err error) {
	f, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := archive.Decompress(f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return archive.ReadTar(ctx, r, archive.Limits{}, add)
}

package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Gatherer puts files of a catalog into a tree, and with them all that they
// need: the folders above, what symbolic links lead to, interpreters, and
// libraries by DT_NEEDED, as the loader would look for them. What the tree
// has already stays, and is looked at for its needs, too.
type Gatherer struct {
	Tree    *Tree
	Catalog Catalog

	wanted map[string]string // paths of the catalog, and why
	order  []string          // wanted, as it came to be
	seen   map[string]bool   // files whose needs are known
}

// Add asks for the files that the pattern (path.Match, on whole paths) names,
// with all below them where they are folders, for the reason why. It fails
// with fs.ErrNotExist where neither tree nor catalog has any.
func (g *Gatherer) Add(ctx context.Context, pattern, why string) error {
	paths, err := g.glob(ctx, path.Clean("/"+pattern))
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := g.want(ctx, p, why); err != nil {
			return err
		}
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s: %w", pattern, fs.ErrNotExist)
	}
	return nil
}

// Close finds what the tree and all that was asked for need, fetches it, and
// puts it into the tree. A library that is nowhere is left to Tree.Missing.
func (g *Gatherer) Close(ctx context.Context) error {
	if err := g.closeTree(ctx); err != nil {
		return err
	}
	for i := 0; i < len(g.order); i++ { // needs are added behind
		if err := g.closeFile(ctx, g.order[i]); err != nil {
			return err
		}
	}
	slices.Sort(g.order) // folders before what is in them
	entries, err := g.Catalog.Get(ctx, g.order)
	if err != nil {
		return err
	}
	for i, e := range entries {
		e.Why = g.wanted[g.order[i]]
		if err := g.Tree.Put(e); err != nil {
			return err
		}
	}
	g.wanted, g.order = nil, nil
	return nil
}

// closeTree adds what the files of the tree need.
func (g *Gatherer) closeTree(ctx context.Context) error {
	for _, e := range g.Tree.All() {
		if e.Type != File || e.Mode&0o111 == 0 && !isLibrary(e.Path) || g.seen[e.Path] {
			continue
		}
		n, err := e.Needs()
		if err != nil {
			return err
		}
		if err := g.wantNeeds(ctx, e.Path, n); err != nil {
			return err
		}
	}
	return nil
}

// closeFile adds what a wanted file of the catalog needs.
func (g *Gatherer) closeFile(ctx context.Context, p string) error {
	e, err := g.Catalog.Stat(ctx, p)
	if err != nil {
		return err
	}
	if e.Type == Hardlink {
		e.Path = e.Link
	} else if e.Type != File {
		return nil
	}
	n, err := g.Catalog.Needs(ctx, e.Path)
	if err != nil {
		return fmt.Errorf("look for what %s needs: %w", p, err)
	}
	return g.wantNeeds(ctx, p, n)
}

// wantNeeds adds what the file at p needs.
func (g *Gatherer) wantNeeds(ctx context.Context, p string, n Needs) error {
	if g.seen == nil {
		g.seen = make(map[string]bool)
	}
	if g.seen[p] {
		return nil
	}
	g.seen[p] = true
	why := "needed by " + p
	var needs []string
	if n.Script != "" {
		needs = append(needs, n.Script)
	}
	if n.ELF != nil {
		if n.ELF.Interp != "" {
			needs = append(needs, n.ELF.Interp)
		}
		for _, lib := range n.ELF.Needed {
			at, err := g.library(ctx, p, *n.ELF, lib)
			if err != nil {
				return err
			}
			needs = append(needs, at)
		}
	}
	for _, need := range needs {
		if err := g.want(ctx, path.Clean(need), why); need != "" && err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// library returns where the loader finds the library that the file at from
// names, or "".
func (g *Gatherer) library(ctx context.Context, from string, f ELF, lib string) (string, error) {
	if strings.Contains(lib, "/") {
		return lib, nil
	}
	for _, dir := range searchDirs(from, f) {
		p := path.Join(dir, lib)
		_, err := g.resolve(ctx, p, nil)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", nil
}

// want adds the file at p, the links and folders on the way to it, and, if it
// is a folder, all below it.
func (g *Gatherer) want(ctx context.Context, p, why string) error {
	var way []Entry
	end, err := g.resolve(ctx, p, func(e Entry) { way = append(way, e) })
	if err != nil {
		return err
	}
	for _, e := range way {
		g.add(e, why)
	}
	if end.Type != Dir || strings.HasPrefix(why, "needed by ") {
		return nil
	}
	below, err := g.Catalog.Below(ctx, end.Path)
	if err != nil {
		return err
	}
	for _, e := range below {
		g.add(e, why)
	}
	return nil
}

// add notes that the catalog's entry is wanted, unless the tree has its path.
func (g *Gatherer) add(e Entry, why string) {
	if _, ok := g.Tree.Get(e.Path); ok || g.wanted[e.Path] != "" {
		return
	}
	if g.wanted == nil {
		g.wanted = make(map[string]string)
	}
	g.wanted[e.Path] = why
	g.order = append(g.order, e.Path)
}

// resolve follows p through the tree and, where that has nothing, the
// catalog, and returns the entry at its end. Each entry of the catalog on the
// way is told to passed, which may be nil.
func (g *Gatherer) resolve(ctx context.Context, p string, passed func(Entry)) (Entry, error) {
	rest, done := strings.Split(strings.Trim(p, "/"), "/"), "/"
	last := Entry{Path: "/", Type: Dir}
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		done = path.Join(done, name)
		e, own, err := g.stat(ctx, done)
		if err != nil {
			return Entry{}, err
		}
		if !own && passed != nil && done != "/" {
			passed(e)
		}
		last = e
		if e.Type != Symlink {
			continue
		}
		if links++; links > maxLinks {
			return Entry{}, fmt.Errorf("resolve %s: more than %d symbolic links", p, maxLinks)
		}
		done = path.Dir(done)
		if path.IsAbs(e.Link) {
			done = "/"
		}
		rest = append(strings.Split(e.Link, "/"), rest...)
	}
	return last, nil
}

// stat returns the entry at p, and whether it is the tree's own.
func (g *Gatherer) stat(ctx context.Context, p string) (Entry, bool, error) {
	if p == "/" {
		return Entry{Path: p, Type: Dir}, true, nil
	}
	if e, ok := g.Tree.Get(p); ok {
		return e, true, nil
	}
	e, err := g.Catalog.Stat(ctx, p)
	return e, false, err
}

// glob returns the paths of tree and catalog that match the pattern.
func (g *Gatherer) glob(ctx context.Context, pattern string) ([]string, error) {
	_, err := g.resolve(ctx, pattern, nil)
	if err == nil { // also for /bin/[, which is no pattern
		return []string{pattern}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		if _, _, serr := g.stat(ctx, pattern); serr == nil { // a link that leads nowhere
			return []string{pattern}, nil
		}
		return nil, err
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, fs.ErrNotExist) // nor is it a pattern
	}
	fixed := pattern[:strings.IndexAny(pattern, `*?[\`)]
	below, err := g.Catalog.Below(ctx, path.Dir(fixed+"x"))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range append(below, g.Tree.Below(path.Dir(fixed+"x"))...) {
		if ok, err := path.Match(pattern, e.Path); ok && err == nil && !slices.Contains(all, e.Path) {
			all = append(all, e.Path)
		}
	}
	return all, nil
}

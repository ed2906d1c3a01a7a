package store

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Words at the start of an Entry.Why that lead on: to a file, to a package.
const (
	neededBy    = "needed by "
	fromPackage = "package "
)

// maxReasons bounds a chain, which a damaged image could make endless.
const maxReasons = 100

// Why returns the chain of what brought the file at p into an image, in words:
// the file that needs it, the package which that is from, the package that
// needs that one, and what asked for it. The entry is that of p, or of what p
// leads to. The error is fs.ErrNotExist, with the path that may have been meant.
func Why(t *tree.Tree, packages []Package, p string) (tree.Entry, []string, error) {
	e, ok := t.Get(p)
	if !ok {
		var err error
		if e, err = t.Lookup(p); err != nil {
			return e, nil, noPath(t, p)
		}
	}
	c := chain{tree: t, packages: packages}
	c.follow(e.Why)
	return e, c.reasons, nil
}

func noPath(t *tree.Tree, p string) error {
	var paths []string
	for _, e := range t.All() {
		paths = append(paths, e.Path)
	}
	if near := spelling.Nearest(p, paths); near != "" {
		return fmt.Errorf("%s: %w (did you mean %s?)", p, fs.ErrNotExist, near)
	}
	return fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

// A chain is built of an Entry.Why and what follows from it.
type chain struct {
	tree     *tree.Tree
	packages []Package
	reasons  []string
	pkg      string // the first package on the way: "nginx 1.26.2"
	seen     map[string]bool
}

func (c *chain) follow(why string) {
	for len(c.reasons) < maxReasons && why != "" {
		if text, ok := strings.CutPrefix(why, fromPackage); ok {
			c.fromPackage(text)
			return
		}
		c.reasons = append(c.reasons, why)
		p, ok := strings.CutPrefix(why, neededBy)
		if !ok || c.seen[p] {
			return
		}
		if c.seen == nil {
			c.seen = map[string]bool{}
		}
		c.seen[p] = true
		e, err := c.tree.Lookup(p)
		if err != nil {
			return
		}
		why = e.Why
	}
}

// fromPackage goes from a package, as "nginx 1.26.2", to what asked for it.
func (c *chain) fromPackage(text string) {
	c.pkg = text
	name, version, _ := strings.Cut(text, " ")
	if version == "" {
		c.reasons = append(c.reasons, "from package "+name)
	} else {
		c.reasons = append(c.reasons, "from package "+name+"-"+version)
	}
	p, ok := c.find(name)
	for seen := map[string]bool{}; ok && p.For != "" && !seen[p.Name]; {
		seen[p.Name] = true
		c.reasons = append(c.reasons, "needed by package "+p.For)
		p, ok = c.find(p.For)
	}
	if ok && p.Asked != "" {
		c.reasons = append(c.reasons, "asked for by "+p.Asked)
	}
}

func (c *chain) find(name string) (Package, bool) {
	i := slices.IndexFunc(c.packages, func(p Package) bool { return p.Name == name })
	if i < 0 {
		return Package{}, false
	}
	return c.packages[i], true
}

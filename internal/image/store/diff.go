package store

import (
	"maps"
	"path"
	"slices"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Diff returns the layer that makes after of base, as image.Diff, and with what
// other programs need that unpack layers: the folders above what is different,
// which they would make anew with other owners, and all names of a file of
// which one is.
func Diff(base, after *tree.Tree) Layer {
	d := image.Diff(base, after)
	in := map[string]bool{}
	for _, e := range d.Entries {
		in[e.Path] = true
	}
	addLinks(in, after)
	for _, p := range slices.Concat(slices.Collect(maps.Keys(in)), d.Removed) {
		for p = path.Dir(p); p != "/" && !in[p]; p = path.Dir(p) {
			in[p] = true
		}
	}
	l := Layer{Removed: d.Removed, Empty: d.Empty()}
	for _, p := range slices.Sorted(maps.Keys(in)) {
		if e, ok := after.Get(p); ok {
			l.Entries = append(l.Entries, e)
		}
	}
	return l
}

// addLinks adds all names of the files of which one name is in the set.
func addLinks(in map[string]bool, t *tree.Tree) {
	groups := map[string][]string{}
	for _, e := range t.All() {
		if e.Type == tree.Hardlink {
			groups[e.Link] = append(groups[e.Link], e.Path)
		}
	}
	for file, names := range groups {
		names = append(names, file)
		if !slices.ContainsFunc(names, func(p string) bool { return in[p] }) {
			continue
		}
		for _, p := range names {
			in[p] = true
		}
	}
}

package image

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Layer is what one step of a build changed.
type Layer struct {
	// Entries are the files that were added or changed, sorted by path.
	Entries []tree.Entry `json:"entries,omitempty"`
	// Removed are paths that are gone, with all below them. They are gone
	// before the entries are added.
	Removed []string `json:"removed,omitempty"`
}

// Empty reports whether nothing was changed.
func (l Layer) Empty() bool { return len(l.Entries) == 0 && len(l.Removed) == 0 }

// Diff returns what has to be done to base to get after. Beside what is new
// or different it has what other programs need that unpack layers: the folders
// above, which they would make anew with other owners, and all names of a file
// of which one is in it.
func Diff(base, after *tree.Tree) Layer {
	l := Layer{Removed: removed(base, after)}
	in := make(map[string]bool)
	for _, e := range after.All() {
		if old, ok := base.Get(e.Path); !ok || !same(old, e) || below(e.Path, l.Removed) {
			in[e.Path] = true
		}
	}
	addNames(in, after)
	for _, p := range slices.Concat(slices.Collect(maps.Keys(in)), l.Removed) {
		for p = path.Dir(p); p != "/" && !in[p]; p = path.Dir(p) {
			in[p] = true
		}
	}
	for _, p := range slices.Sorted(maps.Keys(in)) {
		if e, ok := after.Get(p); ok {
			l.Entries = append(l.Entries, e)
		}
	}
	return l
}

// removed returns the paths of base that are gone, or that are a folder where
// there was none or the other way round, without those below others.
func removed(base, after *tree.Tree) []string {
	var gone []string
	for _, e := range base.All() {
		now, ok := after.Get(e.Path)
		if (!ok || (e.Type == tree.Dir) != (now.Type == tree.Dir)) && !below(e.Path, gone) {
			gone = append(gone, e.Path)
		}
	}
	return gone
}

// addNames adds all names of the files of which one name is in the set.
func addNames(in map[string]bool, t *tree.Tree) {
	names := make(map[string][]string)
	for _, e := range t.All() {
		if e.Type == tree.Hardlink {
			names[e.Link] = append(names[e.Link], e.Path)
		}
	}
	for file, all := range names {
		all = append(all, file)
		if !slices.ContainsFunc(all, func(p string) bool { return in[p] }) {
			continue
		}
		for _, p := range all {
			in[p] = true
		}
	}
}

// below reports whether p is one of the sorted paths or below one.
func below(p string, paths []string) bool {
	for p != "" {
		if _, ok := slices.BinarySearch(paths, p); ok {
			return true
		}
		p = p[:strings.LastIndexByte(p, '/')]
	}
	return false
}

// same reports whether both are the same file, wherever its bytes are and
// whyever it is there.
func same(a, b tree.Entry) bool {
	return a.Path == b.Path && a.Type == b.Type && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID &&
		a.Size == b.Size && a.Link == b.Link && a.Major == b.Major && a.Minor == b.Minor && a.Digest == b.Digest &&
		a.ModTime.Equal(b.ModTime) && tree.SameXattrs(a, b)
}

// Apply changes t as the layer says.
func (l Layer) Apply(t *tree.Tree) error {
	for _, p := range l.Removed {
		t.Remove(p)
	}
	for _, e := range l.Entries {
		if err := t.Put(e); err != nil {
			return err
		}
	}
	return nil
}

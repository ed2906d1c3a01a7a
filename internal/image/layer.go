package image

import (
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

// Diff returns what has to be done to base to get after.
func Diff(base, after *tree.Tree) Layer {
	var l Layer
	for _, e := range base.All() {
		now, ok := after.Get(e.Path)
		gone := !ok || (e.Type == tree.Dir) != (now.Type == tree.Dir)
		if gone && !below(e.Path, l.Removed) {
			l.Removed = append(l.Removed, e.Path)
		}
	}
	for _, e := range after.All() {
		old, ok := base.Get(e.Path)
		if !ok || !same(old, e) || below(e.Path, l.Removed) || movedLink(base, after, e) {
			l.Entries = append(l.Entries, e)
		}
	}
	return l
}

// movedLink reports whether e is another name of a file that changed, and so
// has to be given anew with it.
func movedLink(base, after *tree.Tree, e tree.Entry) bool {
	if e.Type != tree.Hardlink {
		return false
	}
	old, ok := base.Get(e.Link)
	now, _ := after.Get(e.Link)
	return !ok || !same(old, now)
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
		a.ModTime.Equal(b.ModTime)
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

package netbsd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// index is what is known of a set's archive once it was read. Indexes are not
// changed after they were made.
type index struct {
	digest string // of the archive, "sha256:" and hex
	size   int64  // of the archive in bytes
	// entries are sorted by path, one for each. Content.Offset is the entry's
	// place in the archive, counted from 0; a Hardlink's Link is the path of
	// the File among them.
	entries []tree.Entry
	needs   []need // sorted by entry
}

// need is what a File needs, or why it can't be told.
type need struct {
	entry   int // index of entries
	needs   tree.Needs
	problem string
}

// find returns the number of the entry at p.
func (ix *index) find(p string) (int, bool) {
	return slices.BinarySearchFunc(ix.entries, p, func(e tree.Entry, p string) int { return strings.Compare(e.Path, p) })
}

// file returns the number of the entry that has what the one numbered i names:
// its own, but for a Hardlink.
func (ix *index) file(i int) int {
	if ix.entries[i].Type != tree.Hardlink {
		return i
	}
	i, _ = ix.find(ix.entries[i].Link) // check made sure of it
	return i
}

// below returns the range of the entries that are below p, p itself not among
// them. They are not next to it: /a-b comes between /a and /a/b.
func (ix *index) below(p string) (from, to int) {
	prefix := strings.TrimSuffix(p, "/") + "/"
	from, _ = ix.find(prefix)
	if from < len(ix.entries) && ix.entries[from].Path == "/" {
		from++
	}
	to = from
	for to < len(ix.entries) && strings.HasPrefix(ix.entries[to].Path, prefix) {
		to++
	}
	return from, to
}

// needsOf returns what the File numbered i needs.
func (ix *index) needsOf(i int) (tree.Needs, error) {
	at, ok := slices.BinarySearchFunc(ix.needs, i, func(n need, i int) int { return n.entry - i })
	if !ok {
		return tree.Needs{}, nil
	}
	if n := ix.needs[at]; n.problem != "" {
		return tree.Needs{}, fmt.Errorf("read what %s needs: %s", ix.entries[i].Path, n.problem)
	}
	return ix.needs[at].needs, nil
}

// check looks whether find and file may be used on the index.
func (ix *index) check() error {
	for i, e := range ix.entries {
		if i > 0 && ix.entries[i-1].Path >= e.Path {
			return fmt.Errorf("%s is not in its place", e.Path)
		}
		if e.Type != tree.Hardlink {
			continue
		}
		to, ok := ix.find(e.Link)
		if !ok || ix.entries[to].Type != tree.File {
			return fmt.Errorf("%s is another name of %s, which is no file of it", e.Path, e.Link)
		}
	}
	for i, n := range ix.needs {
		if n.entry < 0 || n.entry >= len(ix.entries) || i > 0 && ix.needs[i-1].entry >= n.entry {
			return fmt.Errorf("needs of entry %d of %d", n.entry, len(ix.entries))
		}
	}
	return nil
}

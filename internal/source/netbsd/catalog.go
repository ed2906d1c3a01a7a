package netbsd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/spelling"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Sets are the sets that Source.Open opened, as a tree.Catalog. Several
// goroutines may use them at once.
type Sets struct {
	source *Source
	layers []layer // later ones win
}

var _ tree.Catalog = (*Sets)(nil)

// layer is a set, or some of it.
type layer struct {
	set     *set
	members []string // patterns; none: all
}

// set is one archive.
type set struct {
	key   string // begins the names of our own files about it
	file  string // address or path of the archive
	local bool   // file is one of the host that no mirror published
	pkg   source.Package
	index *index

	mu   sync.Mutex
	kept map[int]tree.Entry // files that are there, by their numbers in index
}

// use gives the set its index.
func (s *set) use(ix *index) {
	s.index = ix
	s.pkg.Size = ix.size
	if s.local {
		s.pkg.Digest = ix.digest
	}
}

// Packages returns what the sets are, for lock files and lists of contents:
// each once, in order.
func (s *Sets) Packages() []source.Package {
	var all []source.Package
	for _, one := range s.sets() {
		all = append(all, one.pkg)
	}
	return all
}

// Key changes when the same names may mean other files than before.
func (s *Sets) Key() string {
	h := sha256.New()
	for _, l := range s.layers {
		fmt.Fprintf(h, "%s %q\n", l.set.index.digest, l.members)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// sets returns each set once.
func (s *Sets) sets() []*set {
	var all []*set
	for _, l := range s.layers {
		if !slices.Contains(all, l.set) {
			all = append(all, l.set)
		}
	}
	return all
}

// String implements tree.Catalog.
func (s *Sets) String() string {
	var names []string
	for _, one := range s.sets() {
		names = append(names, one.pkg.Name)
	}
	return s.source.String() + " sets " + strings.Join(names, ", ")
}

// Stat implements tree.Catalog. A file with several names is a File at each.
func (s *Sets) Stat(ctx context.Context, p string) (tree.Entry, error) {
	h, err := s.find(ctx, p)
	if err != nil {
		return tree.Entry{}, err
	}
	return h.entry(), nil
}

// Needs implements tree.Catalog.
func (s *Sets) Needs(ctx context.Context, p string) (tree.Needs, error) {
	h, err := s.find(ctx, p)
	if err != nil {
		return tree.Needs{}, err
	}
	return h.set.index.needsOf(h.file())
}

// Below implements tree.Catalog. Of a file with several names there the first
// is the File, and the others are Hardlinks to it.
func (s *Sets) Below(ctx context.Context, p string) ([]tree.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var hits []hit
	if h, ok := s.lookup(p); ok {
		hits = append(hits, h)
	}
	for n, l := range s.layers {
		for i, to := l.set.index.below(p); i < to; i++ {
			h := hit{l.set, i}
			if matches(l.members, h.path()) && !s.hidden(n, h.path()) {
				hits = append(hits, h)
			}
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return strings.Compare(a.path(), b.path()) })
	all := make([]tree.Entry, len(hits))
	names := make(map[hit]string)
	for i, h := range hits {
		all[i] = h.linked(names)
	}
	return all, nil
}

// find returns what is at p.
func (s *Sets) find(ctx context.Context, p string) (hit, error) {
	if err := ctx.Err(); err != nil {
		return hit{}, err
	}
	h, ok := s.lookup(p)
	if !ok {
		return hit{}, fmt.Errorf("%s in %s: %w", p, s, fs.ErrNotExist)
	}
	return h, nil
}

func (s *Sets) lookup(p string) (hit, bool) {
	for _, l := range slices.Backward(s.layers) {
		if h, ok := l.get(p); ok {
			return h, true
		}
		if l.covers(p) {
			break
		}
	}
	return hit{}, false
}

// hidden reports whether what the layer numbered n has at p is not to be seen,
// for a layer after it.
func (s *Sets) hidden(n int, p string) bool {
	for _, l := range s.layers[n+1:] {
		if _, ok := l.get(p); ok || l.covers(p) {
			return true
		}
	}
	return false
}

// checkMembers fails where the patterns of a layer name nothing.
func (s *Sets) checkMembers() error {
	for _, l := range s.layers {
		for _, m := range l.members {
			if !slices.ContainsFunc(l.set.index.entries, func(e tree.Entry) bool { return matches([]string{m}, e.Path) }) {
				return l.noMember(m)
			}
		}
	}
	return nil
}

func (l layer) noMember(m string) error {
	var paths []string
	for _, e := range l.set.index.entries {
		paths = append(paths, e.Path)
	}
	if near := spelling.Nearest(m, paths); near != "" {
		return fmt.Errorf("set %s has no %s (did you mean %s?): %w", l.set.pkg.Name, m, near, fs.ErrNotExist)
	}
	return fmt.Errorf("set %s has no %s: %w", l.set.pkg.Name, m, fs.ErrNotExist)
}

// get returns what the layer has at p.
func (l layer) get(p string) (hit, bool) {
	i, ok := l.set.index.find(p)
	return hit{l.set, i}, ok && matches(l.members, p)
}

// covers reports whether the layer has something above p that is no folder.
func (l layer) covers(p string) bool {
	for p != "/" && p != "." {
		p = path.Dir(p)
		if h, ok := l.get(p); ok {
			return h.set.index.entries[h.n].Type != tree.Dir
		}
	}
	return false
}

// hit is an entry of a set, by its number.
type hit struct {
	set *set
	n   int
}

func (h hit) path() string { return h.set.index.entries[h.n].Path }

// file returns the number of the entry that has what h names.
func (h hit) file() int { return h.set.index.file(h.n) }

// entry returns the entry as it is where it has no other name.
func (h hit) entry() tree.Entry {
	e := h.set.index.entries[h.file()]
	e.Path = h.path()
	e.Content = tree.Content{}
	e.Why = "set " + h.set.pkg.Name
	return e
}

// linked returns entry, or a Hardlink where names has another name of the file.
func (h hit) linked(names map[hit]string) tree.Entry {
	e := h.entry()
	if e.Type != tree.File {
		return e
	}
	id := hit{h.set, h.file()}
	first, ok := names[id]
	if !ok {
		names[id] = e.Path
	} else if first != e.Path {
		e.Type, e.Link, e.Size = tree.Hardlink, first, 0
	}
	return e
}

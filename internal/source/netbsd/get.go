package netbsd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Get implements tree.Catalog. Of a file with several names in paths the first
// is the File, and the others are Hardlinks to it. Files that were never
// wanted before are taken from their set's archive in one pass over it.
func (s *Sets) Get(ctx context.Context, paths []string) ([]tree.Entry, error) {
	hits := make([]hit, len(paths))
	bySet := make(map[*set][]int)
	for i, p := range paths {
		h, err := s.find(ctx, p)
		if err != nil {
			return nil, err
		}
		hits[i] = h
		if h.entry().Type == tree.File {
			bySet[h.set] = append(bySet[h.set], h.file())
		}
	}
	for _, one := range s.sets() { // in this order, for the messages' sake
		if err := s.source.keep(ctx, one, bySet[one]); err != nil {
			return nil, fmt.Errorf("get files of set %s of %s: %w", one.pkg.Name, s.source, err)
		}
	}
	all := make([]tree.Entry, len(paths))
	names := make(map[hit]string)
	for i, h := range hits {
		all[i] = h.linked(names)
		if all[i].Type == tree.File {
			all[i].Digest, all[i].Content = h.set.content(h.file())
		}
	}
	return all, nil
}

// content returns the digest of a file that is kept, and where its bytes are.
func (one *set) content(file int) (string, tree.Content) {
	one.mu.Lock()
	defer one.mu.Unlock()
	e := one.kept[file]
	return e.Digest, e.Content
}

// keep sees to it that the files of the set, by their numbers, are kept.
func (s *Source) keep(ctx context.Context, one *set, files []int) (err error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if len(one.missing(files)) == 0 {
		return nil
	}
	if err := s.readPacks(one); err != nil || len(one.missing(files)) == 0 {
		return err
	}
	unlock, err := s.lock(ctx, one)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// Another process may have taken them while this one waited.
	if err := s.readPacks(one); err != nil {
		return err
	}
	missing := one.missing(files)
	if len(missing) == 0 {
		return nil
	}
	return s.withArchive(ctx, one, func(archive string) error {
		s.Say(fmt.Sprintf("unpack %d files of set %s", len(missing), one.pkg.File))
		if err := s.extract(ctx, one, archive, missing); err != nil {
			return fmt.Errorf("read %s: %w", one.file, err)
		}
		return nil
	})
}

// missing returns those of files that are not kept, each once.
func (one *set) missing(files []int) []int {
	var out []int
	for _, n := range files {
		if _, ok := one.kept[n]; !ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// packs returns the packs of the set that there are. None is ever changed:
// trees name bytes in them by their places.
func (s *Source) packs(one *set) ([]string, error) {
	var all []string
	for n := 1; ; n++ {
		p := s.pack(one, n)
		_, err := os.Stat(p)
		if errors.Is(err, os.ErrNotExist) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

func (s *Source) pack(one *set, n int) string { return s.cached(one, fmt.Sprintf(".%d.pack", n)) }

// readPacks notes what is kept of the set.
func (s *Source) readPacks(one *set) error {
	packs, err := s.packs(one)
	if err != nil {
		return err
	}
	one.kept = make(map[int]tree.Entry)
	for _, p := range packs {
		entries, err := pack.Read(p, nil)
		if errors.Is(err, pack.ErrDamaged) {
			s.Log().Warn("files of a set are taken from its archive again", "set", one.pkg.Name, "err", err)
			continue
		}
		if err != nil {
			return err
		}
		one.note(entries)
	}
	return nil
}

// note adds what a pack has to what is kept.
func (one *set) note(entries []tree.Entry) {
	for _, e := range entries {
		n, ok := one.index.find(e.Path)
		if ok && e.Type == tree.File && one.index.entries[n].Type == tree.File && one.index.entries[n].Size == e.Size {
			one.kept[n] = e
		}
	}
}

// errEnough ends the reading of an archive.
var errEnough = errors.New("all that is wanted was read")

// extract takes files, by their numbers, from the archive into a new pack.
func (s *Source) extract(ctx context.Context, one *set, archive string, files []int) error {
	packs, err := s.packs(one)
	if err != nil {
		return err
	}
	var added []tree.Entry
	err = pack.Create(s.pack(one, len(packs)+1), func(w *pack.Writer) error {
		x := extraction{ix: one.index, wanted: make(map[int64]int), w: w}
		for _, n := range files {
			x.wanted[one.index.entries[n].Content.Offset] = n
		}
		err := readArchive(ctx, archive, nil, x.add)
		if err == nil && len(x.wanted) > 0 {
			err = errChanged
		}
		if errors.Is(err, errEnough) {
			err = nil
		}
		added = x.added
		return err
	})
	if err != nil {
		return err
	}
	one.note(added)
	return nil
}

var errChanged = errors.New("it is not what it was when it was read first")

// extraction takes files from an archive.
type extraction struct {
	ix     *index
	wanted map[int64]int // numbers of entries by their places in the archive
	n      int64         // entries read
	w      *pack.Writer
	added  []tree.Entry
}

func (x *extraction) add(e tree.Entry, body io.Reader) error {
	n, ok := x.wanted[x.n]
	x.n++
	if !ok {
		return nil
	}
	delete(x.wanted, x.n-1)
	known := x.ix.entries[n]
	if e.Type != tree.File || e.Path != known.Path || e.Size != known.Size {
		return fmt.Errorf("%s: %w", known.Path, errChanged)
	}
	e, err := x.w.Add(e, body)
	if err != nil {
		return err
	}
	x.added = append(x.added, e)
	if len(x.wanted) == 0 {
		return errEnough
	}
	return nil
}

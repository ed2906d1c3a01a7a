package ffs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Grow enlarges the file system that begins at offset in f to size bytes, in
// place, as resize_ffs(8) does: the last group gets longer, new ones follow,
// and the summary area moves where it has no room to grow. The file gets as
// long as that if it is shorter; what is new in it stays a hole but for the
// new groups' headers and superblocks. A rest too small for a group's inodes
// is left out, as newfs(8) does.
//
// f is open for reading and writing. A file system that Check finds a fault
// in, or that was not unmounted cleanly, is refused, as is a smaller size; the
// same size changes nothing.
//
// What the old size does not use is written first and the superblock last. An
// error in between puts back what was there, and a process that is killed
// leaves the old size, marked as not clean if it was killed in the short while
// when the old groups change. Grow does not wait for the disk: that is for
// f.Sync.
func Grow(ctx context.Context, f *os.File, offset, size int64) error {
	if err := grow(ctx, f, offset, size); err != nil {
		return fmt.Errorf("enlarge the FFS in %s: %w", f.Name(), err)
	}
	return nil
}

func grow(ctx context.Context, f *os.File, offset, size int64) error {
	end, err := fileEnd(f)
	if err != nil {
		return err
	}
	if offset > 0 && size > math.MaxInt64-offset {
		return fmt.Errorf("%d bytes at %d: that is behind the end of any file", size, offset)
	}
	if offset < 0 || end <= offset {
		return fmt.Errorf("there is nothing at %d: the file has %d bytes", offset, end)
	}
	r := io.NewSectionReader(f, offset, end-offset)
	s, order, err := findSuperblock(r)
	if err != nil {
		return err
	}
	want := size >> s.FragmentShift
	if want < s.Size {
		return fmt.Errorf("it has %d bytes, more than the %d asked for: it can't be made smaller", s.Bytes(), size)
	}
	t, err := s.enlarged(want)
	if err != nil || t.Size == s.Size {
		return err
	}
	if err := s.growable(); err != nil {
		return err
	}
	if err := refuseDamaged(ctx, r); err != nil {
		return err
	}
	g := &growth{file: f, offset: offset, end: end, r: r, old: s, new: t, order: order, changed: map[uint32]*group{}}
	if err := g.plan(); err != nil {
		return err
	}
	return g.write(ctx, offset+size)
}

// fileEnd is the length of a file or device.
func fileEnd(f *os.File) (int64, error) {
	fi, err := f.Stat()
	if err != nil || fi.Mode().IsRegular() {
		return fi.Size(), err
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	_, err = f.Seek(at, io.SeekStart)
	return end, err
}

// refuseDamaged checks the file system in r.
func refuseDamaged(ctx context.Context, r *io.SectionReader) error {
	found, err := Check(ctx, r, r.Size())
	switch {
	case err != nil:
		return err
	case len(found) == 1:
		return fmt.Errorf("it is damaged, run fsck_ffs(8) on it first: %s", found[0])
	case len(found) > 1:
		return fmt.Errorf("it is damaged, run fsck_ffs(8) on it first: %s, and %d more faults", found[0], len(found)-1)
	}
	return nil
}

// growable returns an error for file systems with parts that Grow doesn't
// know how to enlarge.
func (s *Superblock) growable() error {
	if s.Version() == 1 && (s.OldFlags&flagsUpdated == 0 || s.OldCPG != 1 || s.OldNRPos != 1 || s.OldGroupMask != -1) {
		return errors.New("it has the disk geometry of before 2003: only newer ones can be enlarged")
	}
	if s.Flags&flagWAPBL != 0 && s.JournalLocation == journalAtEnd {
		return errors.New("its journal is behind it: mount it without log first")
	}
	if s.Snapshots != [len(s.Snapshots)]uint32{} {
		return errors.New("it has snapshots: remove them first")
	}
	return nil
}

// journalAtEnd is UFS_WAPBL_JOURNALLOC_END_PARTITION.
const journalAtEnd = 1

// enlarged returns a copy of s for size fragments, or as many of them as make
// groups. The summary area is still where it was.
func (s *Superblock) enlarged(size int64) (*Superblock, error) {
	t := *s
	if s.Version() == 1 && size > maxFragments {
		return nil, fmt.Errorf("an FFSv1 with fragments of %d bytes has at most %d bytes", s.FragmentSize, int64(maxFragments)<<s.FragmentShift)
	}
	groups := (size + int64(s.FragsPerGroup) - 1) / int64(s.FragsPerGroup)
	if rest := size - (groups-1)*int64(s.FragsPerGroup); rest < int64(s.DataAt) {
		groups--
		size = groups * int64(s.FragsPerGroup)
	}
	if size <= s.Size {
		return &t, nil
	}
	if most := maxInodes / int64(s.InodesPerGroup); groups > most {
		return nil, fmt.Errorf("with groups of %d inodes it can have %d bytes at most", s.InodesPerGroup, most*int64(s.FragsPerGroup)<<s.FragmentShift)
	}
	t.Size, t.Groups = size, uint32(groups)
	t.SummarySize = int32(s.fragRound(groups * summaryBytes))
	t.DataSize = t.dataFrags()
	return &t, nil
}

// A growth is one enlargement of a file system.
type growth struct {
	file   *os.File
	offset int64 // of the file system in file
	end    int64 // of file, before
	r      io.ReaderAt
	old    *Superblock
	new    *Superblock
	order  binary.ByteOrder

	// changed has the groups that are not as they were, or as new ones are.
	changed map[uint32]*group
	// summaries is the new summary area, summariesWere the old one.
	summaries, summariesWere []byte
}

// moved reports whether the summary area gets another place.
func (w *growth) moved() bool { return w.new.SummaryAt != w.old.SummaryAt }

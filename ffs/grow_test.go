package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// planned writes the sample tree at an offset of a new file.
func planned(t testing.TB, dir string, o Options, offset int64) *os.File {
	t.Helper()
	entries, err := HostDir(dir)
	check(t, err)
	l, err := Plan(entries, o)
	check(t, err)
	f, err := os.Create(filepath.Join(t.TempDir(), "img"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	check(t, l.Write(context.Background(), f, offset))
	return f
}

// everythingOf is all that the file system at offset has.
func everythingOf(t testing.TB, f *os.File, offset int64) ([]Entry, map[string][32]byte) {
	t.Helper()
	img, err := Open(part(t, f, offset))
	check(t, err)
	return entriesOf(t, img)
}

// superblockOf reads the superblock of the file system at offset.
func superblockOf(t testing.TB, f *os.File, offset int64) *Superblock {
	t.Helper()
	s, _, err := findSuperblock(part(t, f, offset))
	check(t, err)
	return s
}

// wantSame compares the files of the file system at offset.
func wantSame(t testing.TB, f *os.File, offset int64, entries []Entry, sums map[string][32]byte) {
	t.Helper()
	got, gotSums := everythingOf(t, f, offset)
	if diff := cmp.Diff(entries, got, cmpopts.IgnoreFields(Entry{}, "Open")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(sums, gotSums); diff != "" {
		t.Error(diff)
	}
}

// growths are file systems to enlarge. The large ones have groups of full size,
// so that there are not too many of them.
var growths = []Options{
	{Version: 1, BlockSize: 4096, MaxBlocksPerGroup: 400},
	{Version: 2, BlockSize: 4096, MaxBlocksPerGroup: 400, Order: binary.BigEndian},
	{Version: 1, BlockSize: 8192, Order: binary.BigEndian},
	{Version: 2, BlockSize: 8192, FragmentSize: 8192},
	{Version: 2},
	{Version: 1, BlockSize: 32768, FragmentSize: 16384, Size: 3 << 30},
	{Version: 1, BlockSize: 65536, FragmentSize: 65536, Density: 1 << 24, Size: 40 << 30},
	{Version: 2, BlockSize: 65536, FragmentSize: 65536, Order: binary.BigEndian, Size: 40 << 30},
}

func TestGrow(t *testing.T) {
	dir := sampleTree(t)
	for _, o := range growths {
		for _, offset := range []int64{0, 1 << 20} {
			name := fmt.Sprintf("v%d,%d,%d,%v at %d", o.Version, o.BlockSize, o.FragmentSize, o.Order, offset)
			t.Run(name, func(t *testing.T) {
				testGrowth(t, planned(t, dir, o, offset), offset)
			})
		}
	}
}

func TestGrowMakefs(t *testing.T) {
	dir := sampleTree(t)
	for _, v := range variants {
		t.Run(v.order+","+v.options, func(t *testing.T) {
			f, err := os.OpenFile(makefs(t, dir, v.order, v.options), os.O_RDWR, 0)
			check(t, err)
			defer f.Close()
			testGrowth(t, f, 0)
		})
	}
}

// testGrowth enlarges the file system again and again.
func testGrowth(t *testing.T, f *os.File, offset int64) {
	entries, sums := everythingOf(t, f, offset)
	first := superblockOf(t, f, offset)
	fragment, group := int64(first.FragmentSize), int64(first.FragsPerGroup)<<first.FragmentShift
	rest := int64(first.DataAt) << first.FragmentShift // least size of a group
	whole := roundUp(first.Bytes(), group)
	for _, size := range []int64{
		first.Bytes() + fragment - 1, // nothing to do
		first.Bytes() + fragment,
		first.Bytes() + 3*fragment,
		first.Bytes() + 2*int64(first.BlockSize) + fragment,
		whole - fragment,
		whole,
		whole + rest - fragment, // no room for a group
		whole + rest,
		whole + rest + 3*fragment,
		whole + 3*group - 5*fragment,
		whole + 100*group,
	} {
		if size < superblockOf(t, f, offset).Bytes() {
			continue
		}
		if err := Grow(context.Background(), f, offset, size); err != nil {
			t.Fatalf("to %d: %v", size, err)
		}
		s := superblockOf(t, f, offset)
		if lost := size - s.Bytes(); lost >= max(rest, fragment) {
			t.Errorf("grown to %d, it has %d bytes", size, s.Bytes())
		}
		found, err := Check(context.Background(), part(t, f, offset), s.Bytes())
		check(t, err)
		wantClean(t, found)
		if t.Failed() {
			t.Fatalf("grown to %d", size)
		}
	}
	wantSame(t, f, offset, entries, sums)
}

// TestGrowOverGarbage enlarges into a partition with old data in it.
func TestGrowOverGarbage(t *testing.T) {
	dir := sampleTree(t)
	for _, version := range []int{1, 2} {
		f := planned(t, dir, Options{Version: version, BlockSize: 4096, MaxBlocksPerGroup: 400}, 0)
		entries, sums := everythingOf(t, f, 0)
		end := superblockOf(t, f, 0).Bytes()
		_, err := f.WriteAt(bytes.Repeat([]byte("garbage"), 3<<20), end)
		check(t, err)
		check(t, Grow(context.Background(), f, 0, end+20<<20))
		found, err := Check(context.Background(), f, end+20<<20)
		check(t, err)
		wantClean(t, found)
		wantSame(t, f, 0, entries, sums)
	}
}

func TestGrowMovesSummary(t *testing.T) {
	f := planned(t, sampleTree(t), Options{BlockSize: 4096, MaxBlocksPerGroup: 400}, 0)
	old := superblockOf(t, f, 0)
	check(t, Grow(context.Background(), f, 0, 300*int64(old.FragsPerGroup)<<old.FragmentShift))
	if s := superblockOf(t, f, 0); s.SummaryAt == old.SummaryAt || s.SummarySize <= old.SummarySize {
		t.Errorf("the summary area is at %d with %d bytes, it was at %d with %d", s.SummaryAt, s.SummarySize, old.SummaryAt, old.SummarySize)
	}
}

func TestGrowRefuses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	put(t, dir, "f", "text", 0o644)
	for _, test := range []struct {
		name string
		o    Options
		harm func(s *Superblock)
		size func(s *Superblock) int64
		want string
	}{
		{name: "smaller", size: func(s *Superblock) int64 { return s.Bytes() - 1 }, want: "can't be made smaller"},
		{name: "unclean", harm: func(s *Superblock) { s.Clean = 0 }, want: "fs_clean"},
		{name: "damaged", harm: func(s *Superblock) { s.Total.FreeBlocks++ }, want: "fs_cstotal"},
		{name: "old", o: Options{Version: 1}, harm: func(s *Superblock) { s.OldCPG = 16 }, want: "before 2003"},
		{name: "journal", harm: func(s *Superblock) { s.Flags, s.JournalLocation = flagWAPBL, journalAtEnd }, want: "journal"},
		{name: "snapshot", harm: func(s *Superblock) { s.Snapshots[3] = 5 }, want: "snapshots"},
		{
			name: "too large for FFSv1", o: Options{Version: 1, BlockSize: 4096},
			size: func(*Superblock) int64 { return 1 << 40 }, want: "at most",
		},
		{
			name: "too many inodes", o: Options{BlockSize: 4096, MaxBlocksPerGroup: 100, Inodes: 1500, MaxSize: 2 << 20},
			size: func(*Superblock) int64 { return 1 << 45 }, want: "inodes",
		},
		{
			name: "no room for the summary", o: Options{BlockSize: 4096, MaxBlocksPerGroup: 100},
			size: func(*Superblock) int64 { return 1 << 40 }, want: "no room for the summary",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := planned(t, dir, test.o, 0)
			s := superblockOf(t, f, 0)
			if test.harm != nil {
				test.harm(s)
				order := test.o.Order
				if order == nil {
					order = binary.LittleEndian
				}
				_, err := f.WriteAt(s.encode(order), s.Place)
				check(t, err)
			}
			before, err := os.ReadFile(f.Name())
			check(t, err)
			size := 2 * s.Bytes()
			if test.size != nil {
				size = test.size(s)
			}
			if err := Grow(ctx, f, 0, size); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Grow: %v, want something with %q", err, test.want)
			}
			after, err := os.ReadFile(f.Name())
			check(t, err)
			if !bytes.Equal(before, after) {
				t.Error("it changed the file")
			}
		})
	}
}

// TestGrowStopped holds a growth to leaving the old size when it fails, and a
// readable file system wherever it is killed.
func TestGrowStopped(t *testing.T) {
	f := planned(t, sampleTree(t), Options{BlockSize: 4096, MaxBlocksPerGroup: 400}, 0)
	entries, sums := everythingOf(t, f, 0)
	before, err := os.ReadFile(f.Name())
	check(t, err)
	size := int64(len(before)) + 100<<20

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Grow(ctx, f, 0, size); !errors.Is(err, context.Canceled) {
		t.Errorf("Grow: %v, want %v", err, context.Canceled)
	}
	readOnly, err := os.Open(f.Name())
	check(t, err)
	defer readOnly.Close()
	if err := Grow(context.Background(), readOnly, 0, size); err == nil {
		t.Error("Grow can write to a file that is open for reading")
	}
	if after, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed (%v)", err)
	}

	w := plannedGrowth(t, f, size)
	check(t, f.Truncate(size))
	check(t, w.writeNew(context.Background()))
	steps, err := w.steps()
	check(t, err)
	for n := range steps {
		for _, s := range steps[:n] {
			check(t, w.writeAt(s.now, s.at))
		}
		wantSame(t, f, 0, entries, sums)
		check(t, w.undo(steps[:n+1]))
		found, err := Check(context.Background(), f, size)
		check(t, err)
		wantClean(t, found)
	}
}

// plannedGrowth plans to enlarge the file system in f.
func plannedGrowth(t *testing.T, f *os.File, size int64) *growth {
	t.Helper()
	s, order, err := findSuperblock(f)
	check(t, err)
	larger, err := s.enlarged(size >> s.FragmentShift)
	check(t, err)
	w := &growth{file: f, end: s.Bytes(), r: f, old: s, new: larger, order: order, changed: map[uint32]*group{}}
	check(t, w.plan())
	return w
}

func TestGrowOverflow(t *testing.T) {
	const offset = 1 << 20
	f := planned(t, t.TempDir(), Options{BlockSize: 65536}, offset)
	for _, size := range []int64{math.MaxInt64, math.MaxInt64 - offset + 1} {
		err := Grow(context.Background(), f, offset, size)
		if err == nil || !strings.Contains(err.Error(), "behind the end of any file") {
			t.Errorf("to %d: %v", size, err)
		}
	}
}

package ffs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A damagedImage is an image in memory that a test changes.
type damagedImage struct {
	*FS
	bytes []byte
}

// smallTree has a file of each shape, one with an indirect block.
func smallTree() []Entry {
	text := func(n int) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("x", n))), nil }
	}
	when := time.Unix(1_000_000_000, 5).UTC()
	return []Entry{
		{Path: "/", Mode: fs.ModeDir | 0o755, ModTime: when},
		{Path: "/dir", Mode: fs.ModeDir | 0o750, ModTime: when, UID: 1, GID: 2},
		{Path: "/dir/file", Mode: 0o644, ModTime: when, Size: 5000, Open: text(5000)},
		{Path: "/dir/sub", Mode: fs.ModeDir | 0o755, ModTime: when},
		{Path: "/large", Mode: 0o600, ModTime: when, Size: 60_000, Open: text(60_000)},
		{Path: "/link", Mode: fs.ModeSymlink | 0o777, ModTime: when, Target: "dir/file"},
		{Path: "/long", Mode: fs.ModeSymlink | 0o777, ModTime: when, Target: strings.Repeat("./", 300) + "dir"},
		{Path: "/null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, ModTime: when, Major: 2, Minor: 2},
		{Path: "/other", Hardlink: "/large"},
	}
}

func smallImage(t testing.TB, o Options) damagedImage {
	t.Helper()
	written := writeAndOpen(t, smallTree(), o)
	b := make([]byte, written.sb.Bytes())
	check(t, readFull(written.r, b, 0))
	return damagedImage{reopen(t, b), b}
}

func reopen(t testing.TB, b []byte) *FS {
	t.Helper()
	f, err := Open(bytes.NewReader(b))
	check(t, err)
	return f
}

// at is where the inode of a name is.
func (d damagedImage) at(t testing.TB, name string) ([]byte, *Inode) {
	t.Helper()
	i, err := d.resolve(name, false)
	check(t, err)
	return d.bytes[d.sb.inodeOffset(i.Number):][:d.sb.inodeSize()], i
}

// edit changes the inode of a name.
func (d damagedImage) edit(t testing.TB, name string, change func(*Inode)) {
	t.Helper()
	b, i := d.at(t, name)
	change(i)
	i.encode(d.sb, d.order, b)
}

// dirent is the entry for name in the root, whose bytes can be changed.
func (d damagedImage) dirent(t testing.TB, dir, name string) []byte {
	t.Helper()
	_, i := d.at(t, dir)
	b := d.bytes[d.sb.offset(i.Direct[0]):]
	for {
		e, err := decodeDirent(b[:dirChunk], d.order, false)
		check(t, err)
		if e.name == name {
			return b
		}
		b = b[e.reclen:]
	}
}

// TestReaderSurvivesDamage makes one kind of damage at a time: what it is in
// the way of is an error that says so, the rest is read, and walks end.
func TestReaderSurvivesDamage(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(testing.TB, damagedImage)
		at     string // where the walk finds it
		want   string
	}{
		{"directory within itself", func(t testing.TB, d damagedImage) {
			d.order.PutUint32(d.dirent(t, "dir", "sub"), rootIno)
		}, "/dir/sub", "a directory that has two names"},
		{"reclen of 0", func(t testing.TB, d damagedImage) {
			d.order.PutUint16(d.dirent(t, "dir", "sub")[4:], 0)
		}, "/dir", "d_reclen 0"},
		{"one name twice", func(t testing.TB, d damagedImage) {
			copy(d.dirent(t, ".", "long")[direntHead:], "link")
		}, "/", "a name is there twice"},
		{"inode out of range", func(t testing.TB, d damagedImage) {
			d.order.PutUint32(d.dirent(t, "dir", "sub"), 1<<31)
		}, "/dir/sub", "inode 2147483648"},
		{"unused inode", func(t testing.TB, d damagedImage) {
			d.order.PutUint32(d.dirent(t, "dir", "sub"), uint32(d.sb.inodes()-1))
		}, "/dir/sub", "not in use"},
		{"size of a file", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Size = 1 << 63 })
		}, "/large", "size 9223372036854775808"},
		{"size of a directory", func(t testing.TB, d damagedImage) {
			d.edit(t, "dir", func(i *Inode) { i.Size = 1 << 40 })
		}, "/dir", "size 1099511627776"},
		{"address of a block", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Direct[1] = d.sb.Size })
		}, "/large", "block 1: "},
		{"negative address", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Direct[0] = -8 })
		}, "/large", "block 0: "},
		{"address of an indirect block", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Indirect[0] = d.sb.Size - 1 })
		}, "/large", "block 12: "},
		{"a tree of one block", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) {
				i.Size = 1 << 33
				b := d.bytes[d.sb.offset(i.Indirect[0]):][:d.sb.BlockSize]
				for at := 0; at < len(b); at += 8 {
					d.order.PutUint64(b[at:], uint64(i.Indirect[0]))
				}
				i.Indirect = [3]int64{i.Indirect[0], i.Indirect[0], i.Indirect[0]}
			})
		}, "/large", "more fragments than the file system"},
		{"one indirect block twice", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Size, i.Indirect[1] = 1<<33, i.Indirect[0] })
		}, "/large", "is there twice"},
		{"a directory of one block", func(t testing.TB, d damagedImage) {
			_, large := d.at(t, "large")
			d.edit(t, "dir", func(i *Inode) {
				i.Size = uint64(13 * d.sb.BlockSize)
				for n := range i.Direct {
					i.Direct[n] = i.Direct[0]
				}
				i.Indirect[0] = large.Indirect[0]
			})
		}, "/dir", "is there twice"},
		{"type of a file", func(t testing.TB, d damagedImage) {
			d.edit(t, "large", func(i *Inode) { i.Mode = 0o170644 })
		}, "/large", "unknown type"},
		{"target of a link", func(t testing.TB, d damagedImage) {
			d.edit(t, "long", func(i *Inode) { i.Size = 5000 })
		}, "/long", "size 5000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := smallImage(t, Options{BlockSize: 4096, FragmentSize: 1024})
			test.damage(t, d)
			f := reopen(t, d.bytes)
			var at string
			var found error
			for _, err := range f.Entries() {
				if p := new(fs.PathError); found == nil && errors.As(err, &p) {
					at, found = p.Path, err
				}
			}
			if at != test.at || found == nil || !strings.Contains(found.Error(), test.want) {
				t.Errorf("got %q, %v; want %q and %q", at, found, test.at, test.want)
			}
			if err := exercise(f); err != nil {
				t.Error(err)
			}
		})
	}
}

// exerciseTime is what exercise takes at most, on the slowest of machines.
const exerciseTime = 20 * time.Second

// exercise reads all that an image holds, up to a bound. It returns an error
// only where the reader broke its word.
func exercise(f *FS) error {
	left := 1 << 22 // bytes and names
	begun := time.Now()
	for e, err := range f.Entries() {
		if p := new(fs.PathError); err != nil && !errors.As(err, &p) {
			return fmt.Errorf("%w: no PathError", err)
		}
		if left -= 100; left < 0 {
			break
		}
		if e.Open == nil {
			continue
		}
		if r, err := e.Open(); err == nil {
			n, _ := io.Copy(io.Discard, io.LimitReader(r, 1<<17))
			left -= int(n)
			_ = r.Close()
		}
	}
	end := errors.New("enough")
	err := fs.WalkDir(f, ".", func(name string, d fs.DirEntry, err error) error {
		if left -= 100; left < 0 {
			return end
		}
		_, _ = f.Stat(name)
		_, _ = f.ReadLink(name)
		return nil
	})
	if err != nil && !errors.Is(err, end) {
		return err
	}
	if took := time.Since(begun); took > exerciseTime {
		return fmt.Errorf("reading an image of a few blocks took %v", took)
	}
	return nil
}

// TestReads42BSD turns an image into one of 4.2BSD's format: directories
// without types, owners of 16 bits, and nothing in the new places of the
// superblock.
func TestReads42BSD(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		t.Run(order.String(), func(t *testing.T) {
			d := smallImage(t, Options{Version: 1, Order: order, BlockSize: 4096, FragmentSize: 1024})
			want := summaries(t, d.FS)
			for _, dir := range []string{".", "dir", "dir/sub"} {
				_, i := d.at(t, dir)
				for b := d.bytes[d.sb.offset(i.Direct[0]):][:dirChunk]; len(b) > 0; {
					n := b[7]
					b[6], b[7] = 0, 0
					order.PutUint16(b[6:], uint16(n))
					b = b[order.Uint16(b[4:]):]
				}
			}
			for _, e := range smallTree() {
				d.edit(t, strings.TrimPrefix(e.Path+strings.Repeat(".", 2-min(2, len(e.Path))), "/"), func(i *Inode) {
					if i.UID|i.GID != 0 {
						i.OldIDs, i.UID, i.GID = [2]uint16{uint16(i.UID), uint16(i.GID)}, 9, 9
					}
				})
			}
			s := d.Superblock()
			s.OldFlags, s.OldInodeFormat, s.MaxInlineTarget = 0, -1, 0
			s.Size, s.DataSize, s.SummaryAt, s.Place, s.MaxFileSize, s.Total = 0, 0, 0, 0, 0, TotalSummary{}
			copy(d.bytes[superblock1At:], s.encode(order)[:superblockBytes])
			if diff := cmp.Diff(want, summaries(t, reopen(t, d.bytes))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// summaries says all about a tree in lines.
func summaries(t *testing.T, f *FS) []string {
	t.Helper()
	entries, sums := entriesOf(t, f)
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprint(e.Path, e.Mode, e.UID, e.GID, e.ModTime, e.Target, e.Hardlink, e.Major, e.Minor, e.Size, e.Data, sums[e.Path]))
	}
	return all
}

// FuzzOpen changes bytes of small images, where these aren't zero anyway:
// nothing may panic or go on forever.
func FuzzOpen(f *testing.F) {
	var images [][]byte
	for _, o := range []Options{
		{Version: 1, Order: binary.BigEndian, BlockSize: 4096, FragmentSize: 512},
		{Version: 2, Order: binary.LittleEndian, BlockSize: 4096, FragmentSize: 4096},
		{Version: 2, Order: binary.LittleEndian, BlockSize: 8192, FragmentSize: 1024},
	} {
		images = append(images, smallImage(f, o).bytes)
	}
	f.Add(uint8(0), []byte{0, 0, 0, 0})
	f.Add(uint8(1), []byte{1, 0, 7, 0xff, 2, 0, 7, 0x80})
	f.Add(uint8(2), bytes.Repeat([]byte{3, 1, 4, 1}, 8))
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		b := bytes.Clone(images[int(which)%len(images)])
		places := cells(b)
		for ; len(changes) >= 4; changes = changes[4:] {
			cell := places[int(binary.LittleEndian.Uint16(changes))%len(places)]
			b[cell+int(changes[2])%cellSize] = changes[3]
		}
		fsys, err := Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		if err := exercise(fsys); err != nil {
			t.Error(err)
		}
	})
}

const cellSize = 64

// cells are the parts of an image that have something in them other than text.
func cells(b []byte) []int {
	var all []int
	for at := 0; at+cellSize <= len(b); at += cellSize {
		if c := b[at : at+cellSize]; len(bytes.Trim(c, "\x00")) > 0 && len(bytes.Trim(c, "x")) > 0 {
			all = append(all, at)
		}
	}
	return all
}

// TestSnapshot lists a snapshot, which has addresses that are none, and
// refuses to read it.
func TestSnapshot(t *testing.T) {
	for _, version := range []int{1, 2} {
		d := smallImage(t, Options{Version: version, BlockSize: 4096, FragmentSize: 1024})
		d.edit(t, "large", func(i *Inode) {
			i.Flags |= fileSnapshot
			i.Direct[1], i.Direct[2], i.Indirect[1] = snapshotNoCopy, snapshotSnap, snapshotNoCopy
			i.Size = 1 << 30
		})
		f := reopen(t, d.bytes)
		listed := false
		for e, err := range f.Entries() {
			check(t, err)
			if e.Path != "/large" {
				continue
			}
			listed = true
			if _, err := e.Open(); !errors.Is(err, errSnapshot) {
				t.Errorf("Open of the entry: %v, want %v", err, errSnapshot)
			}
		}
		if !listed {
			t.Error("the snapshot is not listed")
		}
		if _, err := f.ReadFile("large"); !errors.Is(err, errSnapshot) {
			t.Errorf("ReadFile: %v, want %v", err, errSnapshot)
		}
		file, err := f.Open("large")
		check(t, err)
		if _, err := io.Copy(io.Discard, file); !errors.Is(err, errSnapshot) {
			t.Errorf("Read: %v, want %v", err, errSnapshot)
		}
		if _, err := file.(*File).Ranges(); !errors.Is(err, errSnapshot) {
			t.Errorf("Ranges: %v, want %v", err, errSnapshot)
		}
	}
}

// TestReadFileLimit has a file that is almost nothing but a hole.
func TestReadFileLimit(t *testing.T) {
	d := smallImage(t, Options{BlockSize: 4096, FragmentSize: 1024})
	for _, test := range []struct {
		size uint64
		want string
	}{{1 << 24, ""}, {MaxReadFile + 1, "too large to be read whole"}, {1 << 39, "too large to be read whole"}} {
		d.edit(t, "large", func(i *Inode) { i.Size = test.size })
		b, err := reopen(t, d.bytes).ReadFile("large")
		switch {
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("size %d: %v, want an error with %q", test.size, err, test.want)
		case test.want == "" && (err != nil || uint64(len(b)) != test.size):
			t.Errorf("size %d: %d bytes, %v", test.size, len(b), err)
		}
	}
}

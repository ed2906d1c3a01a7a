package ffs

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
)

func text(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// TestPlanRefused is what can't be stored, each with the words that say why.
func TestPlanRefused(t *testing.T) {
	dir := func(p string) Entry { return Entry{Path: p, Mode: fs.ModeDir | 0o755} }
	file := func(p string) Entry { return Entry{Path: p, Size: 1, Open: text("x")} }
	in1850 := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)
	manyDirs := []Entry{dir("/")}
	for i := range maxLinks {
		manyDirs = append(manyDirs, dir("/"+strings.Repeat("d", 1+i%200)+string(rune('a'+i/200%26))+string(rune('a'+i/5200))))
	}
	for _, c := range []struct {
		name    string
		version int
		entries []Entry
		want    string
	}{
		{"file and folder", 2, []Entry{file("/a"), file("/a/b")}, "/a/b: /a is a file and a folder"},
		{"both at one path", 2, []Entry{file("/a"), dir("/a")}, "/a: it is a file and a folder"},
		{"twice", 2, []Entry{file("/a"), file("/a")}, "/a: there are two entries for it"},
		{"below a hard link", 2, []Entry{file("/a"), {Path: "/b", Hardlink: "/a"}, file("/b/c")}, "/b/c: /b is a file and a folder"},
		{"no folder", 2, []Entry{file("/a/b/c")}, "/a/b/c: there is no entry for its folder /a/b"},
		{"folder in between", 2, []Entry{dir("/a"), file("/a/b/c")}, "/a/b/c: there is no entry for its folder /a/b"},
		{"relative", 2, []Entry{file("a")}, "not a clean absolute path"},
		{"empty", 2, []Entry{file("")}, "not a clean absolute path"},
		{"dots", 2, []Entry{file("/a/../b")}, "not a clean absolute path"},
		{"NUL", 2, []Entry{file("/a\x00b")}, "has a NUL"},
		{"long name", 2, []Entry{file("/" + strings.Repeat("n", 256))}, "the name has 256 bytes, FFS holds 255"},
		{"root is a file", 2, []Entry{file("/")}, "the root must be a folder"},
		{"root is a link", 2, []Entry{file("/a"), {Path: "/", Hardlink: "/a"}}, "the root must be a folder"},
		{"link to nothing", 2, []Entry{{Path: "/a", Hardlink: "/b"}}, "hard link to /b, which is not there"},
		{"link to itself", 2, []Entry{{Path: "/a", Hardlink: "/a"}}, "a hard link itself"},
		{"link to a folder", 2, []Entry{dir("/d"), {Path: "/a", Hardlink: "/d"}}, "hard link to /d, a folder"},
		{"no target", 2, []Entry{{Path: "/a", Mode: fs.ModeSymlink}}, "a link's target has 1 to 1023 bytes"},
		{"long target", 2, []Entry{{Path: "/a", Mode: fs.ModeSymlink, Target: strings.Repeat("t", 1024)}}, "a link's target has 1 to 1023 bytes"},
		{"major", 2, []Entry{{Path: "/a", Mode: fs.ModeDevice, Major: 4096}}, "device 4096,0"},
		{"type", 2, []Entry{{Path: "/a", Mode: fs.ModeIrregular}}, "can't be stored"},
		{"no contents", 2, []Entry{{Path: "/a", Size: 1}}, "it has a size of 1, and no Open"},
		{"negative size", 2, []Entry{{Path: "/a", Size: -1}}, "size -1"},
		{"size", 1, []Entry{{Path: "/a", Size: 1 << 60, Open: text("")}}, "this file system holds files up to"},
		{"size that fsck_ffs clears", 1, []Entry{{Path: "/a", Size: 1 << 46, Data: []Range{}, Open: text("")}}, "this file system holds files up to 35184372088831"},
		{"flags", 2, []Entry{{Path: "/a", Flags: fileSnapshot}}, "flags 0x200000"},
		{"data", 2, []Entry{{Path: "/a", Size: 10, Open: text(""), Data: []Range{{5, 6}}}}, "data of 6 bytes at 5"},
		{"data order", 2, []Entry{{Path: "/a", Size: 10, Open: text(""), Data: []Range{{5, 1}, {4, 1}}}}, "data of 1 bytes at 4"},
		{"time", 1, []Entry{{Path: "/a", ModTime: in1850}}, "FFSv1 holds times from 1901 to 2038, use version 2"},
		{"links", 2, manyDirs, "links, FFS holds 32767"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Plan(c.entries, Options{Version: c.version})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestPlanRefusesMoreBlocksThanAreCounted has di_blocks of an FFSv1 overflow.
func TestPlanRefusesMoreBlocksThanAreCounted(t *testing.T) {
	large := []Entry{{Path: "/a", Size: 3 << 40, Open: text("")}}
	_, err := Plan(large, Options{Version: 1, BlockSize: 65536})
	if want := "/a: 6442844288 blocks"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// TestPlaces looks for blocks that two files have, or a file and metadata.
func TestPlaces(t *testing.T) {
	for _, o := range layouts {
		l, err := Plan(variedFiles(), o.Options)
		if err != nil {
			t.Fatal(err)
		}
		used := map[int64]string{}
		claim := func(addr, n int64, who string) {
			for a := addr; a < addr+n; a++ {
				if other, ok := used[a]; ok {
					t.Fatalf("%s: %s and %s are both at %d", o.name, other, who, a)
				}
				used[a] = who
			}
		}
		s := l.super
		for g := range s.Groups {
			claim(s.copyAt(g), s.dataAt(g)-s.copyAt(g), "metadata")
		}
		claim(s.SummaryAt, s.frags(int64(s.SummarySize)), "summary")
		for i := range l.nodes {
			n := &l.nodes[i]
			for k := n.block - n.indirect; k < n.block+n.blocks; k++ {
				claim(l.space.address(k), int64(s.FragsPerBlock), n.entry.Path)
			}
			if n.tail > 0 {
				claim(l.space.address(n.tailIn)+int64(n.tailFrag), int64(n.tail), n.entry.Path)
			}
		}
		for g := range s.Groups {
			c := l.makeGroup(g)
			for a := range s.groupFrags(g) {
				addr := s.groupBase(g) + a
				_, taken := used[addr]
				boot := g == 0 && a < int64(s.SuperblockAt)
				if bit(c.freeMap(), a) == (taken || boot) {
					t.Fatalf("%s: the map of group %d says that %d is free: %t", o.name, g, addr, !taken)
				}
			}
		}
	}
}

// variedFiles are files of many sizes: around multiples of fragments and
// blocks, and with indirect blocks.
func variedFiles() []Entry {
	var all []Entry
	sizes := []int64{0, 1, 511, 512, 2047, 2048, 2049, 8191, 8192, 8193, 16384, 16385, 40_000, 65_536, 65_537, 100_000, 196_608, 196_609, 1 << 20, 40 << 20}
	for round := range 20 {
		for i, size := range sizes {
			if size > 1<<20 && round > 0 {
				continue
			}
			all = append(all, Entry{Path: "/f" + string(rune('a'+round)) + string(rune('a'+i)), Size: size, Open: text("")})
		}
	}
	return append(all,
		Entry{Path: "/hole", Size: 1 << 38, Open: text(""), Data: []Range{{0, 1}, {5 << 30, 100_000}, {1 << 37, 1}}},
		Entry{Path: "/empty", Size: 3 << 30, Open: text(""), Data: []Range{}},
		Entry{Path: "/tail", Size: 50_001, Open: text(""), Data: []Range{{20_000, 1}}},
	)
}

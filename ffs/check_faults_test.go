package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A patient is an image in memory, to be harmed.
type patient struct {
	t     testing.TB
	img   []byte
	s     *Superblock
	order binary.ByteOrder
	files *FS
}

// newPatient is a file system with some groups and everything that inodes can
// be.
func newPatient(t testing.TB, o Options) *patient {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "usr/bin/x", "#!/bin/sh\n", 0o755)
	put(t, dir, "usr/large", strings.Repeat("x", 200_000), 0o644)
	put(t, dir, "d/e/f/g", "g", 0o600)
	put(t, dir, "many/folders/here", "", 0o600)
	for n := range 200 {
		put(t, dir, "many/"+strings.Repeat("y", 200-n), "", 0o600)
	}
	check(t, os.Link(filepath.Join(dir, "usr/bin/x"), filepath.Join(dir, "usr/bin/y")))
	check(t, os.Symlink("usr/bin/x", filepath.Join(dir, "short")))
	check(t, os.Symlink(strings.Repeat("long/", 40), filepath.Join(dir, "long")))
	entries, err := HostDir(dir)
	check(t, err)
	entries = append(entries,
		Entry{Path: "/tty", Mode: fs.ModeDevice | fs.ModeCharDevice, Major: 1, Minor: 2},
		Entry{Path: "/fifo", Mode: fs.ModeNamedPipe})
	l, err := Plan(entries, o)
	check(t, err)
	f, err := os.Create(filepath.Join(t.TempDir(), "img"))
	check(t, err)
	defer f.Close()
	check(t, l.Write(context.Background(), f, 0))
	p := &patient{t: t}
	p.img, err = os.ReadFile(f.Name())
	check(t, err)
	p.s, p.order, err = findSuperblock(bytes.NewReader(p.img))
	check(t, err)
	p.files, err = Open(bytes.NewReader(slices.Clone(p.img)))
	check(t, err)
	wantClean(t, p.check())
	return p
}

func (p *patient) check() []Finding {
	p.t.Helper()
	found, err := Check(context.Background(), bytes.NewReader(p.img), int64(len(p.img)))
	check(p.t, err)
	return found
}

// inode is the inode of the file with that path.
func (p *patient) inode(path string) *Inode {
	p.t.Helper()
	info, err := p.files.Lstat(path)
	check(p.t, err)
	i := *info.Sys().(*Inode)
	return &i
}

func (p *patient) putInode(i *Inode) {
	at := p.s.inodeOffset(i.Number)
	i.encode(p.s, p.order, p.img[at:at+int64(p.s.inodeSize())])
}

// change changes the inode of the file with that path.
func (p *patient) change(path string, change func(*Inode)) {
	i := p.inode(path)
	change(i)
	p.putInode(i)
}

// changeGroup changes a group.
func (p *patient) changeGroup(g uint32, change func(*group)) {
	c, err := readGroup(bytes.NewReader(p.img), p.s, p.order, g)
	check(p.t, err)
	change(c)
	copy(p.img[p.s.offset(p.s.headerAt(g)):], c.encode())
}

func (p *patient) changeSuperblock(change func(*Superblock)) {
	s := *p.s
	change(&s)
	copy(p.img[s.Place:], s.encode(p.order)[:superblockBytes])
}

// changeEntry changes the bytes of the entry with that path.
func (p *patient) changeEntry(dir, name string, change func(b []byte)) {
	p.t.Helper()
	b := p.img[p.s.offset(p.inode(dir).Direct[0]):][:p.s.BlockSize]
	for off := 0; off < len(b); {
		d, err := decodeDirent(b[off:], p.order, false)
		check(p.t, err)
		if d.name == name {
			change(b[off:])
			return
		}
		off += d.reclen
	}
	p.t.Fatalf("no %s in %s", name, dir)
}

// name changes what an entry names.
func (p *patient) name(dir, name string, ino uint32) {
	p.changeEntry(dir, name, func(b []byte) { p.order.PutUint32(b, ino) })
}

// faults are harms that Check must see, with a part of the finding that names
// them.
var faults = []struct {
	name string
	harm func(p *patient)
	want string
}{
	{"a fragment in use marked free", func(p *patient) {
		a := p.inode("usr/large").Direct[3]
		g := uint32(a / int64(p.s.FragsPerGroup))
		p.changeGroup(g, func(c *group) { setBits(c.freeMap(), a-p.s.groupBase(g), 1) })
	}, "marked free, but in use"},
	{"a free fragment marked in use", func(p *patient) {
		g := p.s.Groups - 1
		p.changeGroup(g, func(c *group) { c.freeMap()[(c.Frags-8)/8] = 0 })
	}, "free, but marked in use"},
	{"a bit behind the file system's end", func(p *patient) {
		p.changeGroup(p.s.Groups-1, func(c *group) { setBits(c.freeMap(), int64(c.Frags), 1) })
	}, "marked free, but in use"},
	{"an inode in use marked free", func(p *patient) {
		p.changeGroup(0, func(c *group) { c.inodeMap()[0] &^= 1 << 2 })
	}, "inode 2: in use, but marked free"},
	{"a free inode marked in use", func(p *patient) {
		p.changeGroup(1, func(c *group) { setBits(c.inodeMap(), int64(p.s.InodesPerGroup)-1, 1) })
	}, "marked in use, but free"},
	{"a bit of the cluster map", func(p *patient) {
		p.changeGroup(1, func(c *group) { c.clusterMap()[0] ^= 1 })
	}, "cluster map"},
	{"a cluster summary", func(p *patient) {
		p.changeGroup(1, func(c *group) { c.setClusterSum(1, c.clusterSum(1)+1) })
	}, "cluster summary of 1 blocks"},
	{"a group's summary", func(p *patient) {
		p.changeGroup(1, func(c *group) { c.Summary.FreeBlocks++ })
	}, "cg_cs.cs_nbfree"},
	{"the summary area", func(p *patient) {
		p.img[p.s.offset(p.s.SummaryAt)+summaryBytes+4]++
	}, "summary of group 1: cs_nbfree"},
	{"a group without magic number", func(p *patient) {
		p.img[p.s.offset(p.s.headerAt(1))+4]++
	}, "group 1: cg_magic"},
	{"a copy of the superblock", func(p *patient) {
		p.img[p.s.offset(p.s.copyAt(1))+48]++
	}, "group 1, copy of the superblock: fs_bsize"},
	{"no copy of the superblock", func(p *patient) {
		clear(p.img[p.s.offset(p.s.copyAt(1)):][:superblockBytes])
	}, "group 1, copy of the superblock: none is there"},
	{"the sum of free blocks", func(p *patient) {
		p.changeSuperblock(func(s *Superblock) { s.Total.FreeBlocks -= 2 })
	}, "cs_nbfree is -2 from the groups' sum"},
	{"not unmounted", func(p *patient) {
		p.changeSuperblock(func(s *Superblock) { s.Clean = 0 })
	}, "superblock fs_clean: 0x0: want 0x1: it was not unmounted cleanly"},
	{"an unknown flag", func(p *patient) {
		p.changeSuperblock(func(s *Superblock) { s.Flags |= 0x20 })
	}, "the flags 0x20 are unknown"},
	{"a snapshot that is none", func(p *patient) {
		p.changeSuperblock(func(s *Superblock) { s.Snapshots[0] = rootIno })
	}, "superblock fs_snapinum[0]: inode 2 is no snapshot"},
	{"a mask", func(p *patient) {
		p.changeSuperblock(func(s *Superblock) { s.BlockMask = 3 })
	}, "fs_bmask is 3"},

	{"a link too many", func(p *patient) {
		p.change("usr/bin/x", func(i *Inode) { i.Links++ })
	}, "(/usr/bin/x): di_nlink 3: want 2"},
	{"a folder's links", func(p *patient) {
		p.change("d/e", func(i *Inode) { i.Links = 2 })
	}, "(/d/e): di_nlink 2: want 3"},
	{"a block claimed twice", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Direct[2] = i.Direct[1] })
	}, "is claimed twice"},
	{"a block of metadata", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Direct[2] = p.s.headerAt(1) })
	}, "in the metadata of group 1"},
	{"a block of the summary area", func(p *patient) {
		p.change("usr/bin/x", func(i *Inode) { i.Direct[0] = p.s.SummaryAt })
	}, "in the summary area"},
	{"a block behind the end", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Direct[2] = p.s.Size })
	}, "want 1 to"},
	{"a negative block", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Indirect[0] = -8 })
	}, "block -8"},
	{"a block across blocks", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Direct[2]++ })
	}, "cross the end of a block"},
	{"a block behind the file's end", func(p *patient) {
		p.change("usr/bin/x", func(i *Inode) { i.Direct[7] = i.Direct[0] })
	}, "is beyond the size 10"},
	{"an indirect block behind the file's end", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Indirect[2] = i.Indirect[0] })
	}, "is beyond the size 200000"},
	{"an entry of an indirect block behind the file's end", func(p *patient) {
		a := p.s.offset(p.inode("usr/large").Indirect[0])
		p.img[a+int64(p.s.BlockSize)-1] = 1
	}, "of the indirect block"},
	{"a count of blocks", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Blocks++ })
	}, "(/usr/large): di_blocks"},
	{"a size", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Size /= 2 })
	}, "is beyond the size 100000"},
	{"an impossible size", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Size = math.MaxUint64 })
	}, "want at most"},
	{"an unknown type", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Mode |= typeMask })
	}, "unknown type"},
	{"an inode without type", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Mode &= 0o777 })
	}, "it has no type"},
	{"a partly cleared inode", func(p *patient) {
		p.change("usr/large", func(i *Inode) { i.Mode = 0 })
	}, "partly in use"},
	{"a cleared inode", func(p *patient) {
		at := p.s.inodeOffset(p.inode("usr/bin/x").Number)
		clear(p.img[at : at+int64(p.s.inodeSize())])
	}, `(/usr/bin): "x" is inode`},
	{"a FIFO with a size", func(p *patient) {
		p.change("fifo", func(i *Inode) { i.Size = 5 })
	}, "(/fifo): di_size 5: want at most 0"},
	{"a device with a block", func(p *patient) {
		p.change("tty", func(i *Inode) { i.Direct[1] = 5000 })
	}, "(/tty): a device with block 5000"},
	{"bytes behind a short link", func(p *patient) {
		p.change("short", func(i *Inode) { i.Target += "\x00\x00\x00\x00\x00\x00\x00\x00\x00x" })
	}, "(/short): an address behind the target"},
	{"too many nanoseconds", func(p *patient) {
		at := p.s.inodeOffset(p.inode("usr/large").Number)
		at += map[int]int64{1: 28, 2: 64}[p.s.Version()]
		p.order.PutUint32(p.img[at:], 1_000_000_000)
	}, "(/usr/large): di_mtimensec 1000000000"},

	{"a reclen of 0", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { p.order.PutUint16(b[4:], 0) })
	}, "(/usr/bin): offset 24: damaged directory: d_reclen 0"},
	{"a reclen out of the chunk", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { p.order.PutUint16(b[4:], 512) })
	}, "d_reclen 512"},
	{"a name too long for its entry", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[7] = 200 })
	}, "d_namlen 200"},
	{"a slash in a name", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[direntHead] = '/' })
	}, `the name "/"`},
	{"a name without NUL", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[direntHead+1] = 'y' })
	}, "no NUL"},
	{"a name that is there twice", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[direntHead] = 'y' })
	}, `(/usr/bin): has "y" twice`},
	{"a type in an entry", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[6] = dirKind })
	}, `"x" has type 4: want 8`},
	{"a whiteout that is none", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[6] = whiteKind })
	}, "for a whiteout"},
	{"no entry for itself", func(p *patient) {
		p.changeEntry("d/e", ".", func(b []byte) { b[direntHead] = 'x' })
	}, `(/d/e): entry 0 is "x": want "."`},
	{"an entry for itself that is another's", func(p *patient) {
		p.name("d/e", ".", p.inode("d").Number)
	}, `(/d/e): "." is inode`},
	{"no entry for the parent", func(p *patient) {
		p.name("d/e", "..", 0)
	}, `(/d/e): entry 1 is "": want ".."`},
	{"another's parent", func(p *patient) {
		p.name("d/e", "..", rootIno)
	}, `(/d/e): ".." is inode 2: want`},
	{"a second entry for itself", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { b[direntHead] = '.' })
	}, `(/usr/bin): entry 2 is another "."`},
	{"an inode that is out of range", func(p *patient) {
		p.name("usr/bin", "x", math.MaxUint32)
	}, `"x" is inode 4294967295: there are only`},
	{"an unreachable file", func(p *patient) {
		p.name("usr/bin", "x", 0)
		p.name("usr/bin", "y", 0)
	}, "is in use (2 links), but in no folder"},
	{"an unreachable folder", func(p *patient) {
		p.name("d", "e", 0)
	}, "is a folder in no other"},
	{"a circle", func(p *patient) { // d/e/f becomes its own parent, and leaves the tree
		f := p.inode("d/e/f").Number
		p.name("d/e", "f", 0)
		p.changeEntry("d/e/f", "g", func(b []byte) { p.order.PutUint32(b, f); b[6] = dirKind })
	}, "is a folder within itself"},
	{"a hard link to a folder", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { p.order.PutUint32(b, p.inode("d").Number); b[6] = dirKind })
	}, "is a hard link to the folder"},
	{"a hard link to the root", func(p *patient) {
		p.changeEntry("usr/bin", "x", func(b []byte) { p.order.PutUint32(b, rootIno); b[6] = dirKind })
	}, "is a hard link to the folder"},
	{"a folder of half a chunk", func(p *patient) {
		p.change("usr/bin", func(i *Inode) { i.Size = 500 })
	}, "want a positive multiple of 512"},
	{"an empty folder", func(p *patient) {
		p.change("usr/bin", func(i *Inode) { i.Size, i.Blocks, i.Direct = 0, 0, [directs]int64{} })
	}, "(/usr/bin): di_size 0"},
	{"a folder with a hole", func(p *patient) {
		p.change("usr/bin", func(i *Inode) { i.Blocks, i.Direct = 0, [directs]int64{} })
	}, "(/usr/bin): offset 0: no block"},
	{"a root that is a file", func(p *patient) {
		p.change(".", func(i *Inode) { i.Mode = i.Mode&^typeMask | typeRegular })
	}, "inode 2 (/): the root is no folder"},
	{"an image that is cut off", func(p *patient) {
		p.img = p.img[:len(p.img)-1]
	}, "fragments are"},
	{"half an image", func(p *patient) {
		p.img = p.img[:len(p.img)/2]
	}, "beyond the image's end"},
}

// patients are the formats that faults are tried on.
var patients = []Options{
	{Version: 1, BlockSize: 4096, MaxBlocksPerGroup: 150, Size: 2<<20 + 1536},
	{Version: 2, BlockSize: 4096, MaxBlocksPerGroup: 150, Size: 2<<20 + 512, Order: binary.BigEndian},
	{Version: 1, BlockSize: 8192, MaxBlocksPerGroup: 100, Size: 3<<20 + 5120, Order: binary.BigEndian},
	{Version: 2, BlockSize: 8192, FragmentSize: 2048, MaxBlocksPerGroup: 100, Size: 3<<20 + 2048},
}

func TestCheckFaults(t *testing.T) {
	for _, o := range patients {
		p := newPatient(t, o)
		for _, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				harmed := *p
				harmed.t, harmed.img = t, slices.Clone(p.img)
				f.harm(&harmed)
				found := harmed.check()
				if !slices.ContainsFunc(found, func(g Finding) bool { return strings.Contains(g.String(), f.want) }) {
					t.Errorf("v%d with blocks of %d: found %v, want something with %q", p.s.Version(), p.s.BlockSize, found, f.want)
				}
			})
		}
	}
}

// TestCheckSurvivesSmallGroups has an FFSv1's tables of blocks, which the
// superblock says are of less than nothing, end behind the group.
func TestCheckSurvivesSmallGroups(t *testing.T) {
	s := &Superblock{
		Magic: magic1, Place: superblock1At, BlockSize: 4096, FragmentSize: 4096, OldFlags: flagsUpdated,
		InodesPerGroup: 32, FragsPerGroup: 8, Groups: 1, Size: 8, SummaryAt: 7, SummarySize: 4096,
	}
	s.setShifts(blockUnit)
	s.SuperblockAt, s.GroupAt, s.InodesAt, s.DataAt = 3, 5, 6, 7
	s.OldNRPos, s.GroupSize = -2, 173
	check(t, s.validate())
	img := make([]byte, s.Bytes())
	copy(img[s.Place:], s.encode(binary.LittleEndian))
	found, err := Check(context.Background(), bytes.NewReader(img), s.Bytes())
	check(t, err)
	if len(found) != 1 || found[0].Where != "superblock fs_cgsize" {
		t.Errorf("found %v, want only that the groups are too small", found)
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, img := range [][]byte{nil, make([]byte, 1<<20), bytes.Repeat([]byte("text"), 1<<18)} {
		if found, err := Check(context.Background(), bytes.NewReader(img), int64(len(img))); err == nil {
			t.Errorf("Check of %d bytes that are no FFS = %v", len(img), found)
		}
	}
	p := newPatient(t, patients[0])
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, bytes.NewReader(p.img), int64(len(p.img))); err == nil {
		t.Error("Check ignores that its context ended")
	}
}

// TestCheckStops holds Check to a bound of findings.
func TestCheckStops(t *testing.T) {
	p := newPatient(t, Options{Version: 1, BlockSize: 4096, MaxBlocksPerGroup: 150, Inodes: 3000})
	for ino := uint32(rootIno + 1); ino < 3000; ino++ {
		p.putInode(&Inode{Number: ino, Mode: typeRegular, Links: 1, Size: 1 << 60})
	}
	found := p.check()
	if len(found) != maxFindings+1 {
		t.Fatalf("%d findings, want %d", len(found), maxFindings+1)
	}
	if last := found[maxFindings]; last.Where != "check" {
		t.Errorf("the last finding is %v, want that there may be more", last)
	}
}

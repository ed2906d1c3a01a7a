package ffs

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// An Inode describes a file, whichever version it is stored in (struct
// ufs1_dinode, struct ufs2_dinode).
type Inode struct {
	Number uint32
	Mode   uint16 // type and permissions as in st_mode: S_IFREG | 0644
	Links  int16  // di_nlink

	UID, GID uint32
	Size     uint64 // bytes
	Blocks   uint64 // of 512 bytes, indirect ones included

	AccessTime, ModTime, ChangeTime time.Time
	BirthTime                       time.Time // FFSv2 only

	Flags      uint32 // chflags(2)
	Generation int32

	// Addresses of the direct blocks and of the single, double and triple
	// indirect one; 0 is a hole. Of a device the first is its dev_t. They
	// stand for Target's bytes where that is in the inode.
	Direct   [directs]int64
	Indirect [indirects]int64
	// Target of a symbolic link that is short enough to stand in the inode.
	Target string

	// FFSv2 only.
	BlockSize   uint32   // di_blksize: not used
	KernelFlags uint32   // di_kernflags
	ExtSize     int32    // bytes of extended attributes
	ExtBlocks   [2]int64 // addresses of these
	// FFSv1 only.
	OldIDs [2]uint16 // di_oldids: owner and group before 4.4BSD

	ModRev uint64 // di_modrev
	Spare  [2]int64
}

// File types in Inode.Mode.
const (
	typeMask    = 0o170000
	typeFIFO    = 0o010000
	typeChar    = 0o020000
	typeDir     = 0o040000
	typeBlock   = 0o060000
	typeRegular = 0o100000
	typeLink    = 0o120000
	typeSocket  = 0o140000
	typeWhite   = 0o160000
)

func (i *Inode) kind() uint16 { return i.Mode & typeMask }

// Device is the major and minor number of a device (dev_t of NetBSD).
func (i *Inode) Device() (major, minor uint32) {
	d := uint32(i.Direct[0])
	return d >> 8 & 0xfff, d>>12&0xfff00 | d&0xff
}

// makeDevice is NetBSD's makedev(3), for a major below 2^12 and a minor below
// 2^20.
func makeDevice(major, minor uint32) uint32 {
	return major<<8&0xfff00 | minor<<12&0xfff00000 | minor&0xff
}

// hasData reports whether blocks hold what the inode describes, rather than
// the inode itself or nothing.
func (i *Inode) hasData() bool {
	switch i.kind() {
	case typeRegular, typeDir:
		return true
	case typeLink:
		return i.Target == ""
	}
	return false
}

// isSnapshot reports whether the file holds what the whole file system was.
func (i *Inode) isSnapshot() bool { return i.kind() == typeRegular && i.Flags&fileSnapshot != 0 }

// readInode reads and decodes inode ino.
func readInode(r io.ReaderAt, s *Superblock, order binary.ByteOrder, ino uint32) (*Inode, error) {
	if int64(ino) >= s.inodes() {
		return nil, fmt.Errorf("inode %d: there are only %d", ino, s.inodes())
	}
	b := make([]byte, s.inodeSize())
	if err := readFull(r, b, s.inodeOffset(ino)); err != nil {
		return nil, fmt.Errorf("read inode %d: %w", ino, err)
	}
	return decodeInode(s, order, ino, b), nil
}

func decodeInode(s *Superblock, o binary.ByteOrder, ino uint32, b []byte) *Inode {
	i := &Inode{Number: ino, Mode: o.Uint16(b), Links: int16(o.Uint16(b[2:]))}
	if s.Magic == magic1 {
		i.decode1(o, b)
		if s.OldInodeFormat < inodeFormat44 {
			i.UID, i.GID = uint32(i.OldIDs[0]), uint32(i.OldIDs[1])
		}
	} else {
		i.decode2(o, b)
	}
	if i.kind() == typeLink && i.isInline(s) {
		i.Target = string(s.inlineArea(b)[:i.Size])
		i.Direct, i.Indirect = [directs]int64{}, [indirects]int64{}
	}
	return i
}

// isInline reports whether a symbolic link's target is in the inode.
func (i *Inode) isInline(s *Superblock) bool {
	if i.Size == 0 || i.Size > uint64(s.inlineSize()) {
		return false
	}
	return i.Size < uint64(max(s.MaxInlineTarget, 0)) || s.MaxInlineTarget <= 0 && i.Blocks == 0
}

// Offsets from ufs1_dinode's comments.
func (i *Inode) decode1(o binary.ByteOrder, b []byte) {
	i.OldIDs = [2]uint16{o.Uint16(b[4:]), o.Uint16(b[6:])}
	i.Size = o.Uint64(b[8:])
	stamp := func(at int) time.Time {
		return time.Unix(int64(int32(o.Uint32(b[at:]))), int64(int32(o.Uint32(b[at+4:])))).UTC()
	}
	i.AccessTime, i.ModTime, i.ChangeTime = stamp(16), stamp(24), stamp(32)
	for n := range i.Direct {
		i.Direct[n] = int64(int32(o.Uint32(b[40+4*n:])))
	}
	for n := range i.Indirect {
		i.Indirect[n] = int64(int32(o.Uint32(b[88+4*n:])))
	}
	i.Flags = o.Uint32(b[100:])
	i.Blocks = uint64(o.Uint32(b[104:]))
	i.Generation = int32(o.Uint32(b[108:]))
	i.UID, i.GID = o.Uint32(b[112:]), o.Uint32(b[116:])
	i.ModRev = o.Uint64(b[120:])
}

func (i *Inode) encode1(o binary.ByteOrder, b []byte) {
	o.PutUint16(b[4:], i.OldIDs[0])
	o.PutUint16(b[6:], i.OldIDs[1])
	o.PutUint64(b[8:], i.Size)
	for n, t := range []time.Time{i.AccessTime, i.ModTime, i.ChangeTime} {
		o.PutUint32(b[16+8*n:], uint32(t.Unix()))
		o.PutUint32(b[20+8*n:], uint32(t.Nanosecond()))
	}
	for n, a := range i.Direct {
		o.PutUint32(b[40+4*n:], uint32(a))
	}
	for n, a := range i.Indirect {
		o.PutUint32(b[88+4*n:], uint32(a))
	}
	o.PutUint32(b[100:], i.Flags)
	o.PutUint32(b[104:], uint32(i.Blocks))
	o.PutUint32(b[108:], uint32(i.Generation))
	o.PutUint32(b[112:], i.UID)
	o.PutUint32(b[116:], i.GID)
	o.PutUint64(b[120:], i.ModRev)
}

// Offsets from ufs2_dinode's comments.
func (i *Inode) decode2(o binary.ByteOrder, b []byte) {
	i.UID, i.GID = o.Uint32(b[4:]), o.Uint32(b[8:])
	i.BlockSize = o.Uint32(b[12:])
	i.Size, i.Blocks = o.Uint64(b[16:]), o.Uint64(b[24:])
	stamp := func(sec, nsec int) time.Time {
		return time.Unix(int64(o.Uint64(b[sec:])), int64(int32(o.Uint32(b[nsec:])))).UTC()
	}
	i.AccessTime, i.ModTime, i.ChangeTime, i.BirthTime = stamp(32, 68), stamp(40, 64), stamp(48, 72), stamp(56, 76)
	i.Generation = int32(o.Uint32(b[80:]))
	i.KernelFlags, i.Flags = o.Uint32(b[84:]), o.Uint32(b[88:])
	i.ExtSize = int32(o.Uint32(b[92:]))
	address := func(at int) int64 { return int64(o.Uint64(b[at:])) }
	for n := range i.ExtBlocks {
		i.ExtBlocks[n] = address(96 + 8*n)
	}
	for n := range i.Direct {
		i.Direct[n] = address(112 + 8*n)
	}
	for n := range i.Indirect {
		i.Indirect[n] = address(208 + 8*n)
	}
	i.ModRev = o.Uint64(b[232:])
	i.Spare = [2]int64{address(240), address(248)}
}

func (i *Inode) encode2(o binary.ByteOrder, b []byte) {
	o.PutUint32(b[4:], i.UID)
	o.PutUint32(b[8:], i.GID)
	o.PutUint32(b[12:], i.BlockSize)
	o.PutUint64(b[16:], i.Size)
	o.PutUint64(b[24:], i.Blocks)
	for n, t := range []time.Time{i.AccessTime, i.ModTime, i.ChangeTime, i.BirthTime} {
		o.PutUint64(b[32+8*n:], uint64(t.Unix()))
	}
	for n, t := range []time.Time{i.ModTime, i.AccessTime, i.ChangeTime, i.BirthTime} {
		o.PutUint32(b[64+4*n:], uint32(t.Nanosecond()))
	}
	o.PutUint32(b[80:], uint32(i.Generation))
	o.PutUint32(b[84:], i.KernelFlags)
	o.PutUint32(b[88:], i.Flags)
	o.PutUint32(b[92:], uint32(i.ExtSize))
	put := func(at int, a int64) { o.PutUint64(b[at:], uint64(a)) }
	for n, a := range i.ExtBlocks {
		put(96+8*n, a)
	}
	for n, a := range i.Direct {
		put(112+8*n, a)
	}
	for n, a := range i.Indirect {
		put(208+8*n, a)
	}
	o.PutUint64(b[232:], i.ModRev)
	put(240, i.Spare[0])
	put(248, i.Spare[1])
}

// encode writes the inode to b, which has the length of one.
func (i *Inode) encode(s *Superblock, o binary.ByteOrder, b []byte) {
	o.PutUint16(b, i.Mode)
	o.PutUint16(b[2:], uint16(i.Links))
	if s.Magic == magic1 {
		i.encode1(o, b)
	} else {
		i.encode2(o, b)
	}
	copy(s.inlineArea(b), i.Target)
}

// kinds pairs the file types of inodes with those of io/fs.
var kinds = [...]struct {
	inode uint16
	fs    fs.FileMode
}{
	{typeRegular, 0},
	{typeDir, fs.ModeDir},
	{typeLink, fs.ModeSymlink},
	{typeChar, fs.ModeDevice | fs.ModeCharDevice},
	{typeBlock, fs.ModeDevice},
	{typeFIFO, fs.ModeNamedPipe},
	{typeSocket, fs.ModeSocket},
}

// specials pairs the bits beside the permissions.
var specials = [...]struct {
	inode uint16
	fs    fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// FileMode is the type and mode in the terms of io/fs; a whiteout is irregular.
func (i *Inode) FileMode() fs.FileMode {
	m := fs.FileMode(i.Mode & 0o777)
	for _, s := range specials {
		if i.Mode&s.inode != 0 {
			m |= s.fs
		}
	}
	for _, k := range kinds {
		if i.kind() == k.inode {
			return m | k.fs
		}
	}
	return m | fs.ModeIrregular
}

// inodeMode is the reverse of FileMode; ok is false for a type that FFS lacks.
func inodeMode(m fs.FileMode) (mode uint16, ok bool) {
	mode = uint16(m.Perm())
	for _, s := range specials {
		if m&s.fs != 0 {
			mode |= s.inode
		}
	}
	for _, k := range kinds {
		if m.Type() == k.fs {
			return mode | k.inode, true
		}
	}
	return mode, false
}

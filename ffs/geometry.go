package ffs

import "encoding/binary"

// summaryBytes is the length of a Summary on disk.
const summaryBytes = 16

// pointerSize is the length of a block address in inodes and indirect blocks.
func (s *Superblock) pointerSize() int32 {
	if s.Magic == magic1 {
		return 4
	}
	return 8
}

// pointer is address n of an indirect block.
func (s *Superblock) pointer(o binary.ByteOrder, b []byte, n int64) int64 {
	if s.Magic == magic1 {
		return int64(int32(o.Uint32(b[4*n:])))
	}
	return int64(o.Uint64(b[8*n:]))
}

func (s *Superblock) inodeSize() int32 {
	if s.Magic == magic1 {
		return inode1Size
	}
	return inode2Size
}

// inlineSize is the length of an inode's address area: symbolic links that are
// shorter stand in it.
func (s *Superblock) inlineSize() int {
	if s.Magic == magic1 {
		return inline1Size
	}
	return inline2Size
}

// inlineArea is the address area of the inode with the bytes b.
func (s *Superblock) inlineArea(b []byte) []byte {
	at := 40
	if s.Version() == 2 {
		at = 112
	}
	return b[at : at+s.inlineSize()]
}

// frags is how many fragments n bytes take.
func (s *Superblock) frags(n int64) int64 {
	return (n + int64(s.FragmentSize) - 1) >> s.FragmentShift
}

// fragRound rounds n bytes up to fragments.
func (s *Superblock) fragRound(n int64) int64 { return s.frags(n) << s.FragmentShift }

// offset is where the fragment at addr begins, in bytes.
func (s *Superblock) offset(addr int64) int64 { return addr << s.FragmentShift }

// groupBase is the address of group g's first fragment.
func (s *Superblock) groupBase(g uint32) int64 { return int64(g) * int64(s.FragsPerGroup) }

// groupSkew is how far into group g its metadata begins: disks of the 1980s
// had the superblocks' copies on different platters.
func (s *Superblock) groupSkew(g uint32) int64 {
	if s.Magic != magic1 {
		return 0
	}
	return int64(s.OldGroupOffset) * int64(g&^uint32(s.OldGroupMask))
}

// groupStart is the address that the places of group g's parts count from.
func (s *Superblock) groupStart(g uint32) int64 { return s.groupBase(g) + s.groupSkew(g) }

// groupFrags is how many fragments group g has: the last may be shorter.
func (s *Superblock) groupFrags(g uint32) int64 {
	return min(int64(s.FragsPerGroup), s.Size-s.groupBase(g))
}

// copyAt, headerAt, inodesAt and dataAt are addresses of group g's parts.
func (s *Superblock) copyAt(g uint32) int64   { return s.groupStart(g) + int64(s.SuperblockAt) }
func (s *Superblock) headerAt(g uint32) int64 { return s.groupStart(g) + int64(s.GroupAt) }
func (s *Superblock) inodesAt(g uint32) int64 { return s.groupStart(g) + int64(s.InodesAt) }
func (s *Superblock) dataAt(g uint32) int64   { return s.groupStart(g) + int64(s.DataAt) }

// inodes is the number of inodes, used or not, in all groups.
func (s *Superblock) inodes() int64 { return int64(s.InodesPerGroup) * int64(s.Groups) }

// inodeOffset is where inode ino is, in bytes.
func (s *Superblock) inodeOffset(ino uint32) int64 {
	g, i := ino/s.InodesPerGroup, ino%s.InodesPerGroup
	return s.offset(s.inodesAt(g)) + int64(i)*int64(s.inodeSize())
}

// blockLen is the length in bytes of the part of the disk that block lbn of a
// file of size bytes takes: whole blocks but for the last of a small file.
func (s *Superblock) blockLen(size, lbn int64) int64 {
	if lbn >= directs || size >= (lbn+1)<<s.BlockShift {
		return int64(s.BlockSize)
	}
	return s.fragRound(size & s.BlockOffMask)
}

// blocks is how many blocks a file of size bytes has, holes included.
func (s *Superblock) blocks(size int64) int64 {
	return (size + int64(s.BlockSize) - 1) >> s.BlockShift
}

// dataFrags is what fs_dsize counts: the fragments for files, free or not.
func (s *Superblock) dataFrags() int64 {
	perGroup := int64(s.DataAt - s.SuperblockAt)
	return s.Size - int64(s.SuperblockAt) - int64(s.Groups)*perGroup - s.frags(int64(s.SummarySize))
}

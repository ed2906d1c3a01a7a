package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The ext4 records that grow changes, little-endian. Layout: the kernel's
// Documentation/filesystems/ext4, fs/ext4/ext4.h.

const (
	superAt        = 1024     // bytes: where the superblock stands
	blockSize      = 4096     // bytes, the only one that tar2ext4 writes
	blocksPerGroup = 8 * 4096 // as many as a bitmap of one block has bits
	inodeBytes     = 256      // size of an inode
	inodesPerBlock = blockSize / inodeBytes
	groupsPerBlock = blockSize / 32 // group descriptors in a block
	ext4Magic      = 0xef53
	roReadOnly     = 0x1000 // RO_COMPAT_READONLY: may only be mounted to read
	modeMask       = 0xf000 // of an inode's i_mode
	modeDir        = 0x4000
)

// super is struct ext4_super_block up to s_uuid, 120 bytes; grow leaves the
// rest as it is.
type super struct {
	InodesCount      uint32   // 0x00
	BlocksCount      uint32   // 0x04
	RootBlocksCount  uint32   // 0x08
	FreeBlocksCount  uint32   // 0x0c
	FreeInodesCount  uint32   // 0x10
	FirstDataBlock   uint32   // 0x14
	LogBlockSize     uint32   // 0x18 block size is 1024 << this
	LogClusterSize   uint32   // 0x1c
	BlocksPerGroup   uint32   // 0x20
	ClustersPerGroup uint32   // 0x24
	InodesPerGroup   uint32   // 0x28
	MountTime        uint32   // 0x2c seconds
	WriteTime        uint32   // 0x30 seconds
	MountCount       uint16   // 0x34
	MaxMountCount    uint16   // 0x36
	Magic            uint16   // 0x38
	State            uint16   // 0x3a 1: clean
	Errors           uint16   // 0x3c
	MinorRevision    uint16   // 0x3e
	LastCheck        uint32   // 0x40 seconds
	CheckInterval    uint32   // 0x44 seconds
	CreatorOS        uint32   // 0x48
	Revision         uint32   // 0x4c
	DefaultUID       uint16   // 0x50
	DefaultGID       uint16   // 0x52
	FirstInode       uint32   // 0x54
	InodeSize        uint16   // 0x58 bytes
	BlockGroup       uint16   // 0x5a
	FeatureCompat    uint32   // 0x5c
	FeatureIncompat  uint32   // 0x60
	FeatureROCompat  uint32   // 0x64
	UUID             [16]byte // 0x68
}

// groupDesc is struct ext4_group_desc in its 32-byte form.
type groupDesc struct {
	BlockBitmap     uint32 // 0x00 block number
	InodeBitmap     uint32 // 0x04 block number
	InodeTable      uint32 // 0x08 block number of its first block
	FreeBlocksCount uint16 // 0x0c
	FreeInodesCount uint16 // 0x0e
	UsedDirsCount   uint16 // 0x10
	Flags           uint16 // 0x12
	_               [12]byte
}

// readSuper reads and validates the superblock of an ext4 in r.
func readSuper(r io.ReaderAt) (super, error) {
	var sb super
	b := make([]byte, binary.Size(sb))
	if _, err := r.ReadAt(b, superAt); err != nil {
		return sb, errNoFS
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &sb); err != nil {
		return sb, err
	}
	switch {
	case sb.Magic != ext4Magic:
		return sb, errNoFS
	case sb.LogBlockSize != 2 || sb.BlocksPerGroup != blocksPerGroup || sb.InodeSize != inodeBytes || sb.BlocksCount == 0:
		return sb, fmt.Errorf("an ext4 of a shape that is not written here (block size 1024 << %d, %d blocks in a group)", sb.LogBlockSize, sb.BlocksPerGroup)
	case sb.State != 1:
		return sb, errors.New("the file system is not clean")
	}
	return sb, nil
}

package ffs

import (
	"encoding/binary"
	"time"
)

// Options say what file system is made. All may be zero.
type Options struct {
	// Version is 1 (superblock at 8 KiB) or 2 (at 64 KiB); 0 stands for 2.
	Version int
	// Order is the byte order of all structures; nil stands for little-endian.
	Order binary.ByteOrder
	// BlockSize is a power of two from 4 KiB to 64 KiB; 0 stands for 16 KiB.
	BlockSize int
	// FragmentSize is BlockSize or a half, quarter or eighth of it, and at
	// least SectorSize; 0 stands for an eighth.
	FragmentSize int
	// SectorSize of the disk: a power of two; 0 stands for 512.
	SectorSize int

	// Size of the whole file system, rounded down to fragments, or by up to a
	// group's metadata where the last group would have no more. 0 fits it to
	// the entries and the free space.
	Size int64
	// MinSize and MaxSize bound the size of a fitted file system; 0 is no
	// bound.
	MinSize, MaxSize int64
	// Free is the least room left for more data; FreePercent the same in
	// percent of what the entries take. The larger one counts.
	Free        int64
	FreePercent int
	// Inodes is the least number of inodes left for more files. 0 stands for
	// one for every Density bytes of free space.
	Inodes int64
	// Density is how many bytes of free space get an inode; 0 stands for four
	// fragments, newfs's default.
	Density int
	// MinFree is the part of the file system, in percent, that only root may
	// fill. A fitted file system is larger by about as much, and no larger
	// than what makefs(8) makes.
	MinFree int
	// OptimizeSpace asks the kernel to save room rather than time.
	OptimizeSpace bool

	// MaxBlocksPerGroup bounds the size of cylinder groups in blocks; 0 takes
	// as many as the group's bitmaps can describe.
	MaxBlocksPerGroup int
	// MaxBlocksPerFile (fs_maxbpg) is how many blocks a file may take in one
	// group before the kernel goes to the next; 0 stands for as many as an
	// indirect block has pointers.
	MaxBlocksPerFile int
	// MaxContig is the length in blocks of the clusters that the kernel looks
	// for; 0 stands for 64 KiB worth.
	MaxContig int
	// AvgFileSize and AvgFilesPerDir guide where the kernel puts folders; 0
	// stands for 16384 bytes and 64.
	AvgFileSize, AvgFilesPerDir int

	// Label is the volume's name (fs_volname), up to 31 bytes.
	Label string
	// Time of the file system's making. Zero stands for the latest ModTime of
	// an entry, so that nothing of the clock gets in.
	Time time.Time
	// NotAfter, if set, replaces all later times, as SOURCE_DATE_EPOCH asks.
	NotAfter time.Time

	// Progress is told how many bytes of the files were written. It is called
	// from one goroutine at a time.
	Progress func(done, total int64)
}

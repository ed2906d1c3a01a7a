package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Where the superblock of an FFSv2 may stand, in bytes: makefs puts it where
// FFSv1 has it, newfs at 64 KiB (sys/ufs/ffs/fs.h, SBLOCKSEARCH).
var ffsPlaces = []int64{65536, 8192}

// Fields of struct fs, little-endian (sys/ufs/ffs/fs.h).
const (
	ffsFragSize = 48 + 4 // int32 fs_fsize, bytes
	ffsClean    = 209    // uint8 fs_clean, 1: unmounted cleanly
	ffsPlace    = 1000   // int64 fs_sblockloc, bytes: where this superblock says it is
	ffsFrags    = 1080   // int64 fs_size, fragments
	ffsMagicAt  = 1372   // int32 fs_magic
	ffsLength   = 1376   // bytes of struct fs
	ffs2Magic   = 0x19540119
)

var errNoFS = errors.New("no superblock in it")

// fsSize returns the size in bytes of the clean file system in r, by its
// superblock.
func fsSize(r io.ReaderAt, fs string) (int64, error) {
	if fs == FFS {
		return ffsSize(r)
	}
	return ext4Size(r)
}

func ffsSize(r io.ReaderAt) (int64, error) {
	for _, at := range ffsPlaces {
		b := make([]byte, ffsLength)
		if _, err := r.ReadAt(b, at); err != nil {
			continue // too short for this place
		}
		le := binary.LittleEndian
		if le.Uint32(b[ffsMagicAt:]) != ffs2Magic || int64(le.Uint64(b[ffsPlace:])) != at {
			continue
		}
		if b[ffsClean] != 1 {
			return 0, errors.New("the file system is not clean")
		}
		frags, size := int64(le.Uint64(b[ffsFrags:])), int64(int32(le.Uint32(b[ffsFragSize:])))
		if size < 512 || size > 65536 || frags < 1 || frags > maxSize/size {
			return 0, fmt.Errorf("a superblock of %d fragments of %d bytes", frags, size)
		}
		return frags * size, nil
	}
	return 0, errNoFS
}

func ext4Size(r io.ReaderAt) (int64, error) {
	sb, err := readSuper(r)
	if err != nil {
		return 0, err
	}
	return int64(sb.BlocksCount) * blockSize, nil
}

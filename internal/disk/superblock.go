package disk

import (
	"errors"
	"io"

	"github.com/fakecracker/fakecracker/ffs"
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
	f, err := ffs.Open(r)
	if err != nil {
		return 0, err
	}
	sb := f.Superblock()
	if sb.Clean != 1 {
		return 0, errors.New("the file system is not clean")
	}
	return sb.Bytes(), nil
}

func ext4Size(r io.ReaderAt) (int64, error) {
	sb, err := readSuper(r)
	if err != nil {
		return 0, err
	}
	return int64(sb.BlocksCount) * blockSize, nil
}

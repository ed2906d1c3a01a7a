//go:build darwin || freebsd || linux

package ffs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dataRanges asks the host where the file has data. Nil means that it does
// not know, or that there are no holes.
func dataRanges(f *os.File, size int64) ([]Range, error) {
	ranges := []Range{}
	for end := int64(0); end < size; {
		start, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole up to the end
			break
		}
		if err != nil {
			return nil, unsupported(err)
		}
		if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
			return nil, unsupported(err)
		}
		if start = min(start, size); min(end, size) > start {
			ranges = append(ranges, Range{start, min(end, size) - start})
		}
	}
	if len(ranges) == 1 && ranges[0] == (Range{0, size}) {
		return nil, nil
	}
	return ranges, nil
}

// unsupported returns the error, unless it says that the file system can't
// tell: then there is data everywhere.
func unsupported(err error) error {
	for _, e := range []error{unix.EINVAL, unix.ENOTTY, unix.EOPNOTSUPP, unix.ENOSYS} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return pathless(err)
}

package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// punchHoles gives the room back that blocks of zeros take in the file at
// name. A host file system without holes keeps it as it is.
func punchHoles(ctx context.Context, name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for at := int64(0); ctx.Err() == nil; at += int64(len(b)) {
		n, err := f.ReadAt(b, at)
		if n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("punch holes: %w", err)
		}
		if err := punch(f, b[:n], at); errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		} else if err != nil {
			return fmt.Errorf("punch holes into %s: %w", name, err)
		}
	}
	return ctx.Err()
}

// punch makes holes of the runs of zero blocks in b, which stands at offset
// at of f.
func punch(f *os.File, b []byte, at int64) error {
	for len(b) > 0 {
		n := 0
		for blank(b[n:]) {
			n += blockSize
		}
		if n > 0 {
			const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
			if err := unix.Fallocate(int(f.Fd()), mode, at, int64(n)); err != nil {
				return err
			}
		} else {
			n = min(blockSize, len(b))
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

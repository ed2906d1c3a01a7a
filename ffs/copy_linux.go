package ffs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// copyRange copies up to n bytes within the kernel (copy_file_range(2)) and
// returns how many it did: fewer where the kernel can't for these two files,
// or where from ends.
func copyRange(to *os.File, toAt int64, from *os.File, fromAt, n int64) (int64, error) {
	var done int64
	for done < n {
		src, dst := fromAt+done, toAt+done
		got, err := unix.CopyFileRange(int(from.Fd()), &src, int(to.Fd()), &dst, int(n-done), 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO), errors.Is(err, unix.EFBIG):
			return done, &os.PathError{Op: "copy_file_range", Path: from.Name(), Err: err}
		case err != nil || got == 0:
			return done, nil
		}
		done += int64(got)
	}
	return done, nil
}

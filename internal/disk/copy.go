package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// Copy writes a copy of d, whose holes stay holes, to a new file in the place
// of what is at dest. After an error there is what there was.
func Copy(ctx context.Context, d Disk, dest string) (err error) {
	src, err := os.Open(d.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	f, err := os.CreateTemp(filepath.Dir(dest), atomicfile.Prefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(copyHoles(ctx, f, src, d.Size), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), dest)
}

// copyHoles copies size bytes but for blocks of zeros.
func copyHoles(ctx context.Context, dst, src *os.File, size int64) error {
	buf := make([]byte, 1<<20)
	w := &sparseFile{f: dst}
	if err := errors.Join(dst.Truncate(size), dst.Chmod(0o644)); err != nil {
		return err
	}
	for w.at < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), size-w.at)]
		if _, err := src.ReadAt(b, w.at); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return dst.Sync()
}

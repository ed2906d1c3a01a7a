package makefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// An image is a file system that goes to a file or disk.
type image struct {
	layout *ffs.Layout
	offset int64 // where it begins there
	size   int64 // bytes from there on that are its: zeros behind the file system
}

// write writes the image to the file or disk called name.
func (w *image) write(ctx context.Context, name string) error {
	fi, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("write %s: it is a link to a file that is not there: remove it", name)
		}
		return w.replace(ctx, name, nil)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, pathless(err))
	}
	switch {
	case fi.Mode().IsRegular():
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			return err
		}
		return w.replace(ctx, real, fi)
	case fi.Mode()&fs.ModeDevice != 0:
		return w.writeDisk(ctx, name)
	}
	return fmt.Errorf("write %s: want a file or a disk, not what is there (%v)", name, fi.Mode().Type())
}

// replace writes the image to a new file, and gives that the name of the old
// one, which fi is of if there is one. So the old one stays as it is after an
// error. Nothing is synced: an image is not our state, and another can be
// made.
func (w *image) replace(ctx context.Context, name string, old fs.FileInfo) (err error) {
	f, temporary, err := createBeside(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	err = w.fill(ctx, f, name, old)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return takeName(temporary, name)
}

// createBeside makes a file in the folder of name, under a name of its own.
// Errors of the file tell the name that it will have.
func createBeside(name string) (f *os.File, temporary string, err error) {
	fd := -1
	err = unix.EEXIST
	for errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EINTR) {
		temporary = filepath.Join(filepath.Dir(name), fmt.Sprintf("%s%d", atomicfile.Prefix, rand.Uint64()))
		fd, err = unix.Open(temporary, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o666)
	}
	if err != nil {
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), name), temporary, nil
}

// fill writes the image into f, and around it what the old file has there, if
// it isn't to begin at the file's begin.
func (w *image) fill(ctx context.Context, f *os.File, name string, old fs.FileInfo) error {
	if old == nil || w.offset == 0 {
		return errors.Join(w.writeFS(ctx, f), keepMode(f, old))
	}
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	err = w.around(ctx, f, from, old.Size())
	return errors.Join(err, from.Close(), keepMode(f, old))
}

// around writes the image into f with what from, which has size bytes, has
// before and behind it.
func (w *image) around(ctx context.Context, f, from *os.File, size int64) error {
	if err := copyAll(ctx, f, from, w.offset); err != nil {
		return err
	}
	if err := w.writeFS(ctx, f); err != nil {
		return err
	}
	end := w.offset + w.size
	if end >= size {
		return nil
	}
	for _, file := range []*os.File{f, from} {
		if _, err := file.Seek(end, io.SeekStart); err != nil {
			return err
		}
	}
	return copyAll(ctx, f, from, size-end)
}

// writeFS writes the image into f, which ends with it.
func (w *image) writeFS(ctx context.Context, f *os.File) error {
	if err := w.layout.Write(ctx, f, w.offset); err != nil {
		return err
	}
	return f.Truncate(w.offset + w.size)
}

func keepMode(f *os.File, old fs.FileInfo) error {
	if old == nil {
		return nil
	}
	return f.Chmod(old.Mode().Perm())
}

// copyPart is how much is copied between two looks at the context.
const copyPart = 16 << 20

// copyAll copies up to n bytes from where a file is to where another is, or
// as many as there are.
func copyAll(ctx context.Context, to, from *os.File, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		copied, err := io.CopyN(to, from, min(n, copyPart))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n -= copied
	}
	return nil
}

// writeDisk writes the file system to a disk. It is made in a file first:
// what it doesn't write are zeros there, and on the disk anything.
func (w *image) writeDisk(ctx context.Context, name string) (err error) {
	disk, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, pathless(err))
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	// Raw disks of the BSDs tell no size; then a write tells.
	if size, err := disk.Seek(0, io.SeekEnd); err == nil && size > 0 && size-w.offset < w.layout.Size() {
		return fmt.Errorf("write %s: the disk has %d bytes from %d on, and the file system takes %d",
			name, max(size-w.offset, 0), w.offset, w.layout.Size())
	}
	f, err := os.CreateTemp("", atomicfile.Prefix+"*")
	if err != nil {
		return fmt.Errorf("write %s: make the image: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil { // it goes on without a name
		return err
	}
	if err := w.layout.Write(ctx, f, 0); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := disk.Seek(w.offset, io.SeekStart); err != nil {
		return fmt.Errorf("write %s: %w", name, pathless(err))
	}
	return copyAll(ctx, disk, f, w.layout.Size())
}

// pathless takes the path off an error that gets one.
func pathless(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

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

// writeImage writes the file system to the file or disk called name, from
// offset on.
func writeImage(ctx context.Context, name string, offset int64, layout *ffs.Layout) error {
	fi, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("write %s: it is a link to a file that is not there: remove it", name)
		}
		return replace(ctx, name, nil, offset, layout)
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
		return replace(ctx, real, fi, offset, layout)
	case fi.Mode()&fs.ModeDevice != 0:
		return writeDisk(ctx, name, offset, layout)
	}
	return fmt.Errorf("write %s: want a file or a disk, not what is there (%v)", name, fi.Mode().Type())
}

// replace writes the image to a new file, and gives that the name of the old
// one, which fi is of if there is one. So the old one stays as it is after an
// error. Nothing is synced: an image is not our state, and another can be
// made.
func replace(ctx context.Context, name string, old fs.FileInfo, offset int64, layout *ffs.Layout) (err error) {
	f, temporary, err := createBeside(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	err = fill(ctx, f, name, old, offset, layout)
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

// fill writes the file system into f, and around it what the old file has
// there, if it isn't to begin at the file's begin.
func fill(ctx context.Context, f *os.File, name string, old fs.FileInfo, offset int64, layout *ffs.Layout) error {
	if old == nil || offset == 0 {
		if err := layout.Write(ctx, f, offset); err != nil {
			return err
		}
		return keepMode(f, old)
	}
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	err = around(ctx, f, from, old.Size(), offset, layout)
	return errors.Join(err, from.Close(), keepMode(f, old))
}

// around writes the file system into f with what from, which has size bytes,
// has before and behind it.
func around(ctx context.Context, f, from *os.File, size, offset int64, layout *ffs.Layout) error {
	if _, err := io.CopyN(f, from, min(offset, size)); err != nil {
		return err
	}
	if err := layout.Write(ctx, f, offset); err != nil {
		return err
	}
	end := offset + layout.Size()
	if end >= size {
		return nil
	}
	for _, file := range []*os.File{f, from} {
		if _, err := file.Seek(end, io.SeekStart); err != nil {
			return err
		}
	}
	return copyAll(ctx, f, from)
}

func keepMode(f *os.File, old fs.FileInfo) error {
	if old == nil {
		return nil
	}
	return f.Chmod(old.Mode().Perm())
}

// copyPart is how much is copied between two looks at the context.
const copyPart = 16 << 20

// copyAll copies the rest of a file to where another one is.
func copyAll(ctx context.Context, to, from *os.File) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := io.CopyN(to, from, copyPart)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writeDisk writes the file system to a disk. It is made in a file first:
// what it doesn't write are zeros there, and on the disk anything.
func writeDisk(ctx context.Context, name string, offset int64, layout *ffs.Layout) (err error) {
	disk, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, pathless(err))
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	// Raw disks of the BSDs tell no size; then a write tells.
	if size, err := disk.Seek(0, io.SeekEnd); err == nil && size > 0 && size-offset < layout.Size() {
		return fmt.Errorf("write %s: the disk has %d bytes from %d on, and the file system takes %d", name, max(size-offset, 0), offset, layout.Size())
	}
	f, err := os.CreateTemp("", atomicfile.Prefix+"*")
	if err != nil {
		return fmt.Errorf("write %s: make the image: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil { // it goes on without a name
		return err
	}
	if err := layout.Write(ctx, f, 0); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := disk.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("write %s: %w", name, pathless(err))
	}
	return copyAll(ctx, disk, f)
}

// pathless takes the path off an error that gets one.
func pathless(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

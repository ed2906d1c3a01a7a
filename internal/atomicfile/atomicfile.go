// Package atomicfile writes files whole or not at all, and keeps others away
// from a file while one process works with it.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Prefix is what the names of temporary files begin with. It is our own, so
// that Sweep takes no one else's files.
const Prefix = ".fakecracker-tmp-"

// maxLinks is how many symbolic links may lead to a file, as for Linux.
const maxLinks = 40

// Write makes or replaces the file at path with what write gives, and with
// permission perm. A symbolic link stays, and what it names is written. A
// device or a FIFO is no file to replace: it is opened and written to.
//
// What was at path is there, whole, until the new content is. After an error
// it still is, and nothing else is left behind, but for one error: if the
// folder can't be synced at the end, the new content is at path and a crash
// of the machine may bring the old one back. What a killed writer leaves is
// for Sweep.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	err := writeTo(path, perm, write)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeTo(path string, perm fs.FileMode, write func(io.Writer) error) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replace(path, perm, write)
	case err != nil:
		return bare(err)
	case fi.IsDir():
		return errors.New("it is a folder")
	case fi.Mode().IsRegular():
		return replace(path, perm, write)
	}
	return writeThrough(path, write)
}

// target follows the symbolic links at path, of which the last may lead to
// nothing yet.
func target(path string) (string, error) {
	for range maxLinks {
		fi, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			// Not Join: it would take "x/.." away, and x may be a link.
			to = filepath.Dir(path) + string(filepath.Separator) + to
		}
		path = to
	}
	return "", fmt.Errorf("more than %d symbolic links", maxLinks)
}

func writeThrough(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// replace writes a temporary file beside path and moves it there.
func replace(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, Prefix+"*")
	if err != nil {
		return fmt.Errorf("folder %s: %w", dir, bare(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard(f))
		}
	}()
	if err := write(unnamed{f}); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(dir)
}

// unnamed is a temporary file whose errors don't tell its name, which is none
// that anybody has asked for.
type unnamed struct{ f *os.File }

// Write implements io.Writer.
func (u unnamed) Write(p []byte) (int, error) {
	n, err := u.f.Write(p)
	return n, bare(err)
}

// ReadFrom implements io.ReaderFrom, for systems that copy files themselves.
func (u unnamed) ReadFrom(r io.Reader) (int64, error) {
	n, err := u.f.ReadFrom(r)
	return n, bare(err)
}

// WriteFile makes or replaces the file at path with data, whole or not at all.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// discard closes and removes a temporary file. That it was closed or renamed
// already is no error.
func discard(f *os.File) error {
	if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// DirOptions say how FromDir reads a host folder.
type DirOptions struct {
	At  string // the path in the tree that the folder becomes; "/" when empty
	Why string // Entry.Why of what is found
	// Skip leaves out what it returns true for, by its path below dir
	// ("a/b"); of a folder all that is in it. Nil: nothing.
	Skip func(rel string, isDir bool) bool
	// Odd is told of each device, socket and FIFO, by its path below dir, and
	// leaves it out. Nil: they are errors.
	Odd func(rel string, mode fs.FileMode)
}

// FromDir returns the files below the host folder dir, with the digests of
// their bytes, which stay where they are. The folder's own mode is left out
// when it becomes the root. Symbolic links are kept as they are, never
// followed; several names of one host file become hard links of the first.
// All is root's: who checked a folder out says nothing about the guest.
func FromDir(ctx context.Context, dir string, o DirOptions) (Tree, error) {
	if fi, err := os.Stat(dir); err != nil {
		return Tree{}, fmt.Errorf("read folder %s: %w", dir, err)
	} else if !fi.IsDir() {
		return Tree{}, fmt.Errorf("read folder %s: it is not a folder", dir)
	}
	abs, err := filepath.EvalSymlinks(dir) // a walk doesn't follow its start
	if err == nil {
		abs, err = filepath.Abs(abs)
	}
	if err != nil {
		return Tree{}, fmt.Errorf("read folder %s: %w", dir, err)
	}
	if o.At == "" {
		o.At = "/"
	}
	w := dirWalk{DirOptions: o, dir: abs, names: make(map[inode]string)}
	err = filepath.WalkDir(abs, func(p string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		return w.visit(p, d)
	})
	if err != nil {
		return Tree{}, fmt.Errorf("read folder %s: %w", dir, err)
	}
	return w.tree, nil
}

type dirWalk struct {
	DirOptions
	dir   string
	tree  Tree
	names map[inode]string // first name of each host file with several
}

func (w *dirWalk) visit(host string, d fs.DirEntry) error {
	rel, err := filepath.Rel(w.dir, host)
	if err != nil {
		return err
	}
	p := path.Join(w.At, filepath.ToSlash(rel))
	if p == "/" {
		return nil
	}
	if w.Skip != nil && rel != "." && w.Skip(filepath.ToSlash(rel), d.IsDir()) {
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	fi, err := d.Info()
	if err != nil {
		return err
	}
	if w.Odd != nil && isOdd(fi.Mode()) {
		w.Odd(filepath.ToSlash(rel), fi.Mode())
		return nil
	}
	e := Entry{Path: p, Mode: ModeOf(fi.Mode()), ModTime: fi.ModTime(), Why: w.Why}
	if err := w.fill(&e, host, fi, sysOf(fi)); err != nil {
		return err
	}
	return w.tree.Put(e)
}

// isOdd reports whether a host file is none that a tree takes from there.
func isOdd(m fs.FileMode) bool { return m.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 }

// fill sets e's type and what belongs to it.
func (w *dirWalk) fill(e *Entry, host string, fi fs.FileInfo, sys sysInfo) (err error) {
	switch m := fi.Mode(); {
	case m.IsRegular():
		return w.fillFile(e, host, fi, sys)
	case m.IsDir():
		e.Type = Dir
	case m&fs.ModeSymlink != 0:
		e.Type, e.Mode = Symlink, 0o777
		e.Link, err = os.Readlink(host)
	default:
		return fmt.Errorf("%s is neither a file, a folder nor a symbolic link", host)
	}
	return err
}

func (w *dirWalk) fillFile(e *Entry, host string, fi fs.FileInfo, sys sysInfo) error {
	e.Type = File
	if sys.links > 1 {
		if first, ok := w.names[sys.inode]; ok {
			e.Type, e.Link = Hardlink, first
			return nil
		}
		w.names[sys.inode] = e.Path
	}
	digest, n, err := digestHost(host)
	if err != nil {
		return err
	}
	if n != fi.Size() {
		return fmt.Errorf("%s changed while it was read", host)
	}
	e.Size, e.Digest, e.Content = n, digest, Content{Host: host}
	return nil
}

// digestHost returns DigestOf the host file at p. What was put there since the
// caller looked, such as a FIFO without a writer, does not hold it up.
func digestHost(p string) (digest string, n int64, err error) {
	f, err := os.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if !fi.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is not a regular file", p)
	}
	return DigestOf(f)
}

// FromFile returns a File for the host file at host, with its digest.
func FromFile(host, p string, mode uint32, why string) (Entry, error) {
	abs, err := filepath.Abs(host)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s: %w", host, err)
	}
	fi, err := os.Stat(abs)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s: %w", host, err)
	}
	if !fi.Mode().IsRegular() {
		return Entry{}, fmt.Errorf("read %s: it is not a regular file", host)
	}
	digest, n, err := digestHost(abs)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s: %w", host, err)
	}
	return Entry{
		Path: p, Type: File, Mode: mode, ModTime: fi.ModTime(), Size: n,
		Digest: digest, Content: Content{Host: abs}, Why: why,
	}, nil
}

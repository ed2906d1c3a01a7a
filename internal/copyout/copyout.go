// Package copyout writes the files of a disk image below a folder of the
// host, as cp -a does: with modes, times, links and holes, and as root with
// owners and devices. Nothing is written outside of that folder, whatever the
// image holds.
package copyout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/ffs"
)

// A Result counts what was copied, and what a user who isn't root can't have.
type Result struct {
	Files   int // and all else that is no folder
	Folders int
	Bytes   int64 // of data, without holes
	Owners  int   // files whose owner is the user now
	Devices int   // devices, and on some hosts sockets, that weren't made
	Failed  int   // files that were told to the Failed function
}

// Options say how files are copied. All may be zero.
type Options struct {
	// Failed is told what could not be copied; the rest is copied
	// nevertheless, but for what is in a folder that couldn't. Without it
	// the first such error ends the copy.
	Failed func(error) error
}

// Copy writes entries, which begin with the one at the image's path from, to
// the host's file to, relative to root. An existing file is replaced, an
// existing folder filled.
func Copy(ctx context.Context, root *os.Root, to, from string, entries iter.Seq2[ffs.Entry, error], o Options) (Result, error) {
	c := &copier{ctx: ctx, root: root, to: to, from: from, asRoot: os.Geteuid() == 0, buf: make([]byte, 1<<20)}
	defer c.leave()
	for e, err := range entries {
		if err == nil {
			err = c.entry(e)
		}
		if err = c.failed(err, o); err != nil {
			return c.result, err
		}
	}
	for _, d := range slices.Backward(c.folders) {
		if err := c.failed(c.finishFolder(d), o); err != nil {
			return c.result, err
		}
	}
	return c.result, nil
}

// A copier is one Copy.
type copier struct {
	ctx      context.Context // of the one Copy that the copier lives in
	root     *os.Root
	to, from string
	asRoot   bool
	result   Result
	folders  []ffs.Entry // whose modes and times are set when they are full
	missing  []string    // folders that could not be made, with a slash behind
	buf      []byte
	here     folder
}

// A folder is the one that is being filled.
type folder struct {
	name string
	root *os.Root
	file *os.File // the same, for what os.Root can't do
}

// failed tells an error, unless the copy is to end with it.
func (c *copier) failed(err error, o Options) error {
	if err == nil {
		return nil
	}
	for _, end := range []error{c.ctx.Err(), syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if end != nil && errors.Is(err, end) {
			return err
		}
	}
	if o.Failed == nil {
		return err
	}
	c.result.Failed++
	return o.Failed(err)
}

// host is where the file at the image's path p goes, relative to root.
func (c *copier) host(p string) string {
	return path.Join(c.to, strings.TrimPrefix(p, c.from))
}

func (c *copier) entry(e ffs.Entry) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if n := len(c.missing); n > 0 && strings.HasPrefix(e.Path, c.missing[n-1]) {
		return nil // what is in the folder's way may lead elsewhere
	}
	if err := c.write(c.host(e.Path), e); err != nil {
		if e.Mode.IsDir() {
			c.missing = append(c.missing, strings.TrimSuffix(e.Path, "/")+"/")
		}
		return fmt.Errorf("copy %s: %w", e.Path, err)
	}
	return nil
}

// link makes another name of a file.
func (c *copier) link(name string, e ffs.Entry) error {
	if slices.ContainsFunc(c.missing, func(dir string) bool { return strings.HasPrefix(e.Hardlink, dir) }) {
		return fmt.Errorf("its other name %s was not copied", e.Hardlink)
	}
	c.result.Files++
	return c.root.Link(c.host(e.Hardlink), name)
}

// write makes the file at name.
func (c *copier) write(name string, e ffs.Entry) error {
	if e.Mode.IsDir() {
		return c.folder(name, e)
	}
	if err := c.enter(path.Dir(name)); err != nil {
		return err
	}
	base := path.Base(name)
	if e.Mode.IsRegular() && e.Hardlink == "" {
		return c.regular(base, e)
	}
	if err := c.clear(base); err != nil {
		return err
	}
	if e.Hardlink != "" {
		return c.link(name, e)
	}
	if e.Mode.Type() == fs.ModeSymlink {
		if err := c.here.root.Symlink(e.Target, base); err != nil {
			return err
		}
	} else if made, err := c.node(base, e); !made {
		return err
	}
	return c.attributes(base, e)
}

// folder makes a folder that only we can use until it is full.
func (c *copier) folder(name string, e ffs.Entry) error {
	err := c.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		fi, statErr := c.root.Lstat(name)
		if statErr != nil {
			return statErr
		}
		if !fi.IsDir() {
			return fmt.Errorf("%s is in the way: it is no folder", path.Join(c.root.Name(), name))
		}
		err = nil
	}
	if err == nil {
		c.folders = append(c.folders, e)
		c.result.Folders++
	}
	return err
}

// clear removes a file that is in the way.
func (c *copier) clear(base string) error {
	fi, err := c.here.root.Lstat(base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%s is in the way: it is a folder", path.Join(c.here.root.Name(), base))
	}
	return c.here.root.Remove(base)
}

// enter opens the folder that comes next.
func (c *copier) enter(name string) error {
	if c.here.root != nil && c.here.name == name {
		return nil
	}
	c.leave()
	root, err := c.root.OpenRoot(name)
	if err != nil {
		return err
	}
	file, err := root.Open(".")
	if err != nil {
		return errors.Join(err, root.Close())
	}
	c.here = folder{name, root, file}
	return nil
}

// leave closes the folder. It was only read from, so nothing can be lost.
func (c *copier) leave() {
	if c.here.root != nil {
		_ = c.here.file.Close()
		_ = c.here.root.Close()
		c.here = folder{}
	}
}

// regular writes a file's data, and removes it where it can't.
func (c *copier) regular(base string, e ffs.Entry) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := c.here.root.OpenFile(base, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := c.clear(base); err != nil {
			return err
		}
		f, err = c.here.root.OpenFile(base, flags, 0o600)
	}
	if err != nil {
		return err
	}
	err = c.fill(f, e)
	if err = errors.Join(err, f.Close()); err == nil {
		err = setTimes(c.here.file, base, e.AccessTime, e.ModTime)
	}
	if err != nil {
		return errors.Join(err, c.here.root.Remove(base))
	}
	c.result.Files++
	return nil
}

// fill gives an open file its data, owner and mode.
func (c *copier) fill(f *os.File, e ffs.Entry) error {
	if err := c.data(f, e); err != nil {
		return err
	}
	mode, err := c.owner(e, f.Chown)
	if err != nil {
		return err
	}
	return f.Chmod(mode)
}

func (c *copier) data(to *os.File, e ffs.Entry) error {
	if e.Size == 0 {
		return nil
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close() // was only read
	from, ok := r.(io.ReaderAt)
	if !ok {
		return errors.New("its contents can't be read at an offset")
	}
	ranges := e.Data
	if ranges == nil {
		ranges = []ffs.Range{{Off: 0, Len: e.Size}}
	}
	for _, r := range ranges {
		if err := c.piece(to, from, r); err != nil {
			return err
		}
	}
	if n := len(ranges); n > 0 && ranges[n-1].Off+ranges[n-1].Len == e.Size {
		return nil
	}
	return to.Truncate(e.Size) // a hole is at the end
}

func (c *copier) piece(to io.WriterAt, from io.ReaderAt, r ffs.Range) error {
	for r.Len > 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		b := c.buf[:min(r.Len, int64(len(c.buf)))]
		if n, err := from.ReadAt(b, r.Off); n < len(b) {
			return err
		}
		if _, err := to.WriteAt(b, r.Off); err != nil {
			return err
		}
		c.result.Bytes += int64(len(b))
		r.Off, r.Len = r.Off+int64(len(b)), r.Len-int64(len(b))
	}
	return nil
}

// attributes sets owner, mode and times of what was made by name.
func (c *copier) attributes(base string, e ffs.Entry) error {
	dir := c.here.root
	mode, err := c.owner(e, func(uid, gid int) error { return dir.Lchown(base, uid, gid) })
	if err != nil {
		return err
	}
	if e.Mode.Type() != fs.ModeSymlink {
		if err := dir.Chmod(base, mode); err != nil {
			return err
		}
	}
	c.result.Files++
	return setTimes(c.here.file, base, e.AccessTime, e.ModTime)
}

// owner gives a file away as root. Else it returns a mode without what would
// give others the user's rights rather than the owner's.
func (c *copier) owner(e ffs.Entry, chown func(uid, gid int) error) (fs.FileMode, error) {
	mode := e.Mode &^ fs.ModeType
	if c.asRoot {
		return mode, chown(int(int32(e.UID)), int(int32(e.GID)))
	}
	if int64(e.UID) == int64(os.Geteuid()) && int64(e.GID) == int64(os.Getegid()) {
		return mode, nil
	}
	c.result.Owners++
	return mode &^ (fs.ModeSetuid | fs.ModeSetgid), nil
}

func (c *copier) finishFolder(e ffs.Entry) error {
	name := c.host(e.Path)
	mode, err := c.owner(e, func(uid, gid int) error { return c.root.Lchown(name, uid, gid) })
	if err == nil {
		err = c.root.Chmod(name, mode)
	}
	if err == nil {
		err = c.folderTimes(name, e)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", e.Path, err)
	}
	return nil
}

func (c *copier) folderTimes(name string, e ffs.Entry) error {
	f, err := c.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(setTimes(f, path.Base(name), e.AccessTime, e.ModTime), f.Close())
}

//go:build darwin || freebsd || linux || netbsd || openbsd

package ffs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HostDir returns the files below a folder of the host as entries, parents
// before children and names in order; the first entry is the root, with what
// the folder itself has. Symbolic links are entries, dir alone may be one. Of
// several names of a file the first has its attributes, and the others are
// hard links to it. Device numbers are those of the host's system, taken
// apart. Sparse files say where they have data, where the host knows it.
//
// A file that can't be read is an error that names it. The entries' Open
// opens files by their path: what is there then must be what was there now.
func HostDir(dir string) ([]Entry, error) {
	w := hostWalk{
		dir:    strings.TrimRight(dir, "/"),
		links:  map[inodeID]string{},
		buf:    make([]byte, 32<<10),
		target: make([]byte, 4096),
	}
	root := hostChild{Entry: Entry{Path: "/"}}
	err := w.child(&root, unix.AT_FDCWD, dir, 0)
	if err == nil && !root.Mode.IsDir() {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: dir, Err: err}
	}
	w.entries = append(w.entries, root.Entry)
	if err := w.folder("/", dir, 0); err != nil {
		return nil, err
	}
	return w.entries, nil
}

// A hostWalk collects entries.
type hostWalk struct {
	dir     string // the folder on the host, without a slash at the end
	entries []Entry
	pending []hostChild        // of the folders that are being walked
	links   map[inodeID]string // the path that each file with several names was given first
	stat    unix.Stat_t        // of the file at hand; here, it needs no room of its own each time
	buf     []byte             // for getdents
	target  []byte             // for readlink
	names   []string
}

// An inodeID tells the host's files apart.
type inodeID struct{ dev, ino uint64 }

// A hostChild is an entry of a folder, and how to know its other names.
type hostChild struct {
	Entry
	id inodeID // zero: it has no other names
}

// folder adds what is below the folder at path, which the host has at name.
// The folder is closed before its subfolders are opened: a tree may be deeper
// than the limit of open files.
func (w *hostWalk) folder(path, name string, flags int) error {
	first := len(w.pending)
	if err := w.children(path, name, flags); err != nil {
		return err
	}
	for i := first; i < len(w.pending); i++ {
		e := w.add(&w.pending[i])
		if !e.Mode.IsDir() {
			continue
		}
		if err := w.folder(e.Path, w.dir+e.Path, unix.O_NOFOLLOW); err != nil {
			return err
		}
	}
	clear(w.pending[first:])
	w.pending = w.pending[:first]
	return nil
}

// add appends a child to the entries, as a hard link if it was there before.
func (w *hostWalk) add(c *hostChild) *Entry {
	e := c.Entry
	if c.id != (inodeID{}) {
		if first, ok := w.links[c.id]; ok {
			e = Entry{Path: c.Path, Hardlink: first}
		} else {
			w.links[c.id] = c.Path
		}
	}
	if len(w.entries) == cap(w.entries) { // append alone would copy them more often, twice the room waste it
		w.entries = slices.Grow(w.entries, len(w.entries)/3+1024)
	}
	w.entries = append(w.entries, e)
	return &w.entries[len(w.entries)-1]
}

// children looks at all entries of one folder, by its descriptor: to look each
// up by its whole path takes the kernel twice as long. They become pending.
func (w *hostWalk) children(path, name string, flags int) (err error) {
	fd, err := openFolder(name, flags)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := w.readNames(fd); err != nil {
		return &fs.PathError{Op: "read", Path: name, Err: err}
	}
	if path == "/" {
		path = ""
	}
	first := len(w.pending)
	w.pending = slices.Grow(w.pending, len(w.names))[:first+len(w.names)]
	for i, n := range w.names {
		c := &w.pending[first+i]
		c.Path = path + "/" + n
		if err := w.child(c, fd, n, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "read", Path: w.dir + c.Path, Err: err}
		}
	}
	return nil
}

func openFolder(name string, flags int) (fd int, err error) {
	err = uninterrupted(func() error {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
		return err
	})
	return fd, err
}

// readNames puts the names in the folder into w.names, sorted.
func (w *hostWalk) readNames(fd int) error {
	w.names = w.names[:0]
	for {
		n, err := unix.ReadDirent(fd, w.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n <= 0 {
			slices.Sort(w.names)
			return nil
		}
		_, _, w.names = unix.ParseDirent(w.buf[:n], -1, w.names)
	}
}

// child fills in the entry called name in the folder fd. Its path is there.
func (w *hostWalk) child(c *hostChild, fd int, name string, flags int) error {
	st := &w.stat
	err := unix.Fstatat(fd, name, st, flags)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fstatat(fd, name, st, flags)
	}
	if err != nil {
		return err
	}
	if err := hostAttributes(&c.Entry, st); err != nil {
		return err
	}
	if st.Nlink > 1 && !c.Mode.IsDir() {
		c.id = inodeID{uint64(st.Dev), st.Ino}
	}
	switch c.Mode.Type() {
	case fs.ModeSymlink:
		c.Target, err = w.readLink(fd, name)
	case 0:
		err = w.regular(&c.Entry, fd, name, int64(st.Blocks)*512)
	}
	return err
}

// regular fills in what only a regular file has. It holds stored bytes on the
// host's disk.
func (w *hostWalk) regular(e *Entry, fd int, name string, stored int64) error {
	if e.Size == 0 {
		return nil
	}
	if e.Mode&0o444 != 0o444 { // most files are for all to read, and the rest is asked about
		if err := unix.Faccessat(fd, name, unix.R_OK, 0); err != nil {
			return err
		}
	}
	dir, path := w.dir, e.Path
	e.Open = func() (io.ReadCloser, error) { return openHost(dir + path) }
	if stored >= e.Size || e.Size < smallestHole {
		return nil
	}
	f, err := openHost(dir + path)
	if err != nil {
		return pathless(err)
	}
	e.Data, err = dataRanges(f.osFile(), e.Size)
	return errors.Join(err, f.Close())
}

// smallestHole is the smallest block: no smaller hole can be left out.
const smallestHole = 4 << 10

// openHost opens a file that was a regular one. If something else is there by
// now, a FIFO must not make us wait, nor a link lead elsewhere.
func openHost(name string) (*hostFile, error) {
	f := &hostFile{name: name}
	err := uninterrupted(func() (err error) {
		f.fd, err = unix.Open(name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

// A hostFile is an open file without what os.File adds for the network
// poller, which takes as long as all the rest for a small file.
type hostFile struct {
	fd   int
	name string
	file *os.File // the same, once it was asked for
}

// Read reads what comes next.
func (f *hostFile) Read(b []byte) (n int, err error) {
	err = uninterrupted(func() error {
		n, err = unix.Read(f.fd, b)
		return err
	})
	switch {
	case err != nil:
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// osFile returns the file as an os.File, which then owns it.
func (f *hostFile) osFile() *os.File {
	if f.file == nil {
		f.file = os.NewFile(uintptr(f.fd), f.name)
	}
	return f.file
}

// Close closes the file.
func (f *hostFile) Close() error {
	if f.file != nil {
		return f.file.Close()
	}
	return unix.Close(f.fd)
}

func (w *hostWalk) readLink(fd int, name string) (string, error) {
	var n int
	err := uninterrupted(func() (err error) {
		n, err = unix.Readlinkat(fd, name, w.target)
		return err
	})
	if err == nil && n >= len(w.target) {
		err = unix.ENAMETOOLONG
	}
	return string(w.target[:max(n, 0)]), err
}

// hostAttributes translates what stat(2) says.
func hostAttributes(e *Entry, st *unix.Stat_t) error {
	e.Mode, e.UID, e.GID = fs.FileMode(st.Mode&0o777), st.Uid, st.Gid
	e.ModTime, e.AccessTime, e.ChangeTime = hostTime(st.Mtim), hostTime(st.Atim), hostTime(st.Ctim)
	if st.Mode&unix.S_ISUID != 0 {
		e.Mode |= fs.ModeSetuid
	}
	if st.Mode&unix.S_ISGID != 0 {
		e.Mode |= fs.ModeSetgid
	}
	if st.Mode&unix.S_ISVTX != 0 {
		e.Mode |= fs.ModeSticky
	}
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
		e.Size = st.Size
	case unix.S_IFDIR:
		e.Mode |= fs.ModeDir
	case unix.S_IFLNK:
		e.Mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		e.Mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		e.Mode |= fs.ModeSocket
	case unix.S_IFCHR:
		e.Mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		e.Mode |= fs.ModeDevice
	default:
		return fmt.Errorf("unknown file type %#o", uint32(st.Mode)&unix.S_IFMT)
	}
	if e.Mode&fs.ModeDevice != 0 {
		e.Major, e.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	hostExtra(e, st)
	return nil
}

func hostTime(t unix.Timespec) time.Time {
	sec, nsec := t.Unix()
	return time.Unix(sec, nsec).UTC()
}

// uninterrupted calls f until no signal interrupts it.
func uninterrupted(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// pathless takes the path off an error that will get one.
func pathless(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

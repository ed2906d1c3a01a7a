package guest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// listFiles returns all names of the file system that the folder root is the
// root of, sorted, folders before what is in them. Of what is mounted in it
// only the places are named.
func listFiles(root string) ([]wire.File, error) {
	l := &lister{}
	if err := l.add(root); err != nil {
		return nil, err
	}
	return l.files, nil
}

type lister struct {
	device uint64
	files  []wire.File
	names  [64 << 10]byte // of extended attributes (XATTR_LIST_MAX)
}

// add adds the file at p and what is below it.
func (l *lister) add(p string) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(p, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: p, Err: err}
	}
	if len(l.files) == 0 {
		l.device = st.Dev
	}
	f := fileOf(p, &st)
	f.Mounted = st.Dev != l.device
	var err error
	switch {
	case f.Type() == wire.TypeSymlink:
		f.Target, err = os.Readlink(p)
	case !f.Mounted && (f.Type() == wire.TypeFile || f.Type() == wire.TypeDir):
		f.Xattrs, err = l.xattrs(p)
	}
	if err != nil {
		return err
	}
	l.files = append(l.files, f)
	if f.Mounted || f.Type() != wire.TypeDir {
		return nil
	}
	names, err := namesIn(p)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := l.add(path.Join(p, name)); err != nil {
			return err
		}
	}
	return nil
}

// xattrs returns the extended attributes of the file or folder p.
func (l *lister) xattrs(p string) (map[string][]byte, error) {
	n, err := syscall.Listxattr(p, l.names[:])
	if err == syscall.ENOTSUP || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: p, Err: err}
	}
	all := make(map[string][]byte)
	for _, name := range strings.Split(strings.TrimSuffix(string(l.names[:n]), "\x00"), "\x00") {
		size, err := syscall.Getxattr(p, name, nil)
		value := make([]byte, max(size, 0))
		if err == nil && size > 0 {
			size, err = syscall.Getxattr(p, name, value)
		}
		if err != nil {
			return nil, &fs.PathError{Op: "getxattr " + name, Path: p, Err: err}
		}
		all[name] = value[:size]
	}
	return all, nil
}

func namesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

func fileOf(p string, st *syscall.Stat_t) wire.File {
	f := wire.File{
		Path: p, Inode: st.Ino, Mode: st.Mode, UID: st.Uid, GID: st.Gid, Links: uint32(st.Nlink),
		ModTime: time.Unix(st.Mtim.Unix()).UTC(), ChangeTime: time.Unix(st.Ctim.Unix()).UTC(),
	}
	switch f.Type() {
	case wire.TypeFile:
		f.Size = st.Size
	case wire.TypeChar, wire.TypeBlock:
		f.Major, f.Minor = deviceNumbers(st.Rdev)
	}
	return f
}

// deviceNumbers takes a dev_t of Linux apart (sys/sysmacros.h).
func deviceNumbers(dev uint64) (major, minor uint32) {
	return uint32(dev>>8&0xfff | dev>>32&0xfffff000), uint32(dev&0xff | dev>>12&0xffffff00)
}

package guest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
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
	if f.Type() == wire.TypeSymlink {
		var err error
		if f.Target, err = os.Readlink(p); err != nil {
			return err
		}
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

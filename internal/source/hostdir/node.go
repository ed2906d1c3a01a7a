package hostdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// errSkipped is returned for what the catalog leaves out.
var errSkipped = errors.New("not a file that a guest could have")

// node is an entry and what the host knows of it.
type node struct {
	entry tree.Entry
	info  fs.FileInfo
	sys   sysInfo
}

// inode identifies a file of the host.
type inode struct{ dev, ino uint64 }

// sysInfo is what stat(2) says beyond fs.FileInfo.
type sysInfo struct {
	inode        inode
	links        uint64
	uid, gid     uint32
	major, minor uint32
}

func sysOf(fi fs.FileInfo) sysInfo {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return sysInfo{}
	}
	dev := uint64(st.Rdev)
	return sysInfo{
		inode: inode{uint64(st.Dev), uint64(st.Ino)},
		links: uint64(st.Nlink),
		uid:   st.Uid, gid: st.Gid,
		major: unix.Major(dev), minor: unix.Minor(dev),
	}
}

// lookup returns what is at p. As in a tree, no symbolic link on the way there
// is followed: below one there is nothing.
func (f *Folder) lookup(ctx context.Context, p string) (node, error) {
	if err := ctx.Err(); err != nil {
		return node{}, err
	}
	if !path.IsAbs(p) || path.Clean(p) != p {
		return node{}, fmt.Errorf("look up %q in %s: not a clean absolute path", p, f)
	}
	n, err := f.lookupClean(p)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errSkipped) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return node{}, fmt.Errorf("%s in %s: %w", p, f, bare(err))
	}
	return n, nil
}

func (f *Folder) lookupClean(p string) (node, error) {
	for i := 1; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		fi, err := f.root.Lstat(relative(p[:i]))
		if err != nil {
			return node{}, err
		}
		if !fi.IsDir() {
			return node{}, syscall.ENOTDIR
		}
	}
	return f.read(p)
}

// read returns what is at p.
func (f *Folder) read(p string) (node, error) {
	fi, err := f.root.Lstat(relative(p))
	if err != nil {
		return node{}, err
	}
	n := node{info: fi, sys: sysOf(fi)}
	n.entry = tree.Entry{Path: p, Mode: tree.ModeOf(fi.Mode()), ModTime: fi.ModTime(), Why: f.String()}
	if f.owned {
		n.entry.UID, n.entry.GID = n.sys.uid, n.sys.gid
	}
	return n, f.fill(&n)
}

// fill sets the entry's type and what belongs to it.
func (f *Folder) fill(n *node) (err error) {
	e := &n.entry
	switch n.info.Mode().Type() {
	case 0:
		e.Type, e.Size = tree.File, n.info.Size()
	case fs.ModeDir:
		e.Type = tree.Dir
	case fs.ModeSymlink:
		e.Type, e.Mode = tree.Symlink, 0o777
		e.Link, err = f.root.Readlink(relative(e.Path))
	case fs.ModeDevice | fs.ModeCharDevice:
		e.Type, e.Major, e.Minor = tree.Char, n.sys.major, n.sys.minor
	case fs.ModeDevice:
		e.Type, e.Major, e.Minor = tree.Block, n.sys.major, n.sys.minor
	case fs.ModeNamedPipe:
		e.Type = tree.FIFO
	default:
		return errSkipped
	}
	return err
}

//go:build unix

package tree

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// inode identifies a file of the host.
type inode struct{ dev, ino uint64 }

// sysInfo is what the host's stat(2) says beyond fs.FileInfo.
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
	rdev := uint64(st.Rdev)
	return sysInfo{
		inode: inode{uint64(st.Dev), uint64(st.Ino)},
		links: uint64(st.Nlink),
		uid:   st.Uid, gid: st.Gid,
		major: unix.Major(rdev), minor: unix.Minor(rdev),
	}
}

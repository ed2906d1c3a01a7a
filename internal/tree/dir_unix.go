//go:build unix

package tree

import (
	"io/fs"
	"syscall"
)

// inode identifies a file of the host.
type inode struct{ dev, ino uint64 }

// sysInfo is what the host's stat(2) says beyond fs.FileInfo.
type sysInfo struct {
	inode inode
	links uint64
}

func sysOf(fi fs.FileInfo) sysInfo {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return sysInfo{}
	}
	return sysInfo{
		inode: inode{uint64(st.Dev), uint64(st.Ino)},
		links: uint64(st.Nlink),
	}
}

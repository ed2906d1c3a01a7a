//go:build unix

package build

import (
	"io/fs"
	"syscall"
)

// inode returns the number of the host's file, which changes when another
// takes its place.
func inode(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

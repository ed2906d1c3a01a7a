//go:build darwin || freebsd || netbsd

package build

import (
	"io/fs"
	"syscall"
)

// identity says which file of the host it is, and when anything of it last
// changed, which nobody can put back.
func identity(fi fs.FileInfo) [4]uint64 {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return [4]uint64{}
	}
	return [4]uint64{uint64(st.Dev), uint64(st.Ino), uint64(st.Ctimespec.Sec), uint64(st.Ctimespec.Nsec)}
}

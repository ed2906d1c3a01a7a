//go:build linux || openbsd || dragonfly || solaris

package build

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity says which file of the host it is, and when anything of it last
// changed, which nobody can put back.
func identity(fi fs.FileInfo) string {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprint(st.Dev, " ", st.Ino, " ", st.Ctim.Sec, " ", st.Ctim.Nsec)
}

//go:build darwin || freebsd || netbsd

package ffs

import (
	"time"

	"golang.org/x/sys/unix"
)

// hostBirth is when the file was made, by stat(2).
func hostBirth(st *unix.Stat_t) time.Time { return hostTime(st.Btim) }

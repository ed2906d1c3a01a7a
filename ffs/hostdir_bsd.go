//go:build darwin || freebsd || netbsd || openbsd

package ffs

import "golang.org/x/sys/unix"

// hostFlags are the flags of chflags(2) that all systems with FFS know by the
// same bits (sys/stat.h): nodump, uchg, uappnd, opaque, arch, schg, sappnd.
const hostFlags = 0x0007_000f

// hostExtra adds what not every system's stat(2) says.
func hostExtra(e *Entry, st *unix.Stat_t) {
	e.Flags = st.Flags & hostFlags
	e.BirthTime = hostBirth(st)
}

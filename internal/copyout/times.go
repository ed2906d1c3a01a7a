//go:build unix

package copyout

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setTimes sets the times of a file in the folder dir, or of a symbolic link
// itself.
func setTimes(dir *os.File, base string, access, mod time.Time) error {
	var times [2]unix.Timespec
	for n, t := range []time.Time{access, mod} {
		if t.IsZero() {
			t = mod
		}
		ts, err := unix.TimeToTimespec(t)
		if err != nil {
			return os.NewSyscallError("utimensat "+t.String(), err)
		}
		times[n] = ts
	}
	return os.NewSyscallError("utimensat", unix.UtimesNanoAt(int(dir.Fd()), base, times[:], unix.AT_SYMLINK_NOFOLLOW))
}

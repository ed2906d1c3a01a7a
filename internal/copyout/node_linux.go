package copyout

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/ffs"
)

// node makes a device, FIFO or socket in the folder we are in. It reports
// whether it did; that a user may not is counted and no error.
func (c *copier) node(base string, e ffs.Entry) (bool, error) {
	var kind uint32
	switch e.Mode.Type() {
	case fs.ModeNamedPipe:
		kind = unix.S_IFIFO
	case fs.ModeSocket:
		kind = unix.S_IFSOCK
	case fs.ModeDevice:
		kind = unix.S_IFBLK
	case fs.ModeDevice | fs.ModeCharDevice:
		kind = unix.S_IFCHR
	}
	err := unix.Mknodat(int(c.here.file.Fd()), base, kind|0o600, int(unix.Mkdev(e.Major, e.Minor)))
	if errors.Is(err, unix.EPERM) {
		c.result.Devices++
		return false, nil
	}
	return err == nil, os.NewSyscallError("mknodat", err)
}

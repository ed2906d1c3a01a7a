package qemu

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes puts QEMU into a process group of its own, so that a signal to
// ours (Ctrl-C, a terminal that goes away) leaves the end of its guest to us;
// and makes the kernel kill it when the thread that started it ends:
// PR_SET_PDEATHSIG (prctl(2)) is about the thread, not the process. Go looks
// for an owner that died before the call took effect.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// guestMemory returns an anonymous file of that many bytes (memfd_create(2)).
// As file memory it can be shared, and saved without being copied.
func guestMemory(bytes int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("guest-memory", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "guest-memory")
	if err := f.Truncate(bytes); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func socketpair(name string) (ours, theirs *os.File, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(p[0]), name), os.NewFile(uintptr(p[1]), name), nil
}

// hostBoot names the host's boot (random(4)).
func hostBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return today()
	}
	return strings.TrimSpace(string(id))
}

//go:build !linux

package qemu

import (
	"os"
	"syscall"
)

// attributes puts QEMU into a process group of its own, so that a signal to
// ours leaves the end of its guest to us. Only Linux ties a process to its
// parent's life.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// guestMemory returns nil: QEMU gets the memory itself, since it can reopen an
// inherited file by its number on Linux only.
func guestMemory(int64) (*os.File, error) { return nil, nil }

func socketpair(name string) (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	syscall.CloseOnExec(p[0])
	syscall.CloseOnExec(p[1])
	return os.NewFile(uintptr(p[0]), name), os.NewFile(uintptr(p[1]), name), nil
}

// hostBoot stands in for a name of the host's boot: what was proved is proved
// again on the next day.
func hostBoot() string { return today() }

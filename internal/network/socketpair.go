//go:build unix

package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketBuffer is the buffer asked for at each end of a socket pair, in bytes.
// The system gives what it allows (net.core.wmem_max on Linux, 208 KiB by
// default, which it doubles): enough for a burst of a hundred frames while the
// other side does something else.
const socketBuffer = 4 << 20

// Socketpair returns the two ends of a new stream socket pair: ours for
// Attach, and theirs for a QEMU to inherit, which the caller closes when QEMU
// has been started. Neither leaks into other children.
func Socketpair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // no fork between here and close-on-exec
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair for the guest's network: %w", err)
	}
	for _, fd := range fds {
		// A smaller buffer costs speed only, so a refusal is no error.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	own := os.NewFile(uintptr(fds[0]), "guest network")
	theirs = os.NewFile(uintptr(fds[1]), "guest network, QEMU's end")
	ours, err = net.FileConn(own)
	if err := errors.Join(err, own.Close()); err != nil {
		return nil, nil, fmt.Errorf("make a socket pair for the guest's network: %w", errors.Join(err, theirs.Close()))
	}
	return ours, theirs, nil
}

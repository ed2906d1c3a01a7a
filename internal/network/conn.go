package network

import (
	"errors"
	"net"
	"os"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// A Conn is a TCP connection of the host with the guest.
type Conn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// Read implements net.Conn. Errors are those of a host's connection: a reset
// is syscall.ECONNRESET.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, hostError("read", err)
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, hostError("write", err)
}

// CloseWrite sends the end of what we have to say; reading goes on.
func (c *Conn) CloseWrite() error { return hostError("shutdown", c.TCPConn.CloseWrite()) }

// Abort resets the connection: the guest sees that something went wrong,
// which an end by Close would hide.
func (c *Conn) Abort() {
	c.ep.Abort()
	c.ep.Close()
}

// hostError puts the error number of the host's own sockets in the place of
// netstack's text, so that errors.Is finds it.
func hostError(call string, err error) error {
	var op *net.OpError
	if err == nil || !errors.As(err, &op) || op.Timeout() {
		return err
	}
	if errno := errnoOf(op.Err.Error()); errno != 0 {
		op.Err = os.NewSyscallError(call, errno)
	}
	return op
}

// hostErrno returns a netstack error as the host's system call would have it.
func hostErrno(call string, terr tcpip.Error) error {
	if errno := errnoOf(terr.String()); errno != 0 {
		return os.NewSyscallError(call, errno)
	}
	return errors.New(terr.String())
}

// errnoOf returns the error number of a netstack error, given by its text:
// gonet passes on nothing else. 0 when there is none.
func errnoOf(text string) syscall.Errno {
	switch text {
	case (&tcpip.ErrConnectionRefused{}).String():
		return syscall.ECONNREFUSED
	case (&tcpip.ErrConnectionReset{}).String():
		return syscall.ECONNRESET
	case (&tcpip.ErrConnectionAborted{}).String(), (&tcpip.ErrAborted{}).String():
		return syscall.ECONNABORTED
	case (&tcpip.ErrClosedForSend{}).String():
		return syscall.EPIPE
	case (&tcpip.ErrNotConnected{}).String():
		return syscall.ENOTCONN
	case (&tcpip.ErrTimeout{}).String():
		return syscall.ETIMEDOUT
	case (&tcpip.ErrHostUnreachable{}).String():
		return syscall.EHOSTUNREACH
	case (&tcpip.ErrNetworkUnreachable{}).String():
		return syscall.ENETUNREACH
	case (&tcpip.ErrPortInUse{}).String():
		return syscall.EADDRINUSE
	case (&tcpip.ErrNoPortAvailable{}).String():
		return syscall.EADDRNOTAVAIL
	}
	return 0
}

package network

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unread says whether the peer of a socket has yet to read some of what was
// sent to it (SIOCOUTQ, unix(7) and tcp(7)). False when that can't be known.
func unread(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	queued := 0
	err = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			queued = n
		}
	})
	return err == nil && queued > 0
}

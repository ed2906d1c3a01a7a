//go:build unix

package qmp

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// writeFile sends line with file beside its first bytes (SCM_RIGHTS, unix(7)),
// and returns how many bytes of line were taken.
func writeFile(conn *net.UnixConn, line []byte, file *os.File) (int, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("send %s: %w", file.Name(), err)
	}
	var n int
	var werr error
	err = raw.Control(func(fd uintptr) {
		n, _, werr = conn.WriteMsgUnix(line, syscall.UnixRights(int(fd)), nil)
	})
	if err == nil {
		err = werr
	}
	if err != nil {
		return n, fmt.Errorf("send %s: %w", file.Name(), err)
	}
	return n, nil
}

//go:build !unix

package qmp

import (
	"errors"
	"net"
	"os"
)

func writeFile(*net.UnixConn, []byte, *os.File) (int, error) {
	return 0, errors.New("this system can't send files over sockets")
}

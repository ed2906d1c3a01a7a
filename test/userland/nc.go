package main

import (
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// nc is nc(1): a connection between standard input and output and a TCP port,
// until the other end closes it. With -l it waits for one; -z only tries.
func nc(args []string) error {
	o, err := getopt(args, "46lNnvw:z")
	if err != nil {
		return err
	}
	if err := o.want(1, 2); err != nil {
		return err
	}
	var limit time.Duration
	if o.has('w') {
		seconds, err := strconv.Atoi(o.value('w', ""))
		if err != nil {
			return err
		}
		limit = time.Duration(seconds) * time.Second
	}
	c, err := connection(o, limit)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.has('z') {
		return nil
	}
	go func() { // it ends with the program
		_, _ = io.Copy(c, os.Stdin)
		if t, ok := c.(*net.TCPConn); ok && o.has('N') {
			_ = t.CloseWrite()
		}
	}()
	if limit > 0 {
		if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
	}
	_, err = io.Copy(os.Stdout, c)
	return err
}

func connection(o options, limit time.Duration) (net.Conn, error) {
	port := o.rest[len(o.rest)-1]
	if !o.has('l') {
		host := "127.0.0.1"
		if len(o.rest) == 2 {
			host = o.rest[0]
		}
		return net.DialTimeout("tcp", net.JoinHostPort(host, port), limit)
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Accept()
}

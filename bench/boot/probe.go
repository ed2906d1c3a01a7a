package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// patience is how long one attempt may take, before another is made. A
	// user-mode network may accept a connection early, and then resend to a
	// guest that was not there with growing gaps: a patient prober would
	// measure the gap, not the boot. Several attempts at once would measure
	// how a guest that is just up copes with them.
	patience = 150 * time.Millisecond
	// pause is between attempts that fail at once.
	pause = 5 * time.Millisecond
)

// firstAnswer returns the body of the first HTTP answer from addr.
func firstAnswer(ctx context.Context, addr string) (string, error) {
	for {
		body, err := attempt(ctx, addr)
		if err == nil {
			return body, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no answer from %s: %w", addr, err)
		case <-time.After(pause):
		}
	}
}

// attempt makes one request on one connection, within patience.
func attempt(ctx context.Context, addr string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\nHost: bench\r\n\r\n"); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

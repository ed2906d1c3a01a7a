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

// The prober starts a new attempt every interval while earlier ones still
// wait, since a user-mode network may accept a connection early and then
// resend to a guest that was not there with growing gaps: patience with one
// attempt would measure the gap, not the boot.
const (
	interval = 25 * time.Millisecond
	patience = 500 * time.Millisecond
)

// firstAnswer returns the body of the first HTTP answer from addr.
func firstAnswer(ctx context.Context, addr string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan string, 1)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		go func() {
			body, err := attempt(ctx, addr)
			if err != nil {
				return // not yet: the next attempt is on its way
			}
			select {
			case answers <- body:
			default: // another was first
			}
		}()
		select {
		case body := <-answers:
			return body, nil
		case <-ctx.Done():
			return "", fmt.Errorf("no answer from %s: %w", addr, ctx.Err())
		case <-tick.C:
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

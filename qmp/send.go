package qmp

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// send writes one line. Half a line would spoil all that follows, so a write
// that ctx interrupts half-way ends the connection.
func (c *Client) send(ctx context.Context, line []byte, file *os.File) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-c.writing:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
		return c.Err()
	}
	defer func() { c.writing <- struct{}{} }()
	resume := c.interrupt(ctx)
	err := c.write(line, file)
	resume()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	c.end(fmt.Errorf("write: %w", err))
	return c.Err()
}

// interrupt makes the end of ctx interrupt a write that waits: by a deadline
// that has passed, where the connection knows deadlines, else by its end. The
// function it returns is called after the write, for the next one not to be
// interrupted.
func (c *Client) interrupt(ctx context.Context) func() {
	conn, ok := c.conn.(interface{ SetWriteDeadline(time.Time) error })
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		if !ok || conn.SetWriteDeadline(time.Unix(1, 0)) != nil {
			c.end(context.Cause(ctx))
		}
	})
	return func() {
		if stop() {
			return
		}
		<-done
		if ok {
			_ = conn.SetWriteDeadline(time.Time{}) // fails where the connection has ended
		}
	}
}

func (c *Client) write(line []byte, file *os.File) error {
	if file != nil {
		n, err := writeFile(c.conn.(*net.UnixConn), line, file)
		if err != nil {
			return err
		}
		line = line[n:]
	}
	for len(line) > 0 {
		n, err := c.conn.Write(line)
		if err != nil {
			return err
		}
		line = line[n:]
	}
	return nil
}

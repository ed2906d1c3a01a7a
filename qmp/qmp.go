// Package qmp speaks the QEMU Machine Protocol: commands, their replies and
// events as lines of JSON (docs/interop/qmp-spec.txt in QEMU's source).
//
// A [Client] may be used by many goroutines at once. Events never hold up a
// command, and every wait ends with its context.
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// DefaultMaxLine is the longest line read from a server, in bytes, when
// Config doesn't say. query-qmp-schema's reply takes about 200 KiB.
const DefaultMaxLine = 16 << 20

// ErrClosed is what calls return after Close.
var ErrClosed = errors.New("QMP connection is closed")

// An Error is a server's refusal of a command.
type Error struct {
	Class string `json:"class"` // "GenericError", "CommandNotFound", …
	Desc  string `json:"desc"`  // for people
}

// Error returns the server's description.
func (e *Error) Error() string { return e.Desc }

// A Version is QEMU's, as it said in its greeting.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Micro int `json:"micro"`
}

// String returns "7.2.22" or the like.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro) }

// Config is how to connect. The zero value is ready to use.
type Config struct {
	MaxLine int // bytes; DefaultMaxLine when 0
}

// A Client is a connection in command mode. Close it when done.
type Client struct {
	conn    io.ReadWriteCloser
	maxLine int
	version Version
	writing chan struct{} // holds a token while nobody writes
	done    chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	greeted bool
	nextID  uint64
	pending map[uint64]chan<- message
	subs    map[*Subscription]struct{}
	err     error // why the connection ended
}

// New connects with the defaults; see Config.Connect.
func New(ctx context.Context, conn io.ReadWriteCloser) (*Client, error) {
	return Config{}.Connect(ctx, conn)
}

// Connect waits for the greeting on conn and enters command mode. The client
// owns conn, which is closed when Connect fails or ctx ends before it is done.
func (cfg Config) Connect(ctx context.Context, conn io.ReadWriteCloser) (*Client, error) {
	c := &Client{
		conn:    conn,
		maxLine: cfg.MaxLine,
		writing: make(chan struct{}, 1),
		done:    make(chan struct{}),
		pending: map[uint64]chan<- message{},
		subs:    map[*Subscription]struct{}{},
	}
	if c.maxLine <= 0 {
		c.maxLine = DefaultMaxLine
	}
	c.writing <- struct{}{}
	greeted := make(chan Version, 1)
	go c.read(greeted)
	if err := c.greet(ctx, greeted); err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to QMP: %w", err)
	}
	return c, nil
}

func (c *Client) greet(ctx context.Context, greeted <-chan Version) error {
	select {
	case c.version = <-greeted:
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return c.Execute(ctx, "qmp_capabilities", nil, nil)
}

// Version returns the server's version.
func (c *Client) Version() Version { return c.version }

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended, or nil while it is there: ErrClosed
// after Close, io.EOF when the server closed it.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and returns when nothing of the client runs any
// more. Calls that wait return ErrClosed.
func (c *Client) Close() error {
	c.end(ErrClosed)
	<-c.done
	return nil
}

// end makes err the reason of the end, if there is none yet, and closes the
// connection.
func (c *Client) end(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first {
		// The reader sees the same end; an error of close adds nothing.
		_ = c.conn.Close()
	}
}

// Execute sends a command with its arguments (a struct or map, or nil) and
// waits for the reply, which is decoded into result unless that is nil. A
// refusal is an *Error. When ctx ends, Execute returns at once and the reply,
// if one comes, is dropped; QEMU may still do what was asked.
func (c *Client) Execute(ctx context.Context, cmd string, args, result any) error {
	return c.execute(ctx, cmd, args, nil, result)
}

// ExecuteFD is Execute with an open file that travels beside the command
// (getfd, add-fd). The connection must be a *net.UnixConn. The file stays the
// caller's.
func (c *Client) ExecuteFD(ctx context.Context, cmd string, args any, file *os.File, result any) error {
	if _, ok := c.conn.(*net.UnixConn); !ok {
		return fmt.Errorf("QMP %s: files travel over Unix sockets only, this is %T", cmd, c.conn)
	}
	return c.execute(ctx, cmd, args, file, result)
}

type command struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
	ID        uint64 `json:"id"`
}

func (c *Client) execute(ctx context.Context, cmd string, args any, file *os.File, result any) error {
	id, reply, err := c.register()
	if err != nil {
		return fmt.Errorf("QMP %s: %w", cmd, err)
	}
	defer c.forget(id)
	line, err := json.Marshal(command{cmd, args, id})
	if err != nil {
		return fmt.Errorf("QMP %s: encode arguments: %w", cmd, err)
	}
	if err := c.send(ctx, append(line, '\n'), file); err != nil {
		return fmt.Errorf("QMP %s: %w", cmd, err)
	}
	m, err := c.wait(ctx, reply)
	if err != nil {
		return fmt.Errorf("QMP %s: %w", cmd, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Return, result); err != nil {
		return fmt.Errorf("QMP %s: decode reply: %w", cmd, err)
	}
	return nil
}

func (c *Client) register() (uint64, <-chan message, error) {
	reply := make(chan message, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	c.nextID++
	c.pending[c.nextID] = reply
	return c.nextID, reply, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

func (c *Client) wait(ctx context.Context, reply <-chan message) (message, error) {
	select {
	case m := <-reply:
		return m, asError(m)
	case <-ctx.Done():
		return message{}, context.Cause(ctx)
	case <-c.done:
	}
	select { // the reply may have been the last thing the server said
	case m := <-reply:
		return m, asError(m)
	default:
		return message{}, c.Err()
	}
}

func asError(m message) error {
	if m.Error == nil {
		return nil // not a typed nil
	}
	return m.Error
}

// read is the reader goroutine. It ends with the connection, and all that
// wait for something from it then learn the reason.
func (c *Client) read(greeted chan<- Version) {
	defer close(c.done)
	r := bufio.NewReader(c.conn)
	for {
		line, err := readLine(r, c.maxLine)
		if err == nil {
			var m message
			if m, err = decode(line); err == nil {
				err = c.deliver(m, greeted)
			}
		}
		if errors.Is(err, syscall.ECONNRESET) {
			err = io.EOF // closed before it had read our last newline
		}
		if err != nil {
			c.end(err)
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs {
		delete(c.subs, s)
		close(s.events)
	}
}

func (c *Client) deliver(m message, greeted chan<- Version) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.Greeting != nil:
		if c.greeted {
			return errors.New("the server greets twice")
		}
		c.greeted = true
		greeted <- m.Greeting.Version.QEMU // has room for one
	case m.Event != "":
		c.publish(Event{m.Event, m.Data, m.Timestamp.time()})
	case m.ID == nil:
		// The server could not make out the command, so neither can we
		// say which of ours this answers.
		if m.Error != nil {
			return fmt.Errorf("a reply without an id: %w", m.Error)
		}
		return errors.New("a reply without an id")
	default:
		// An unknown id is the late reply to a call that gave up.
		if reply, ok := c.pending[*m.ID]; ok {
			delete(c.pending, *m.ID)
			reply <- m
		}
	}
	return nil
}

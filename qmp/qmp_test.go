package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const hello = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}`

// A peer is the other side of a protocol conversation.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Scanner
}

// dial returns a client in command mode and its peer.
func dial(t *testing.T, cfg Config) (*Client, *peer) {
	t.Helper()
	ours, theirs := net.Pipe()
	p := &peer{t, theirs, bufio.NewScanner(theirs)}
	t.Cleanup(func() { theirs.Close() })
	connected := make(chan error, 1)
	var c *Client
	go func() {
		var err error
		c, err = cfg.Connect(t.Context(), ours)
		connected <- err
	}()
	p.say(hello)
	p.say(fmt.Sprintf(`{"return": {}, "id": %d}`, p.hear("qmp_capabilities")))
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, p
}

// say writes a line as QEMU ends it.
func (p *peer) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, line+"\r\n"); err != nil {
		p.t.Errorf("peer: %v", err)
	}
}

// hear waits for a command and returns its id.
func (p *peer) hear(cmd string) uint64 {
	p.t.Helper()
	var got struct {
		Execute string
		ID      uint64
	}
	if !p.in.Scan() {
		p.t.Errorf("peer: the connection ended, not %s: %v", cmd, p.in.Err())
		return 0
	}
	if err := json.Unmarshal(p.in.Bytes(), &got); err != nil || got.Execute != cmd {
		p.t.Errorf("peer: heard %q, %v; want %s", p.in.Bytes(), err, cmd)
	}
	return got.ID
}

// call executes cmd in the background.
func call(t *testing.T, c *Client, cmd string, result any) <-chan error {
	done := make(chan error, 1)
	go func() { done <- c.Execute(t.Context(), cmd, nil, result) }()
	return done
}

func TestVersion(t *testing.T) {
	c, _ := dial(t, Config{})
	if got := c.Version().String(); got != "7.2.22" {
		t.Errorf("version %s; want 7.2.22", got)
	}
}

func TestRepliesOutOfOrder(t *testing.T) {
	c, p := dial(t, Config{})
	var a, b string
	first := call(t, c, "first", &a)
	one := p.hear("first")
	second := call(t, c, "second", &b)
	two := p.hear("second")
	p.say(fmt.Sprintf(`{"return": "b", "id": %d}`, two))
	p.say(`{"return": "nobody's", "id": 4711}`)
	p.say(`{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}`)
	p.say(fmt.Sprintf(`{"return": "a", "id": %d}`, one))
	if err := errors.Join(<-first, <-second); err != nil {
		t.Fatal(err)
	}
	if a != "a" || b != "b" {
		t.Errorf("replies %q and %q; want a and b", a, b)
	}
}

func TestRefusal(t *testing.T) {
	c, p := dial(t, Config{})
	done := call(t, c, "stop", nil)
	p.say(fmt.Sprintf(`{"error": {"class": "GenericError", "desc": "not now"}, "id": %d}`, p.hear("stop")))
	err := <-done
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v; want a refusal", err)
	}
	if diff := cmp.Diff(&Error{"GenericError", "not now"}, refusal); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), "QMP stop: not now"; got != want {
		t.Errorf("error %q; want %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	c, p := dial(t, Config{})
	early, late := c.Subscribe(), c.Subscribe()
	late.Close()
	late.Close()
	if _, ok := <-late.Events(); ok {
		t.Error("an event on a closed subscription")
	}
	p.say(`{"event": "SHUTDOWN", "data": {"guest": true}, "timestamp": {"seconds": 5, "microseconds": 7}}`)
	p.say(`{"event": "STOP", "timestamp": {"seconds": -1, "microseconds": -1}}`)
	want := []Event{
		{"SHUTDOWN", json.RawMessage(`{"guest": true}`), time.Unix(5, 7000)},
		{Name: "STOP"},
	}
	for _, w := range want {
		if diff := cmp.Diff(w, <-early.Events()); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	c.Close()
	if _, ok := <-early.Events(); ok {
		t.Error("an event after Close")
	}
	if _, ok := <-c.Subscribe().Events(); ok {
		t.Error("an event on a subscription to a closed client")
	}
}

// Nobody reads the events, and commands are still answered. The oldest events
// are those that are lost.
func TestEventsNobodyReads(t *testing.T) {
	c, p := dial(t, Config{})
	sub := c.Subscribe()
	const lost = 10
	for i := range EventBuffer + lost {
		p.say(fmt.Sprintf(`{"event": "E%d"}`, i))
	}
	done := call(t, c, "stop", nil)
	p.say(fmt.Sprintf(`{"return": {}, "id": %d}`, p.hear("stop")))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := sub.Dropped(); got != lost {
		t.Errorf("%d events were dropped; want %d", got, lost)
	}
	if got, want := (<-sub.Events()).Name, fmt.Sprintf("E%d", lost); got != want {
		t.Errorf("the first event left is %s; want %s", got, want)
	}
}

// A peer that breaks the protocol ends the connection, with the reason.
func TestBrokenPeer(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"not JSON", "qemu: fatal", "decode"},
		{"nothing", "{}", "not a greeting"},
		{"two things", `{"return": {}, "event": "STOP", "id": 2}`, "not a greeting"},
		{"second greeting", hello, "greets twice"},
		{"error without id", `{"error": {"class": "GenericError", "desc": "JSON parse error"}}`, "JSON parse error"},
		{"reply without id", `{"return": {}}`, "without an id"},
		{"long line", `{"event": "` + strings.Repeat("x", 5000) + `"}`, "longer than 4096 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := dial(t, Config{MaxLine: 4096})
			done := call(t, c, "stop", nil)
			p.hear("stop")
			go p.conn.Write([]byte(tt.line + "\n")) // may stop half-way
			if err := <-done; err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
			<-c.Done()
			if err := c.Execute(t.Context(), "cont", nil, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("next command: error %v; want %q", err, tt.want)
			}
		})
	}
}

func TestPeerGone(t *testing.T) {
	c, p := dial(t, Config{})
	done := call(t, c, "quit", nil)
	p.hear("quit")
	p.conn.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("error %v; want EOF", err)
	}
	if err := c.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("Err = %v; want EOF", err)
	}
}

func TestClose(t *testing.T) {
	c, p := dial(t, Config{})
	done := call(t, c, "stop", nil)
	p.hear("stop")
	c.Close()
	c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("error %v; want ErrClosed", err)
	}
}

// A context that ends while a reply is awaited ends that call alone.
func TestContextEndsWait(t *testing.T) {
	c, p := dial(t, Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	done := make(chan error, 1)
	go func() { done <- c.Execute(ctx, "slow", nil, nil) }()
	slow := p.hear("slow")
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("error %v; want %v", err, why)
	}
	if err := c.Execute(ctx, "never", nil, nil); !errors.Is(err, why) {
		t.Errorf("error %v; want %v", err, why)
	}
	p.say(fmt.Sprintf(`{"return": {}, "id": %d}`, slow))
	next := call(t, c, "next", nil)
	p.say(fmt.Sprintf(`{"return": {}, "id": %d}`, p.hear("next")))
	if err := <-next; err != nil {
		t.Errorf("the next command: %v", err)
	}
}

// A context that ends while a command is being written ends the connection,
// for half a command may be on its way. It does so whether the connection
// knows deadlines or not.
func TestContextEndsWrite(t *testing.T) {
	for _, plain := range []bool{false, true} {
		c, _ := dial(t, Config{}) // the peer doesn't read
		if plain {
			c.conn = struct{ io.ReadWriteCloser }{c.conn}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := c.Execute(ctx, "stop", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without deadlines %v: error %v; want that the time is up", plain, err)
		}
		<-c.Done()
	}
}

func TestConnectEnds(t *testing.T) {
	tests := []struct {
		name string
		peer func(net.Conn)
		want string
	}{
		{"silence", func(net.Conn) {}, "deadline"},
		{"hang up", func(c net.Conn) { c.Close() }, "EOF"},
		{"something else", func(c net.Conn) { io.WriteString(c, "SSH-2.0\r\n") }, "decode"},
		{"no answer", func(c net.Conn) { io.WriteString(c, hello+"\r\n") }, "deadline"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			go tt.peer(theirs)
			if _, err := New(ctx, ours); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
			if _, err := ours.Write([]byte("x")); err == nil {
				t.Error("the connection is still open")
			}
		})
	}
}

func TestExecuteFDNeedsUnixSocket(t *testing.T) {
	c, _ := dial(t, Config{})
	if err := c.ExecuteFD(t.Context(), "getfd", nil, nil, nil); err == nil || !strings.Contains(err.Error(), "Unix sockets only") {
		t.Errorf("error %v; want that files need a Unix socket", err)
	}
}

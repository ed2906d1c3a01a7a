package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

var lineKey = bytes.Repeat([]byte{5}, wire.KeySize)

// pair is a TCP connection in the host's own loopback, both ends.
func pair(t *testing.T) (host, guest net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if host, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if guest, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = host.Close()
		_ = guest.Close()
	})
	return host, guest
}

// open connects to a guest that answers with the handshake, its hello, and
// then what talk does. talk is over when the test is.
func open(t *testing.T, talk func(c net.Conn) error) *agent.Line {
	t.Helper()
	host, guest := pair(t)
	return openOn(t, host, guest, talk)
}

// openOn is open on a connection whose two ends are given.
func openOn(t *testing.T, host, guest net.Conn, talk func(c net.Conn) error) *agent.Line {
	t.Helper()
	over := make(chan error, 1)
	go func() {
		err := wire.AcceptLine(guest, lineKey)
		if err == nil {
			err = wire.WriteMessage(guest, wire.Hello{OS: "netbsd"})
		}
		if err == nil {
			err = talk(guest)
		}
		over <- errors.Join(err, guest.Close())
	}()
	line, err := agent.Connect(t.Context(), host, lineKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = line.Close()
		if err := <-over; err != nil {
			t.Errorf("guest: %v", err)
		}
	})
	return line
}

func send(c net.Conn, messages ...wire.Message) error {
	for _, m := range messages {
		if err := wire.WriteMessage(c, m); err != nil {
			return err
		}
	}
	return nil
}

// await reads until it gets want.
func await(c net.Conn, want wire.Message) error {
	m, err := wire.ReadMessage(c)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, m); diff != "" {
		return errors.New(diff)
	}
	return nil
}

func TestLine(t *testing.T) {
	line := open(t, func(c net.Conn) error {
		return errors.Join(
			send(c, wire.Started{PID: 3}, wire.Unknown{Type: "dance"}, wire.Hello{}, wire.Error{Text: "oh"}),
			await(c, wire.Stop{Signal: "SIGINT", Timeout: time.Second}),
			send(c, wire.Exited{Code: 1}),
			await(c, wire.Seen{}),
		)
	})
	if got := line.Hello(); got.OS != "netbsd" {
		t.Errorf("hello %+v: want netbsd", got)
	}
	if err := line.Stop(t.Context(), "SIGINT", time.Second); err != nil {
		t.Fatal(err)
	}
	for _, want := range []wire.Message{wire.Started{PID: 3}, wire.Error{Text: "oh"}, wire.Exited{Code: 1}} {
		if got, err := line.Next(t.Context()); err != nil || got != want {
			t.Errorf("Next = %+v, %v; want %+v", got, err, want)
		}
	}
	if m, err := line.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Next = %+v, %v; want EOF", m, err)
	}
	if _, err := line.Ping(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Ping = %v; want EOF", err)
	}
}

func TestPing(t *testing.T) {
	line := open(t, func(c net.Conn) error {
		return errors.Join(
			await(c, wire.Ping{ID: 1}),
			send(c, wire.Pong{ID: 99}, wire.Pong{ID: 1}),
			await(c, wire.Ping{ID: 2}),
		)
	})
	if _, err := line.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := line.Ping(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Ping of a guest that hangs up = %v; want EOF", err)
	}
}

func TestPingUnanswered(t *testing.T) {
	done := make(chan struct{})
	line := open(t, func(c net.Conn) error {
		<-done
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := line.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping = %v; want the deadline's error", err)
	}
	close(done)
}

// TestDeaf has a guest that tells of its service's end and reads nothing from
// then on. A pipe holds not one byte for it.
func TestDeaf(t *testing.T) {
	host, guest := net.Pipe()
	over := make(chan struct{})
	line := openOn(t, host, guest, func(c net.Conn) error {
		err := send(c, wire.Exited{Code: 1})
		<-over
		return err
	})
	defer close(over)
	if m, err := line.Next(t.Context()); err != nil || m != (wire.Exited{Code: 1}) {
		t.Fatalf("Next = %+v, %v; want Exited", m, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			if err := line.Stop(ctx, "", 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Stop = %v; want the deadline's error", err)
			}
		})
	}
	senders.Wait()
	if m, err := line.Next(t.Context()); err == nil {
		t.Errorf("Next = %+v; want the line ended", m)
	}
}

// TestExitedTwice has a guest whose service ends more than once.
func TestExitedTwice(t *testing.T) {
	line := open(t, func(c net.Conn) error {
		return errors.Join(
			send(c, wire.Exited{Code: 1000}, wire.Exited{Code: 1}, wire.Exited{Code: 2}, wire.Error{Text: "over"}),
			await(c, wire.Seen{}),
			await(c, wire.Stop{}),
		)
	})
	want := []wire.Message{
		wire.Error{Text: "the agent told of an exit code that there is not: 1000"},
		wire.Exited{Code: 1},
		wire.Error{Text: "over"},
	}
	for _, want := range want {
		if got, err := line.Next(t.Context()); err != nil || got != want {
			t.Errorf("Next = %+v, %v; want %+v", got, err, want)
		}
	}
	if err := line.Stop(t.Context(), "", 0); err != nil {
		t.Error(err)
	}
	if m, err := line.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Next = %+v, %v; want EOF", m, err)
	}
}

// A lateConn has its writer's context end between the write and its return.
type lateConn struct {
	net.Conn
	cancel func() // nil: nothing of the kind
	set    chan struct{}
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
		<-c.set
	}
	return n, err
}

func (c *lateConn) SetWriteDeadline(when time.Time) error {
	err := c.Conn.SetWriteDeadline(when)
	select {
	case c.set <- struct{}{}:
	default:
	}
	return err
}

// TestLateEnd holds that a context which ends after a write leaves the next
// one alone.
func TestLateEnd(t *testing.T) {
	host, guest := pair(t)
	conn := &lateConn{Conn: host, set: make(chan struct{}, 1)}
	line := openOn(t, conn, guest, func(c net.Conn) error {
		return errors.Join(await(c, wire.Stop{Signal: "SIGINT"}), await(c, wire.Stop{Signal: "SIGHUP"}))
	})
	ctx, cancel := context.WithCancel(t.Context())
	conn.cancel = cancel
	if err := line.Stop(ctx, "SIGINT", 0); err != nil {
		t.Fatal(err)
	}
	if err := line.Stop(t.Context(), "SIGHUP", 0); err != nil {
		t.Error(err)
	}
	if m, err := line.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Next = %+v, %v; want EOF", m, err)
	}
}

// TestFlood has a guest that sends more than anybody takes: it must not keep
// Close from working.
func TestFlood(t *testing.T) {
	line := open(t, func(c net.Conn) error {
		for wire.WriteMessage(c, wire.Error{Text: strings.Repeat("x", 1000)}) == nil {
			continue
		}
		return nil
	})
	if _, err := line.Next(t.Context()); err != nil {
		t.Error(err)
	}
	if err := line.Close(); err != nil {
		t.Error(err)
	}
	for {
		m, err := line.Next(t.Context())
		if err == nil {
			continue
		}
		if !errors.Is(err, agent.ErrClosed) {
			t.Errorf("Next = %+v, %v; want ErrClosed", m, err)
		}
		return
	}
}

func TestConnectErrors(t *testing.T) {
	tests := []struct {
		name  string
		guest func(c net.Conn) error
		want  string
	}{
		{"hangs up", func(net.Conn) error { return nil }, "EOF"},
		{"another key", func(c net.Conn) error {
			_ = wire.AcceptLine(c, bytes.Repeat([]byte{6}, wire.KeySize))
			return nil
		}, "no proof from the guest"},
		{"no hello", func(c net.Conn) error {
			return errors.Join(wire.AcceptLine(c, lineKey), send(c, wire.Started{}))
		}, "before its hello"},
		{"nonsense", func(c net.Conn) error {
			_, err := c.Write(bytes.Repeat([]byte("x"), 4096))
			return err
		}, "not the agent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host, guest := pair(t)
			over := make(chan error, 1)
			go func() { over <- errors.Join(tt.guest(guest), guest.Close()) }()
			line, err := agent.Connect(t.Context(), host, lineKey)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Connect = %v, %v; want an error with %q", line, err, tt.want)
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
			if _, err := host.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("writing gives %v: want the connection closed", err)
			}
		})
	}
}

func TestConnectCancelled(t *testing.T) {
	host, _ := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if line, err := agent.Connect(ctx, host, lineKey); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect = %v, %v; want Canceled", line, err)
	}
}

// TestLineSteps has a guest run one step.
func TestLineSteps(t *testing.T) {
	step := wire.RunStep{ID: 1, Service: wire.Service{Args: []string{"sh"}}}
	answer := []wire.Message{
		wire.StepOutput{ID: 1, Stream: 1, Data: []byte("a\n")},
		wire.StepEnded{ID: 1, Code: 2, Left: true},
	}
	line := open(t, func(c net.Conn) error {
		m, err := wire.ReadMessage(c)
		if err != nil {
			return err
		}
		if !cmp.Equal(m, wire.Message(step)) {
			return fmt.Errorf("the host sent %+v", m)
		}
		if err := send(c, answer...); err != nil {
			return err
		}
		if m, err = wire.ReadMessage(c); err != nil {
			return err
		}
		return send(c, wire.Synced{ID: m.(wire.SyncPoint).ID, Text: "bu\nsy"})
	})
	if err := line.RunStep(t.Context(), wire.RunStep{}); err == nil {
		t.Error("a step without a command is sent")
	}
	if err := line.RunStep(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	var got []wire.Message
	for range answer {
		m, err := line.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(answer, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if err := line.SyncPoint(t.Context(), wire.SyncPoint{ID: 2}); err != nil {
		t.Fatal(err)
	}
	if m, err := line.Next(t.Context()); err != nil || m != wire.Message(wire.Synced{ID: 2, Text: "bu sy"}) {
		t.Errorf("%+v, %v", m, err)
	}
}

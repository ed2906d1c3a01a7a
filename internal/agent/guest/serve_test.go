//go:build linux || netbsd

package guest

import (
	"net"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// newAgent is an agent as after its boot, for services of the host's own.
func newAgent(args ...string) *agent {
	return &agent{
		config:  wire.Config{Key: make([]byte, wire.KeySize), Service: wire.Service{Args: args}},
		reaper:  newReaper(),
		journal: newJournal(),
		stop:    make(chan wire.Stop, 4),
	}
}

// launch starts a shell script as a service without a session of its own, so
// that the test's terminal stays the test's.
func (a *agent) launch(t *testing.T, script string) (int, <-chan syscall.WaitStatus) {
	t.Helper()
	pid, ended, err := a.reaper.start("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{
		Env:   []string{"PATH=" + defaultPath},
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return pid, ended
}

// TestServiceLife covers how a service can end. It is one test because the
// reaper takes every child of the process it is in.
func TestServiceLife(t *testing.T) {
	a := newAgent()
	<-a.reaper.left()
	tests := []struct {
		name   string
		script string
		stop   *wire.Stop
		want   wire.Exited
	}{
		{"by itself", "exit 5", nil, wire.Exited{Code: 5}},
		{"killed", "kill -9 $$", nil, wire.Exited{Code: 137, Signal: "SIGKILL"}},
		{"with orphans", "(sleep 0.1; exit 9) & exit 0", nil, wire.Exited{}},
		{"stopped", "sleep 60", &wire.Stop{Timeout: time.Minute}, wire.Exited{Code: 143, Signal: "SIGTERM"}},
		{"by another signal", "sleep 60", &wire.Stop{Signal: "SIGINT", Timeout: time.Minute}, wire.Exited{Code: 130, Signal: "SIGINT"}},
		{"stubborn", "sleep 60", &wire.Stop{Timeout: time.Millisecond}, wire.Exited{Code: 137, Signal: "SIGKILL"}},
		{"unknown signal", "sleep 60", &wire.Stop{Signal: "DANCE"}, wire.Exited{Code: 137, Signal: "SIGKILL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			script := tt.script
			if tt.stop != nil {
				a.askStop(*tt.stop)
				script = "exec " + script // else sh, not sleep, is signalled
			}
			if tt.name == "stubborn" {
				signal.Ignore(syscall.SIGTERM) // which the child inherits
				defer signal.Reset(syscall.SIGTERM)
			}
			status, asked := a.attend(a.launch(t, script))
			if diff := cmp.Diff(tt.want, exitOf(status)); diff != "" || asked != (tt.stop != nil) {
				t.Errorf("asked %v, exit (-want +got):\n%s", asked, diff)
			}
		})
	}
	<-a.reaper.left()
}

// TestTalk has a host on the line from before the service's start to its end.
func TestTalk(t *testing.T) {
	a := newAgent()
	host, far := net.Pipe()
	known, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		a.talk(far, func() { close(known) })
	}()
	if err := wire.DialLine(host, a.config.Key); err != nil {
		t.Fatal(err)
	}
	<-known
	expect(t, host, a.hello())
	a.journal.add(wire.Started{PID: 9})
	expect(t, host, wire.Started{PID: 9})
	tell(t, host, wire.Ping{ID: 3})
	expect(t, host, wire.Pong{ID: 3})
	tell(t, host, wire.Unknown{Type: "dance"})
	tell(t, host, wire.Stop{Signal: "SIGINT"})
	if got := <-a.stop; got.Signal != "SIGINT" {
		t.Errorf("stop %+v: want SIGINT", got)
	}
	a.journal.add(wire.Exited{Code: 2})
	expect(t, host, wire.Exited{Code: 2})
	tell(t, host, wire.Seen{})
	<-a.journal.seen
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	<-over
}

// TestTalkRetells connects after everything happened.
func TestTalkRetells(t *testing.T) {
	a := newAgent()
	a.journal.add(wire.Started{PID: 9})
	a.journal.add(wire.Exited{Code: 2})
	host, far := net.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		a.talk(far, func() {})
	}()
	if err := wire.DialLine(host, a.config.Key); err != nil {
		t.Fatal(err)
	}
	for _, want := range []wire.Message{a.hello(), wire.Started{PID: 9}, wire.Exited{Code: 2}} {
		expect(t, host, want)
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	<-over
}

// TestInsiders holds that connections from the guest itself get nothing.
func TestInsiders(t *testing.T) {
	a := newAgent()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		a.accept(l)
	}()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes: want the connection closed", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-over
}

func TestJournalIsBounded(t *testing.T) {
	j := newJournal()
	for range 2 * maxEvents {
		j.add(wire.Error{Text: "again"})
	}
	j.add(wire.Exited{Code: 1})
	events, _ := j.since(0)
	if len(events) != maxEvents+1 || events[maxEvents] != (wire.Exited{Code: 1}) {
		t.Errorf("%d events, the last %+v: want %d and the exit", len(events), events[len(events)-1], maxEvents+1)
	}
}

func expect(t *testing.T, c net.Conn, want wire.Message) {
	t.Helper()
	got, err := wire.ReadMessage(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("message (-want +got):\n%s", diff)
	}
}

func tell(t *testing.T, c net.Conn, m wire.Message) {
	t.Helper()
	if err := wire.WriteMessage(c, m); err != nil {
		t.Fatal(err)
	}
}

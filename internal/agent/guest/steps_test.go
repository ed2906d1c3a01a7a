//go:build linux || netbsd

package guest

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// TestSteps has steps that can't be started. Those that can end with all other
// processes of the system, and are tried in guests (buildvm).
func TestSteps(t *testing.T) {
	a := newAgent()
	a.orders = make(chan order, 1)
	host, far := net.Pipe()
	go a.talk(far, func() {})
	over := make(chan struct{})
	go func() {
		defer close(over)
		a.serveSteps()
	}()
	if err := wire.DialLine(host, a.config.Key); err != nil {
		t.Fatal(err)
	}
	expect(t, host, a.hello())
	run := func(args ...string) wire.RunStep {
		return wire.RunStep{ID: 7, Service: wire.Service{Args: args, User: "0"}}
	}
	tests := []struct {
		name string
		step wire.RunStep
		want wire.StepEnded
	}{
		{"no command", run(), wire.StepEnded{ID: 7, Code: 126, Text: "the step has no command"}},
		{"not there", run("/nowhere/x"), wire.StepEnded{ID: 7, Code: 127, Text: "no such program in the guest: /nowhere/x"}},
		{"no folder", wire.RunStep{ID: 7, Service: wire.Service{Args: []string{"sh"}, Dir: "/nowhere"}}, wire.StepEnded{ID: 7, Code: 126, Text: "start sh: there is no folder /nowhere"}},
		{"no user", wire.RunStep{ID: 7, Service: wire.Service{Args: []string{"sh"}, User: "nobody-here"}}, wire.StepEnded{ID: 7, Code: 126, Text: `start sh: there is no user "nobody-here" in the guest's /etc/passwd`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, host, tt.step)
			end := stepEnd(t, host)
			if diff := cmp.Diff(tt.want, end); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	tell(t, host, wire.Stop{})
	<-over
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
}

// stepEnd reads the end of a step that prints nothing.
func stepEnd(t *testing.T, host net.Conn) wire.StepEnded {
	t.Helper()
	m, err := wire.ReadMessage(host)
	if err != nil {
		t.Fatal(err)
	}
	end, ok := m.(wire.StepEnded)
	if !ok {
		t.Fatalf("%#v", m)
	}
	return end
}

// TestOrdersAreForSteps sends orders to a guest that has a service.
func TestOrdersAreForSteps(t *testing.T) {
	a := newAgent("true")
	a.order(wire.SyncPoint{ID: 1}, nil)
	events, _ := a.journal.since(0)
	if len(events) != 1 || !strings.Contains(events[0].(wire.Error).Text, "can't do now") {
		t.Errorf("events %v; want one error", events)
	}
}

// TestOutput has a command write more than one message holds, on both pipes.
func TestOutput(t *testing.T) {
	host, far := net.Pipe()
	o, err := newOutput(3, &speaker{conn: far})
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	a := newAgent()
	p, err := resolveProgram(wire.Service{Args: []string{"/bin/sh"}, User: "0"})
	if err != nil {
		t.Fatal(err)
	}
	p.attr.Files = []uintptr{0, o.ends[0], o.ends[1]}
	p.attr.Sys = nil // no other session, no other user
	_, ended, err := a.reaper.start(p.path, []string{"sh", "-c", "head -c 100000 /dev/zero; echo no >&2"}, &p.attr)
	if err != nil {
		t.Fatal(err)
	}
	o.started()
	go func() {
		o.wait()
		_ = far.Close()
	}()
	var got [2]bytes.Buffer
	for {
		m, err := wire.ReadMessage(host)
		if err != nil {
			break
		}
		piece := m.(wire.StepOutput)
		if piece.ID != 3 || len(piece.Data) > wire.MaxOutput {
			t.Errorf("%d bytes of step %d", len(piece.Data), piece.ID)
		}
		got[piece.Stream-1].Write(piece.Data)
	}
	if status := <-ended; status.ExitStatus() != 0 {
		t.Errorf("ended with %d", status.ExitStatus())
	}
	if got[0].Len() != 100_000 || got[1].String() != "no\n" {
		t.Errorf("%d bytes and %q", got[0].Len(), got[1].String())
	}
}

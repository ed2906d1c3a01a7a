package agent_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const (
	// bootTime is generous: the host may be doing much else.
	bootTime = 120 * time.Second
	mac      = "52:54:00:12:34:99"
)

// TestBoot starts a service in a real guest, asks it what it was given, stops
// it over the line, and expects the machine to end by itself.
func TestBoot(t *testing.T) {
	for _, g := range guests() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.need(t)
			config := bootConfig()
			m := g.boot(t, config)
			line := m.connect(t, config.Key)
			if h := line.Hello(); h.OS != g.target.OS || h.Arch != g.target.Arch || h.Source == "" || h.Times.Init == 0 || h.Times.Root == 0 {
				t.Errorf("hello %+v: want %s with source and times", h, g.target)
			}
			if _, err := line.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			started, ok := next(t, line).(wire.Started)
			if !ok || started.PID < 2 {
				t.Errorf("first event %+v: want Started", started)
			}
			times := m.bootTimes(t, config.Key)
			if times.Network == 0 {
				t.Errorf("times %+v: want the network's", times)
			}
			t.Logf("since the kernel's start: %+v, service %v", times, started.Time)
			if diff := cmp.Diff(wantFacts(g.hasProc(t)), m.facts(t)); diff != "" {
				t.Errorf("the service's surroundings (-want +got):\n%s", diff)
			}
			if err := line.Stop(t.Context(), "", 20*time.Second); err != nil {
				t.Fatal(err)
			}
			if got := next(t, line); got != (wire.Exited{Code: 7}) {
				t.Errorf("event %+v: want Exited with 7", got)
			}
			m.wait(t)
			g.checkRoot(t, m.root)
			if text := m.console.String(); strings.Contains(text, "fakecracker:") {
				t.Errorf("the agent complained:\n%s", text)
			}
		})
	}
}

// TestNotFound has a service that does not even start.
func TestNotFound(t *testing.T) {
	for _, g := range oneFor(guest.system) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.need(t)
			config := bootConfig()
			config.Service.Args = []string{"nothing"}
			m := g.boot(t, config)
			line := m.connect(t, config.Key)
			const reason = "start nothing: no such program in the guest"
			for _, want := range []wire.Message{wire.Error{Text: reason}, wire.Exited{Code: 127}} {
				if got := next(t, line); got != want {
					t.Errorf("event %+v: want %+v", got, want)
				}
			}
			m.wait(t)
			if !strings.Contains(m.console.String(), reason) {
				t.Errorf("console lacks %q:\n%s", reason, m.console.String())
			}
		})
	}
}

// TestNoConfiguration starts guests without a configuration disk: they say so
// and end.
func TestNoConfiguration(t *testing.T) {
	for _, g := range oneFor(guest.system) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.need(t)
			m := g.bootDisk(t, make([]byte, 4096))
			m.wait(t)
			if want := "there is no configuration disk"; !strings.Contains(m.console.String(), want) {
				t.Errorf("console lacks %q:\n%s", want, m.console.String())
			}
		})
	}
}

// TestInit hands PID 1 over to another program.
func TestInit(t *testing.T) {
	for _, g := range guests() {
		if g.target.OS != "linux" {
			continue // a NetBSD kernel starts it by itself
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.need(t)
			m := g.boot(t, wire.Config{Init: "/bin/service"})
			m.wait(t)
			if want := "the service is PID 1"; !strings.Contains(m.console.String(), want) {
				t.Errorf("console lacks %q:\n%s", want, m.console.String())
			}
		})
	}
}

// TestReadOnly boots from a root that can't be written, with a service that
// ends by itself.
func TestReadOnly(t *testing.T) {
	for _, g := range oneFor(guest.forTarget) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.need(t)
			config := bootConfig()
			config.Root.ReadOnly = true
			config.Service = wire.Service{Args: []string{"service", "exit"}}
			m := g.boot(t, config)
			line := m.connect(t, config.Key)
			const reason = "the service ended with exit status 3"
			if started, ok := next(t, line).(wire.Started); !ok {
				t.Errorf("first event %+v: want Started", started)
			}
			for _, want := range []wire.Message{wire.Error{Text: reason}, wire.Exited{Code: 3}} {
				if got := next(t, line); got != want {
					t.Errorf("event %+v: want %+v", got, want)
				}
			}
			m.wait(t)
			if !strings.Contains(m.console.String(), reason) {
				t.Errorf("console lacks %q:\n%s", reason, m.console.String())
			}
		})
	}
}

func bootConfig() wire.Config {
	return wire.Config{
		Hostname: "harbour",
		Network: wire.Network{
			MAC:     mac,
			Address: netip.MustParsePrefix("10.0.2.15/24"),
			Gateway: netip.MustParseAddr("10.0.2.2"),
			DNS:     []netip.Addr{netip.MustParseAddr("10.0.2.3")},
		},
		Service: wire.Service{
			Args: []string{"service", "one", "two words"},
			Env:  []string{"SHIP=test", "HOME=/srv"},
			User: "sailor",
			Dir:  "/srv",
		},
		Key: bytes.Repeat([]byte{7}, wire.KeySize),
	}
}

func wantFacts(proc bool) map[string]any {
	return map[string]any{
		"args":     []any{"service", "one", "two words"},
		"dir":      "/srv",
		"hostname": "harbour",
		"uid":      1000.0,
		"gid":      100.0,
		"env":      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin HOME=/srv USER=sailor SHIP=test",
		"resolv":   "nameserver 10.0.2.3\n",
		"hosts":    "127.0.0.1\tlocalhost\n127.0.0.1\tharbour\n",
		"leader":   true,
		"parent":   1.0,
		"files":    true,
		"tmp":      true,
		"proc":     proc,
	}
}

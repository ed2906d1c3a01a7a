package cli

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
)

func TestParseMemory(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"", 0, true},
		{"128M", 128 << 20, true},
		{"128m", 128 << 20, true},
		{"128MB", 128 << 20, true},
		{"1G", 1 << 30, true},
		{"65536k", 64 << 20, true},
		{"134217728", 128 << 20, true},
		{"1M", 0, false},           // no guest boots in it
		{"16777217", 0, false},     // not whole pages
		{"12Q", 0, false},          // no such suffix
		{"-5M", 0, false},          // negative
		{"0", 0, false},            // nothing
		{"M", 0, false},            // no number
		{"12MM", 0, false},         // two suffixes
		{"99999999999G", 0, false}, // more than fits
	}
	for _, tt := range tests {
		got, err := parseMemory(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseMemory(%q) = %d, %v; want %d, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestParseGuest(t *testing.T) {
	tests := []struct {
		in   string
		want image.Guest
		ok   bool
	}{
		{"", image.Guest{}, true},
		{"netbsd", image.Guest{OS: "netbsd"}, true},
		{"netbsd/amd64", image.Guest{OS: "netbsd", Arch: "amd64"}, true},
		{"linux", image.Guest{OS: "linux", Arch: "amd64"}, true},
		{"linux/i386", image.Guest{}, false},
		{"plan9", image.Guest{}, false},
		{"/amd64", image.Guest{}, false},
	}
	for _, tt := range tests {
		got, err := parseGuest(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseGuest(%q) = %v, %v; want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestCompleteGuest(t *testing.T) {
	amd64 := kernel.Kernel{Info: kernel.Info{OS: "netbsd", Arch: "amd64"}}
	tests := []struct {
		name         string
		asked, ships image.Guest
		kernel       kernel.Kernel
		want         string
	}{
		{"nobody minds", image.Guest{}, image.Guest{}, kernel.Kernel{}, "netbsd/i386"},
		{"the ship says", image.Guest{}, image.Guest{OS: "linux"}, kernel.Kernel{}, "linux/amd64"},
		{"the user wins", image.Guest{OS: "netbsd"}, image.Guest{OS: "linux", Arch: "amd64"}, kernel.Kernel{}, "netbsd/i386"},
		{"the ship's processor", image.Guest{OS: "netbsd"}, image.Guest{OS: "netbsd", Arch: "amd64"}, kernel.Kernel{}, "netbsd/amd64"},
		{"the kernel's processor", image.Guest{OS: "netbsd"}, image.Guest{}, amd64, "netbsd/amd64"},
		{"another system's kernel", image.Guest{OS: "linux", Arch: "amd64"}, image.Guest{}, amd64, "linux/amd64"},
	}
	for _, tt := range tests {
		if got := completeGuest(tt.asked, tt.ships, tt.kernel).String(); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	plain := errors.New("plain")
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, 0},
		{"plain", plain, 1},
		{"usage", usagef("wrong"), 2},
		{"wrapped usage", fmt.Errorf("around: %w", usagef("wrong")), 2},
		{"run", withCode(exitRun, plain), 125},
		{"the first code stays", withCode(exitRun, usagef("wrong")), 2},
		{"no error gets no code", withCode(exitRun, nil), 0},
		{"interrupted", withCode(exitRun, errInterrupted), 130},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%s: exit code %d; want %d", tt.name, got, tt.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got, want := oneLine(errors.Join(errors.New("a"), errors.New("b\n"))), "a; b"; got != want {
		t.Errorf("oneLine = %q; want %q", got, want)
	}
	if got := oneLine(errInterrupted); got != "" {
		t.Errorf("oneLine of an interrupt = %q; want nothing", got)
	}
}

func TestInterrupts(t *testing.T) {
	closed := func(ch chan struct{}) bool {
		select {
		case <-ch:
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	}
	tests := []struct {
		name            string
		keys            []keyAction
		stopped, killed bool
	}{
		{"nothing", nil, false, false},
		{"once", []keyAction{keyStop}, true, false},
		{"twice", []keyAction{keyStop, keyStop}, true, true},
		{"kill", []keyAction{keyKill}, true, true},
		{"many", []keyAction{keyStop, keyKill, keyStop, keyKill}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := watchInterrupts()
			defer in.close()
			ctx, cancel := in.context(t.Context())
			defer cancel()
			for _, k := range tt.keys {
				in.ask(k)
			}
			if closed(in.stopped) != tt.stopped || closed(in.killed) != tt.killed {
				t.Errorf("stopped %v, killed %v; want %v, %v", closed(in.stopped), closed(in.killed), tt.stopped, tt.killed)
			}
			if tt.stopped {
				<-ctx.Done()
			}
			if (ctx.Err() != nil) != tt.stopped {
				t.Errorf("context: %v; want ended: %v", ctx.Err(), tt.stopped)
			}
		})
	}
}

package qemu

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

const (
	keptStderr = 16 << 10 // bytes of QEMU's messages that are kept
	endLines   = 10       // lines of the console in an End
)

// The last words of a kernel get time to come: until the console was silent
// for so long, but not for ever.
const (
	silence  = 200 * time.Millisecond
	patience = 2 * time.Second
)

// listen reads the console to its end, and ends a machine whose kernel has
// stopped or, where there is a watchdog, has never said a word. Both limits
// are deadlines of the reads.
func (vm *VM) listen() {
	con, w := vm.wiring.con, newWatch(vm.machine.OS)
	defer con.Close()
	if vm.opts.Watchdog > 0 && vm.machine.Accel != "tcg" {
		vm.deadline(vm.opts.Watchdog)
	}
	var stopped time.Time
	buf := make([]byte, 32<<10)
	for {
		n, err := con.Read(buf)
		if n > 0 {
			vm.hear(buf[:n], w)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			vm.timeout(w)
		case err != nil:
			return
		case !w.ended() || vm.opts.KeepOnPanic:
			vm.deadline(0)
		default:
			if stopped.IsZero() {
				stopped = time.Now()
			}
			vm.deadline(max(1, min(silence, patience-time.Since(stopped))))
		}
	}
}

// deadline limits the next reads of the console; 0 takes the limit away. It
// can fail only where the connection is closed, which the reads tell.
func (vm *VM) deadline(d time.Duration) {
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	_ = vm.wiring.con.SetReadDeadline(t)
}

// hear passes on what the guest wrote.
func (vm *VM) hear(p []byte, w *watch) {
	vm.console.keep(p)
	if vm.opts.Console != nil {
		if _, err := vm.opts.Console.Write(p); err != nil {
			vm.log.Warn("pass on the console", "machine", vm.machine.Name, "error", err)
			vm.opts.Console = nil
		}
	}
	w.feed(p)
	if w.ended() {
		vm.find(machine.End{Reason: w.found, Detail: w.detail})
	}
}

// timeout ends a machine that said its last word, or none at all.
func (vm *VM) timeout(w *watch) {
	if !w.ended() {
		vm.find(machine.End{Reason: machine.Hung, Detail: fmt.Sprintf("nothing on the console in %v under %s", vm.opts.Watchdog, vm.machine.Accel)})
	}
	vm.deadline(0)
	vm.kill()
}

func (vm *VM) find(e machine.End) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.found.Reason == "" {
		vm.found = e
	}
}

// finish says how the machine ended, when all else of it has.
func (vm *VM) finish(exit error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.end = vm.reason(exit)
	switch vm.end.Reason {
	case machine.PoweredOff, machine.Stopped:
	default:
		vm.end.Console = vm.console.Lines(endLines)
	}
	for line := range strings.Lines(vm.stderr.text()) {
		vm.log.Warn("QEMU says", "machine", vm.machine.Name, "text", strings.TrimSpace(line))
	}
	close(vm.done)
}

// reason weighs what is known. The kernel's own words come first, for a
// machine that panicked ends by a reset or by our hand; but one that halted
// may have powered off in the time it was given.
func (vm *VM) reason(exit error) machine.End {
	off := vm.shutdown == "guest-shutdown"
	switch {
	case vm.found.Reason == machine.Halted && off:
		return machine.End{Reason: machine.PoweredOff}
	case vm.found.Reason != "":
		return vm.found
	case off:
		return machine.End{Reason: machine.PoweredOff}
	case vm.shutdown == "guest-reset":
		return machine.End{Reason: machine.Rebooted}
	case vm.shutdown == "guest-panic":
		return machine.End{Reason: machine.Panicked}
	case vm.shutdown == "host-signal":
		return machine.End{Reason: machine.Crashed, Detail: cmp.Or(vm.stderr.last(), "by a signal")}
	case vm.stopping:
		return machine.End{Reason: machine.Stopped}
	}
	return crashed(exit, vm.stderr.last())
}

// crashed is the end of a QEMU that nobody had asked to end.
func crashed(exit error, last string) machine.End {
	var failure *exec.ExitError
	if errors.As(exit, &failure) {
		if s, ok := failure.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return machine.End{Reason: machine.Crashed, Detail: fmt.Sprintf("by signal %d (%v)", int(s.Signal()), s.Signal())}
		}
	}
	switch {
	case last != "":
		return machine.End{Reason: machine.Crashed, Detail: last}
	case exit != nil:
		return machine.End{Reason: machine.Crashed, Detail: exit.Error()}
	}
	return machine.End{Reason: machine.Stopped, Detail: "QEMU was asked to end"}
}

// messages keeps the end of what QEMU writes to its standard error.
type messages struct {
	mu   sync.Mutex
	tail tail
}

func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tail.write(p, keptStderr)
	return len(p), nil
}

func (m *messages) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.tail.bytes())
}

// last returns the last line, without the program's name before it.
func (m *messages) last() string {
	text := strings.TrimSpace(m.text())
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if name, rest, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(filepath.Base(name), "qemu-system-") {
		return rest
	}
	return line
}

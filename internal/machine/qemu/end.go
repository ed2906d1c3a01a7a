package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// listen reads the console to its end.
func (vm *VM) listen() {
	con := vm.wiring.con
	defer con.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := con.Read(buf)
		if n > 0 {
			vm.console.keep(buf[:n])
			vm.judge.hear(buf[:n])
			vm.relay.put(buf[:n])
			vm.judge.release()
		}
		if err != nil {
			return
		}
	}
}

// guard ends a machine whose kernel has stopped or, where there is a watchdog,
// has never shown that it runs. ctx ends with the console.
func (vm *VM) guard(ctx context.Context) {
	end, due := vm.judge.run(ctx)
	if !due {
		return
	}
	vm.mu.Lock()
	vm.found = end
	vm.mu.Unlock()
	vm.kill()
}

// collect waits for all that belongs to a QEMU that has ended. Who reads the
// console gets a limited time; after it, a Write may be left that has not
// come back.
func (vm *VM) collect() {
	limit := time.AfterFunc(relayGrace, vm.relay.giveUp)
	defer limit.Stop()
	vm.readers.Wait()
	vm.relay.finish()
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

// reason weighs what is known: what was found before we ended the machine,
// then what QEMU says of the guest, and what we did. One that seemed to have
// halted may have powered off before we got to it.
func (vm *VM) reason(exit error) machine.End {
	switch {
	case vm.shutdown == "guest-shutdown":
		return machine.End{Reason: machine.PoweredOff}
	case vm.found.Reason != "":
		return vm.found
	case vm.shutdown == "guest-reset":
		return afterReset(vm.judge.lastWords())
	case vm.shutdown == "guest-panic":
		return machine.End{Reason: machine.Panicked}
	case vm.shutdown == "host-signal":
		return machine.End{Reason: machine.Crashed, Detail: cmp.Or(vm.stderr.last(), "by a signal")}
	case vm.stopping:
		return machine.End{Reason: machine.Stopped}
	}
	return crashed(exit, vm.stderr.last())
}

// afterReset is the end of a guest that asked for a reset after its last words
// on the console. Kernels are told to do so when they panic.
func afterReset(last machine.End) machine.End {
	switch last.Reason {
	case machine.Panicked, machine.NoRoot, machine.NoInit:
		return last
	}
	return machine.End{Reason: machine.Rebooted}
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

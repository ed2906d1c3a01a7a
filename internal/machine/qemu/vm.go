package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/qmp"
)

// A VM is a running machine. Its methods may be called from any goroutine.
type VM struct {
	machine machine.Machine
	opts    Options
	log     *slog.Logger
	cmd     *exec.Cmd
	qmp     *qmp.Client
	wiring  *wiring
	console *Console
	relay   *relay
	judge   *judge
	stderr  messages
	done    chan struct{}  // closed when everything has ended
	readers sync.WaitGroup // console, judge and events

	started time.Time
	end     machine.End

	mu       sync.Mutex
	stopping bool        // we asked for the end
	found    machine.End // why the judge had it ended
	shutdown string      // SHUTDOWN's reason
}

// Times are when a machine reached a stage; zero where it has not.
type Times struct {
	Exec         time.Time // QEMU's process was there
	FirstConsole time.Time // the first byte on the serial port; QEMU's firmware writes none
	LastConsole  time.Time // the last one so far
}

func newVM(m machine.Machine, opts Options, cmd *exec.Cmd, w *wiring, log *slog.Logger) *VM {
	vm := &VM{machine: m, opts: opts, log: log, cmd: cmd, wiring: w, done: make(chan struct{})}
	vm.console = &Console{conn: w.con}
	vm.judge = newJudge(m, opts)
	cmd.Stderr = &vm.stderr
	cmd.WaitDelay = time.Second // should anything else hold its stderr
	return vm
}

// Console returns the machine's serial port.
func (vm *VM) Console() *Console { return vm.console }

// SignOfLife tells that the guest runs, as its first network frame does: the
// watchdog looks no further. It may be called at any time and often.
func (vm *VM) SignOfLife() { vm.judge.signOfLife() }

// Times returns the stages reached so far.
func (vm *VM) Times() Times {
	return Times{Exec: vm.started, FirstConsole: vm.console.First(), LastConsole: vm.console.Last()}
}

// Done is closed when the machine has ended, and with it all that belongs to
// it.
func (vm *VM) Done() <-chan struct{} { return vm.done }

// Wait waits for the machine's end and says how it ended.
func (vm *VM) Wait() machine.End {
	<-vm.done
	return vm.end
}

// spawn starts QEMU from a thread that lives as long as it does, since QEMU
// dies with that thread.
func (vm *VM) spawn() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		vm.started = time.Now()
		err := vm.cmd.Start()
		if err != nil {
			started <- err
			return
		}
		vm.readers.Add(1) // for greet
		vm.attend()
		started <- nil
		err = vm.cmd.Wait()
		vm.collect()
		vm.finish(err)
	}()
	return <-started
}

// attend takes care of the console until collect.
func (vm *VM) attend() {
	vm.relay = newRelay(vm.opts.Console, func(err error) {
		vm.log.Warn("pass on the console", "machine", vm.machine.Name, "error", err)
	})
	ctx, over := context.WithCancel(context.Background())
	vm.readers.Go(func() { vm.guard(ctx) })
	vm.readers.Go(func() {
		defer over()
		vm.listen()
	})
}

// greet connects to QEMU's monitor and lets the guest run.
func (vm *VM) greet(ctx context.Context) error {
	defer vm.readers.Done()
	client, err := qmp.New(ctx, vm.wiring.qmp)
	if err != nil {
		return err
	}
	vm.qmp = client
	sub := client.Subscribe()
	vm.readers.Go(func() { vm.events(sub) })
	return client.Execute(ctx, "cont", nil, nil)
}

// abort ends a machine that could not be started, and returns why: QEMU's own
// words, where it ended by itself.
func (vm *VM) abort(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		// The connection ended, so QEMU is about to; let it say why.
		select {
		case <-vm.done:
		case <-time.After(time.Second):
		}
	}
	vm.Kill()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if strings.Contains(vm.stderr.text(), "unsupported machine type") {
		return fmt.Errorf("this QEMU doesn't know the machine %s: install QEMU 7.2 or newer", pcVersion)
	}
	if last := vm.stderr.last(); last != "" {
		return errors.New(last)
	}
	return err
}

// events notes what QEMU says about the guest's end.
func (vm *VM) events(sub *qmp.Subscription) {
	defer vm.qmp.Close()
	for e := range sub.Events() {
		vm.log.Debug("QEMU event", "machine", vm.machine.Name, "event", e.Name, "data", string(e.Data))
		var data struct {
			Reason string `json:"reason"`
		}
		if e.Name != "SHUTDOWN" || json.Unmarshal(e.Data, &data) != nil {
			continue
		}
		vm.mu.Lock()
		vm.shutdown = data.Reason
		vm.mu.Unlock()
	}
}

// PowerDown presses the machine's power button (ACPI). The guest may take its
// time, or ignore it.
func (vm *VM) PowerDown(ctx context.Context) error {
	return vm.execute(ctx, "system_powerdown", nil)
}

// Pause stops the guest's processors.
func (vm *VM) Pause(ctx context.Context) error { return vm.execute(ctx, "stop", nil) }

// Resume lets the guest's processors go on.
func (vm *VM) Resume(ctx context.Context) error { return vm.execute(ctx, "cont", nil) }

// Status returns QEMU's word for the machine's state: "running", "paused", …
// (RunState in the QMP reference).
func (vm *VM) Status(ctx context.Context) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := vm.execute(ctx, "query-status", &s)
	return s.Status, err
}

func (vm *VM) execute(ctx context.Context, cmd string, result any) error {
	if err := vm.qmp.Execute(ctx, cmd, nil, result); err != nil {
		return fmt.Errorf("machine %s: %w", vm.machine.Name, err)
	}
	return nil
}

// Kill ends the machine at once and returns when it is gone.
func (vm *VM) Kill() machine.End {
	vm.stop()
	vm.kill()
	return vm.Wait()
}

// stop remembers that the end is ours.
func (vm *VM) stop() {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.stopping = true
}

// kill doesn't wait. That the process has ended already is no error, and
// nothing else can go wrong with a child of ours.
func (vm *VM) kill() { _ = vm.cmd.Process.Kill() }

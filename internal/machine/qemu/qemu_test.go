package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// start starts m and ends it with the test.
func start(t *testing.T, m machine.Machine, opts Options) *VM {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	vm, err := new(Driver).Start(ctx, m, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vm.Kill() })
	return vm
}

// wait returns vm's end, which must come by itself.
func wait(t *testing.T, vm *VM) machine.End {
	t.Helper()
	select {
	case <-vm.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("the machine has not ended; its console: %q", vm.Console().Bytes())
	}
	return vm.Wait()
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name, text string
		then       []byte
		reason     machine.Reason
		detail     string
	}{
		{"power off", "bye\r\n", powerOff, machine.PoweredOff, ""},
		{"reset", "bye\r\n", reset, machine.Rebooted, ""},
		{"halt", "\r\nThe operating system has halted.\r\nPlease press any key to reboot.\r\n\r\n", halt, machine.Halted, ""},
		{"panic", "[   1.0] panic: oh no\r\n", halt, machine.Panicked, "oh no"},
		{"panic and reset", "[   1.0] panic: oh no\r\n", reset, machine.Panicked, "oh no"},
		{"debugger", "Stopped in pid 0.1 (system) at netbsd:breakpoint+0x5: leave\r\ndb{0}> ", halt, machine.InDebugger, ""},
		{"no root", "[ 1.0968256] boot device: <unknown>\r\n[ 1.1] root device: ", halt, machine.NoRoot, "boot device: <unknown>"},
		{"panic that powers off", "[   1.0] panic: of a service\r\n", powerOff, machine.PoweredOff, ""},
		{"reset after a halt", "The operating system has halted.\r\nPlease press any key to reboot.\r\n", reset, machine.Rebooted, ""},
		{"a service's panic", "panic: runtime error\r\n\r\ngoroutine 1 [running]:\r\n", powerOff, machine.PoweredOff, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			vm := start(t, testMachine(t, tt.text, tt.then), Options{})
			got := wait(t, vm)
			if got.Reason != tt.reason || got.Detail != tt.detail {
				t.Errorf("ended: %s; want %s: %s; console %q", got, tt.reason, tt.detail, vm.Console().Bytes())
			}
			if string(vm.Console().Bytes()) != tt.text {
				t.Errorf("console: %q; want %q", vm.Console().Bytes(), tt.text)
			}
		})
	}
}

// What is typed reaches the guest, what it answers reaches the writer, and the
// first byte's time is noted.
func TestConsole(t *testing.T) {
	got := make(chan string, 100)
	opts := Options{Console: writerFunc(func(p []byte) (int, error) { got <- string(p); return len(p), nil })}
	vm := start(t, testMachine(t, "ready", echo), opts)
	var text string
	receive := func(want string) {
		t.Helper()
		for !strings.Contains(text, want) {
			select {
			case s := <-got:
				text += s
			case <-time.After(20 * time.Second):
				t.Fatalf("console %q; want %q", text, want)
			}
		}
	}
	receive("ready")
	if _, err := io.WriteString(vm.Console(), "hello, guest"); err != nil {
		t.Fatal(err)
	}
	receive("hello, guest")
	times := vm.Times()
	if !times.FirstConsole.After(times.Exec) {
		t.Errorf("times %+v; want the first byte after the start", times)
	}
	if end := vm.Kill(); end.Reason != machine.Stopped {
		t.Errorf("ended: %s; want stopped", end)
	}
	if _, err := io.WriteString(vm.Console(), "anybody?"); err == nil {
		t.Error("typed into a machine that has ended")
	}
}

// ask gets an answer from the guest echo.
func ask(vm *VM) error {
	if _, err := io.WriteString(vm.Console(), "?"); err != nil {
		return err
	}
	for !bytes.Contains(vm.Console().Bytes(), []byte("?")) {
		select {
		case <-vm.Done():
			return errors.New(vm.Wait().String())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A console that can't be passed on any more is read all the same.
func TestConsoleWriterFails(t *testing.T) {
	opts := Options{Console: writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })}
	vm := start(t, testMachine(t, strings.Repeat("text\r\n", 500), powerOff), opts)
	if end := wait(t, vm); end.Reason != machine.PoweredOff {
		t.Errorf("ended: %s; want powered off", end)
	}
	if got, want := len(vm.Console().Bytes()), 3000; got != want {
		t.Errorf("%d bytes of console; want %d", got, want)
	}
}

func TestPauseAndResume(t *testing.T) {
	vm := start(t, testMachine(t, "", echo), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, step := range []struct {
		do   func(context.Context) error
		want string
	}{
		{vm.Pause, "paused"}, {vm.Resume, "running"}, {vm.PowerDown, "running"}, {vm.Pause, "paused"},
	} {
		if err := step.do(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := vm.Status(ctx); err != nil || got != step.want {
			t.Errorf("status %q, %v; want %s", got, err, step.want)
		}
	}
	if end := vm.Kill(); end.Reason != machine.Stopped {
		t.Errorf("ended: %s; want stopped", end)
	}
	if err := vm.Pause(ctx); err == nil {
		t.Error("paused a machine that has ended")
	}
}

// A guest that shows no sign of life is ended under an accelerator. The real
// ones aren't everywhere, so this one only doesn't bear TCG's plain name.
func TestWatchdog(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		sign       bool
		want       machine.Reason
	}{
		{"silent", "", false, machine.Hung},
		{"slow to end", "alive", false, machine.Stopped},
		{"on the network", "", true, machine.Stopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := new(Driver)
			m := testMachine(t, tt.text, halt)
			m.Accel = "tcg,thread=multi"
			program, err := d.program(m.Arch)
			if err != nil {
				t.Fatal(err)
			}
			vm, err := d.start(t.Context(), program, m, Options{Watchdog: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if tt.sign {
				vm.SignOfLife()
				vm.SignOfLife()
			}
			select {
			case <-vm.Done():
			case <-time.After(3 * time.Second):
			}
			if end := vm.Kill(); end.Reason != tt.want {
				t.Errorf("ended: %s; want %s", end, tt.want)
			}
		})
	}
}

// A guest that is known to be alive may say what it likes.
func TestConfirm(t *testing.T) {
	asked := make(chan struct{}, 10)
	vm := start(t, testMachine(t, "[   1.0] panic: look at me\r\n", echo), Options{Confirm: func(context.Context) bool {
		asked <- struct{}{}
		return false
	}})
	select {
	case <-asked:
	case <-vm.Done():
		t.Fatalf("ended: %s", vm.Wait())
	}
	if err := ask(vm); err != nil {
		t.Errorf("after the question: %v", err)
	}
	if end := vm.Kill(); end.Reason != machine.Stopped {
		t.Errorf("ended: %s; want stopped", end)
	}
}

// QEMU that is ended by somebody else has crashed, and the signal is named,
// whether or not QEMU ends cleanly by it.
func TestCrash(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			vm := start(t, testMachine(t, "line 1\r\nline 2\r\n", halt), Options{})
			for len(vm.Console().Lines(2)) < 2 {
				time.Sleep(10 * time.Millisecond)
			}
			if err := vm.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			end := wait(t, vm)
			if end.Reason != machine.Crashed || !strings.Contains(end.Detail, fmt.Sprintf("signal %d", int(sig))) {
				t.Errorf("ended: %s; want crashed by signal %d", end, int(sig))
			}
			if len(end.Console) == 0 || end.Console[0] != "line 1" {
				t.Errorf("console %q; want its last lines", end.Console)
			}
		})
	}
}

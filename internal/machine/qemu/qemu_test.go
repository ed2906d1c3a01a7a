package qemu

import (
	"context"
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
		{"a service's panic", "panic: runtime error\r\n\r\ngoroutine 1 [running]:\r\n", powerOff, machine.PoweredOff, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
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

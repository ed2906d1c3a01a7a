package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// A machine that can't be started says why in one line, and leaves nothing.
func TestStartErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, *machine.Machine)
		want   string
	}{
		{"kernel missing", func(_ *testing.T, m *machine.Machine) { m.Kernel += "-not" }, "no such file"},
		{"kernel is a folder", func(t *testing.T, m *machine.Machine) { m.Kernel = t.TempDir() }, "is not a file"},
		{"no kernel", func(_ *testing.T, m *machine.Machine) { m.Kernel = "" }, "no such file"},
		{"initrd missing", func(_ *testing.T, m *machine.Machine) { m.Initrd = "/nowhere" }, "/nowhere: no such file"},
		{"kernel is text", func(t *testing.T, m *machine.Machine) { writeKernel(t, m, "hello") }, "kernel"},
		{"drive missing", func(_ *testing.T, m *machine.Machine) {
			m.Drives = []machine.Drive{{ID: "root", Format: "raw", Path: "/nowhere"}}
		}, "open drive root: open /nowhere: no such file"},
		{"drive is a folder", func(t *testing.T, m *machine.Machine) {
			m.Drives = []machine.Drive{{ID: "root", Format: "raw", Path: t.TempDir(), ReadOnly: true}}
		}, "is a folder"},
		{"drive isn't qcow2", func(t *testing.T, m *machine.Machine) {
			m.Drives = []machine.Drive{{ID: "root", Format: "qcow2", Path: emptyDisk(t, 1<<20)}}
		}, "Image is not in qcow2 format"},
		{"accelerator of another system", func(_ *testing.T, m *machine.Machine) { m.Accel = "hvf" }, "hvf"},
		{"too many processors", func(_ *testing.T, m *machine.Machine) { m.CPUs = 10000 }, "10000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := testMachine(t, "", halt)
			tt.change(t, &m)
			before := openFiles(t)
			_, err := new(Driver).Start(t.Context(), m, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v; want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			sameFiles(t, before)
		})
	}
}

func writeKernel(t *testing.T, m *machine.Machine, text string) {
	t.Helper()
	if err := os.WriteFile(m.Kernel, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStartWithoutQEMU(t *testing.T) {
	m := testMachine(t, "", halt)
	d := Driver{Dir: t.TempDir()}
	_, err := d.Start(t.Context(), m, Options{})
	var missing *NotFoundError
	if !errors.As(err, &missing) || missing.Program != "qemu-system-i386" {
		t.Fatalf("error %v; want that qemu-system-i386 is not found", err)
	}
	if _, err := d.ProbeAccel(t.Context(), t.TempDir()); !errors.As(err, &missing) {
		t.Errorf("ProbeAccel: error %v; want that QEMU is not found", err)
	}
}

// What a QEMU that is too old says of the board is turned into what to do.
func TestStartOldQEMU(t *testing.T) {
	m := testMachine(t, "", halt)
	program, err := new(Driver).program(m.Arch)
	if err != nil {
		t.Fatal(err)
	}
	d := Driver{Dir: t.TempDir()}
	script := "#!/bin/sh\nexec " + program + " \"$@\" -M pc-i440fx-99.9\n"
	if err := os.WriteFile(filepath.Join(d.Dir, "qemu-system-i386"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = d.Start(t.Context(), m, Options{})
	if err == nil || !strings.Contains(err.Error(), "install QEMU 7.2 or newer") {
		t.Errorf("error %v; want that QEMU is too old", err)
	}
}

// The 64-bit QEMU stands in for the 32-bit one.
func TestStartI386UnderX8664(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(qemu64(t), filepath.Join(dir, "qemu-system-x86_64")); err != nil {
		t.Fatal(err)
	}
	vm, err := (&Driver{Dir: dir}).Start(t.Context(), testMachine(t, "up", powerOff), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if end := wait(t, vm); end.Reason != machine.PoweredOff {
		t.Errorf("ended: %s; want powered off", end)
	}
}

// Whenever ctx ends, Start returns its cause or a machine that runs, and
// nothing is left behind.
func TestStartCancelled(t *testing.T) {
	m := testMachine(t, "", halt)
	before := openFiles(t)
	why := errors.New("enough")
	for delay := time.Duration(0); delay < 100*time.Millisecond; delay += 7 * time.Millisecond {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(delay, func() { cancel(why) })
		vm, err := new(Driver).Start(ctx, m, Options{})
		switch {
		case err == nil:
			vm.Kill()
		case !errors.Is(err, why):
			t.Errorf("cancelled after %v: error %v; want %v", delay, err, why)
		}
		timer.Stop()
		cancel(nil)
	}
	sameFiles(t, before)
}

// Machines take nothing with them: no descriptor and no goroutine is left.
func TestNothingLeft(t *testing.T) {
	m := testMachine(t, "text", halt)
	m.Drives = []machine.Drive{{ID: "root", Format: "raw", Path: emptyDisk(t, 1<<20)}}
	wait(t, start(t, testMachine(t, "", powerOff), Options{})) // what the first use opens stays
	before, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 5 {
		start(t, m, Options{}).Kill()
	}
	sameFiles(t, before)
	for runtime.NumGoroutine() > goroutines {
		time.Sleep(10 * time.Millisecond) // until the test's time limit: they are told to end
	}
}

// openFiles returns what the process's descriptors lead to.
func openFiles(t *testing.T) map[string]string {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]string{}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil { // the folder's own one is gone
			open[fd] = to
		}
	}
	return open
}

func sameFiles(t *testing.T, before map[string]string) {
	t.Helper()
	for fd, to := range openFiles(t) {
		if before[fd] == "" && !strings.HasPrefix(to, "anon_inode:") {
			t.Errorf("%s is left open: %s", fd, to)
		}
	}
}

// Package qemu runs machines under QEMU's system emulators (7.2 or newer).
//
// QEMU gets all it needs as inherited file descriptors: the QMP connection,
// the serial port, network, disks and memory. Nothing is left on disk when it
// ends, it runs sandboxed where the host can do that, and on Linux it dies
// with its owner. The devices, their addresses and the CPU model are the same
// from the first boot on, so that snapshots fit. See qemu(1), "Device URL
// Syntax" and docs/interop/qmp-spec.txt.
package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// A Driver starts machines. The zero value uses the QEMU in PATH and logs
// nothing.
type Driver struct {
	Dir    string       // folder of the qemu-system-* programs; PATH when empty
	Logger *slog.Logger // what QEMU warns of; nil: nobody is told
}

// Options is what the devices of a machine are connected to, and how it is
// watched. The files stay the caller's, who may close them once Start has
// returned.
type Options struct {
	// NICs holds, for each NIC's ID, one end of a socket pair on which each
	// Ethernet frame follows its length as 32 bits, big-endian. A NIC
	// without one is not connected.
	NICs map[string]*os.File
	// Drives holds, by drive ID, files that are open already. Others are
	// opened by their paths.
	Drives map[string]DriveFiles
	// Console receives what the guest writes on its serial port, from one
	// goroutine. When 1 MiB waits for a slow Write, the guest is held up. After
	// an error it gets nothing more. A Write that lasts longer than a second
	// after QEMU's end is left behind: the machine ends without it, and
	// whatever it had not got yet is dropped.
	Console io.Writer
	// Watchdog ends a machine as Hung that has shown no sign of life for so
	// long after it began to run, if it runs under an accelerator: nothing on
	// its console, and no call of VM.SignOfLife. 0: no limit.
	Watchdog time.Duration
	// Confirm is asked before a machine is ended because of what its console
	// says: that it has halted, panicked, or waits at a prompt of its kernel.
	// False means that the guest is alive; the machine goes on, and what its
	// console said is forgotten. ctx ends with the machine, or after 5 s, and
	// Confirm must return then. nil: nobody is asked.
	Confirm func(ctx context.Context) bool
}

// DriveFiles are a drive's files. The layer, or a raw drive's only file, must
// be open for reading and writing unless the drive is read-only.
type DriveFiles struct {
	Layer   *os.File
	Backing *os.File // what a qcow2 layer stands on
}

// Start starts QEMU and returns when the guest's processor begins to run. When
// ctx ends before, nothing is left behind; afterwards it has no effect on the
// machine. The caller must see to it that the VM ends, and may Wait for that.
func (d *Driver) Start(ctx context.Context, m machine.Machine, opts Options) (*VM, error) {
	if err := check(m); err != nil {
		return nil, fmt.Errorf("start machine %s: %w", m.Name, err)
	}
	program, err := d.program(m.Arch)
	if err != nil {
		return nil, fmt.Errorf("start machine %s: %w", m.Name, err)
	}
	vm, err := d.start(ctx, program, m, opts)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	return vm, nil
}

func (d *Driver) start(ctx context.Context, program string, m machine.Machine, opts Options) (*VM, error) {
	w, err := wire(m, opts)
	if err != nil {
		return nil, err
	}
	defer w.closeGuestEnds()
	cmd := exec.Command(program, args(m, w.fds)...)
	cmd.Dir = filepath.Dir(m.Kernel)
	cmd.ExtraFiles = w.files
	cmd.Env = environment(os.Environ())
	cmd.SysProcAttr = attributes()
	vm := newVM(m, opts, cmd, w, d.logger())
	if err := vm.spawn(); err != nil {
		return nil, errors.Join(err, w.closeHostEnds())
	}
	w.closeGuestEnds()
	if err := vm.greet(ctx); err != nil {
		return nil, vm.abort(ctx, err)
	}
	return vm, nil
}

func (d *Driver) logger() *slog.Logger {
	if d.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Logger
}

// program finds QEMU for a guest's processor. The 64-bit one runs i386
// kernels as well.
func (d *Driver) program(arch string) (string, error) {
	names := []string{"qemu-system-x86_64"}
	if arch == "i386" {
		names = []string{"qemu-system-i386", "qemu-system-x86_64"}
	}
	for _, name := range names {
		if p, err := exec.LookPath(filepath.Join(d.Dir, name)); err == nil {
			p, err := filepath.Abs(p)
			return behindWrapper(p), err
		}
	}
	return "", &NotFoundError{Program: names[0]}
}

// behindWrapper returns the program that program starts, if it is Debian's
// script, which looks for options of Xen and then starts
// ../libexec/<its name>; else program itself. That saves a shell at each
// start, and the real program's size and time are what tells one QEMU from
// another.
func behindWrapper(program string) string {
	const longest = 4096 // the script has 700 bytes
	real := filepath.Join(filepath.Dir(program), "..", "libexec", filepath.Base(program))
	fi, err := os.Stat(program)
	if err != nil || fi.Size() > longest {
		return program
	}
	script, err := os.ReadFile(program)
	if err != nil || !bytes.HasPrefix(script, []byte("#!")) || !bytes.Contains(script, []byte("\nexe="+real+"\n")) {
		return program
	}
	if _, err := exec.LookPath(real); err != nil {
		return program
	}
	return real
}

// A NotFoundError says that QEMU is not there.
type NotFoundError struct {
	Program string
}

// Error names the program and how to install it.
func (e *NotFoundError) Error() string {
	how := "install QEMU 7.2 or newer"
	if runtime.GOOS == "linux" {
		how = "install it (Debian, Ubuntu: apt install qemu-system-x86)"
	}
	return fmt.Sprintf("%s not found: %s", e.Program, how)
}

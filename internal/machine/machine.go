// Package machine describes a virtual machine as a plain value, which a
// driver (machine/qemu is the first) turns into a running one.
package machine

import "fmt"

// A Machine is all that decides what the guest sees. It holds no open file:
// what a device is connected to is given to the driver when it is started.
type Machine struct {
	Name   string  `json:"name"`
	OS     string  `json:"os,omitempty"`     // "netbsd" or "linux": what its console says, and how long Append may be
	Arch   string  `json:"arch"`             // "i386" or "amd64": which processor the kernel is for
	Type   string  `json:"type"`             // TypePC or TypeMicroVM
	Memory int64   `json:"memory"`           // bytes
	CPUs   int     `json:"cpus"`             // 1 or more
	Kernel string  `json:"kernel"`           // path of the kernel file
	Initrd string  `json:"initrd,omitempty"` // path of an initramfs, or ""
	Append string  `json:"append,omitempty"` // kernel command line
	Drives []Drive `json:"drives,omitempty"` // virtio disks, in the order the guest numbers them
	NICs   []NIC   `json:"nics,omitempty"`   // virtio network interfaces
	RNG    bool    `json:"rng,omitempty"`    // a virtio entropy device
	NoACPI bool    `json:"noACPI,omitempty"` // hardware isn't described by ACPI tables: what smolBSD's kernels are made for
	Accel  string  `json:"accel"`            // "tcg", "kvm", "hvf" or "nvmm"
}

// The guest systems whose consoles are understood.
const (
	NetBSD = "netbsd"
	Linux  = "linux"
)

// The machine types that a guest is booted on.
const (
	TypePC      = "pc"      // i440FX, virtio over PCI
	TypeMicroVM = "microvm" // virtio over MMIO, no PCI
)

// A Drive is one virtio disk.
type Drive struct {
	ID       string `json:"id"`                 // letters, digits, '-': "root", "config"
	Path     string `json:"path"`               // host file
	Format   string `json:"format"`             // "raw", or "qcow2" over the raw file Backing
	Backing  string `json:"backing,omitempty"`  // host file, never written
	ReadOnly bool   `json:"readonly,omitempty"` // the guest can't write it
	Volatile bool   `json:"volatile,omitempty"` // goes with the VM: the guest's flushes needn't reach the host's disk
}

// A NIC is one virtio network interface.
type NIC struct {
	ID  string `json:"id"`  // "net0"
	MAC string `json:"mac"` // "52:54:00:12:34:56"
}

// An End is how a machine ended, or where it stopped.
type End struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail,omitempty"` // the panic's text, the signal, QEMU's message
	// Console is the last lines of the console, oldest first, when they help.
	Console []string `json:"console,omitempty"`
}

// Reason is a short word for how a machine ended.
type Reason string

// The reasons of an End.
const (
	PoweredOff Reason = "powered off"     // the guest asked for power off
	Rebooted   Reason = "rebooted"        // the guest asked for a reset, which ends it
	Halted     Reason = "halted"          // the guest stopped its CPUs; the VM was still there
	Panicked   Reason = "panicked"        // the kernel panicked
	InDebugger Reason = "in the debugger" // the kernel waits at its debugger's prompt
	NoRoot     Reason = "no root device"  // the kernel asks for its root device
	NoInit     Reason = "no init"         // the kernel could not run init
	Hung       Reason = "hung"            // no sign of life within the watchdog's limit
	Stopped    Reason = "stopped"         // we ended it
	Crashed    Reason = "the VMM ended"   // the VMM died of a signal or an error of its own
)

// Clean reports whether the guest itself ended the machine, as it should.
func (e End) Clean() bool {
	return e.Reason == PoweredOff || e.Reason == Rebooted || e.Reason == Halted
}

// String says how the machine ended, in one line.
func (e End) String() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.Reason, e.Detail)
}

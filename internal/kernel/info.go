package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotKernel is wrapped by the errors for files that are no kernel at all.
var ErrNotKernel = errors.New("not a kernel")

// The machine types that Info.Machines names, as package machine has them.
const (
	machinePC      = "pc"
	machineMicroVM = "microvm"
)

// The boot protocols of Info.Boot.
const (
	BootMultiboot = "multiboot" // Multiboot 1 header of a 32-bit ELF
	BootPVH       = "pvh"       // XEN_ELFNOTE_PHYS32_ENTRY in a PT_NOTE segment
	BootXenPVH    = "xen-pvh"   // the same, but the entry point only knows Xen
	BootLinux     = "linux"     // the Linux boot protocol of a bzImage
)

// Drivers in Info.Drivers that decide what a machine is made of. They are in
// the notation of a NetBSD kernel configuration (config(5)).
const (
	VirtioPCI     = "virtio at pci"
	VirtioACPI    = "virtio at acpi" // virtio-mmio, places from ACPI
	VirtioMMIO    = "virtio at pv"   // virtio-mmio, places from virtio_mmio.device= words
	VirtioDisk    = "ld at virtio"
	VirtioNIC     = "vioif at virtio"
	VirtioRNG     = "viornd at virtio"
	VirtioConsole = "viocon at virtio"
	Virtio9P      = "vio9p at virtio"
	ComISA        = "com at isa"
	ComACPI       = "com at acpi"
	FwCfg         = "qemufwcfg at acpi"
	PowerButton   = "acpibut at acpi"
	ACPI          = "acpi at mainbus"
	IOAPIC        = "ioapic at mainbus"
	MPBIOS        = "mpbios"                   // options MPBIOS: finds CPUs and interrupts without ACPI
	MPTableCompat = "mptable_linux_bug_compat" // the option of that name: MPBIOS looks where microvm has its table
)

// Info is what is known about a kernel from its file alone.
type Info struct {
	Format      string `json:"format"`                // "elf32", "elf64" or "bzimage"
	Compression string `json:"compression,omitempty"` // around the ELF file, or of a bzImage's payload
	OS          string `json:"os"`                    // "netbsd", "linux", or "" when it is neither
	Arch        string `json:"arch"`                  // "i386" or "amd64"
	Version     string `json:"version,omitempty"`     // "10.1", "6.1.0-56-cloud-amd64"
	Config      string `json:"config,omitempty"`      // NetBSD: the configuration's name, "GENERIC"
	Size        int64  `json:"size"`                  // bytes of the file

	Boot        []string `json:"boot"`                  // the ways a VMM can enter it
	DriversFrom string   `json:"driversFrom,omitempty"` // "config" or "symbols"; "": drivers and file systems are unknown
	Drivers     []string `json:"drivers,omitempty"`     // those that matter in a microVM, sorted
	Filesystems []string `json:"filesystems,omitempty"` // by mount type, sorted: "ffs", "tmpfs"
	Consoles    []string `json:"consoles,omitempty"`    // "com", "viocon", "pc"
	Console     string   `json:"console,omitempty"`     // the one used without a console= word
	ACPI        bool     `json:"acpi"`
	Modules     bool     `json:"modules,omitempty"` // its virtio drivers are (or may be) loadable modules

	Machines []string `json:"machines"`           // machine types it can boot on: "pc", "microvm"
	Problems []string `json:"problems,omitempty"` // why it can't boot, and what it lacks
}

// String names the kernel in a line: "NetBSD/i386 10.1 (GENERIC)".
func (i Info) String() string {
	if i.Config == "" {
		return i.label()
	}
	return fmt.Sprintf("%s (%s)", i.label(), i.Config)
}

// Has reports whether the driver (VirtioPCI and its like) is known to be
// compiled in. Where DriversFrom is "", it is false for all.
func (i Info) Has(driver string) bool { return slices.Contains(i.Drivers, driver) }

// CanBoot tells why the kernel can't boot on a machine type ("pc" or
// "microvm"), in one line with the remedy, or returns nil.
func (i Info) CanBoot(machineType string) error {
	if slices.Contains(i.Machines, machineType) {
		return nil
	}
	for _, p := range i.findings() {
		if p.fatal && (p.machine == "" || p.machine == machineType) {
			return p.err(i)
		}
	}
	return fmt.Errorf("%s can't boot on a %s machine: it boots on %s",
		i.label(), machineType, strings.Join(i.Machines, ", "))
}

func (i Info) label() string {
	os := map[string]string{"netbsd": "NetBSD", "linux": "Linux"}[i.OS]
	if os == "" {
		os = "unknown system"
	}
	return strings.TrimSpace(os + "/" + i.Arch + " " + i.Version)
}

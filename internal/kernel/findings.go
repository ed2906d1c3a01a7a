package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// A finding is one thing that a kernel lacks.
type finding struct {
	machine string // only on this machine type; "": on all
	fatal   bool   // it does not boot for that
	text    string // "no virtio disk driver: …"
	remedy  string
}

func (f finding) err(i Info) error {
	sep := ": "
	if strings.HasPrefix(f.text, "without ") {
		sep = " "
	}
	if f.remedy == "" {
		return fmt.Errorf("%s%s%s", i.label(), sep, f.text)
	}
	return fmt.Errorf("%s%s%s (%s)", i.label(), sep, f.text, f.remedy)
}

// conclude fills Machines and Problems from the rest. What is missing for one
// machine type only is no problem while there is another to boot on.
func (i *Info) conclude() {
	fs := i.findings()
	i.Machines = []string{}
	for _, m := range []string{machinePC, machineMicroVM} {
		if !slices.ContainsFunc(fs, func(f finding) bool {
			return f.fatal && (f.machine == "" || f.machine == m)
		}) {
			i.Machines = append(i.Machines, m)
		}
	}
	i.Problems = nil
	nowhere := len(i.Machines) == 0 && !slices.ContainsFunc(fs, func(f finding) bool { return f.fatal && f.machine == "" })
	for _, f := range fs {
		if f.machine == "" || nowhere {
			i.Problems = append(i.Problems, f.text)
		}
	}
}

func (i Info) findings() []finding {
	if i.OS == "" {
		return []finding{{
			fatal: true, text: "neither NetBSD nor Linux by its version string",
			remedy: "only these two are supported",
		}}
	}
	fs := i.protocolFindings()
	if i.DriversFrom != "" {
		fs = append(fs, i.busFindings()...)
		fs = append(fs, i.processorFindings()...)
		fs = append(fs, i.deviceFindings()...)
	}
	return fs
}

// protocolFindings tells why QEMU can't enter the kernel. The order of
// QEMU's own attempts is: Linux header, Multiboot, PVH note
// (hw/i386/x86.c, x86_load_linux).
func (i Info) protocolFindings() []finding {
	for _, b := range []string{BootLinux, BootMultiboot, BootPVH} {
		if slices.Contains(i.Boot, b) {
			return nil
		}
	}
	f := finding{fatal: true}
	switch {
	case i.OS == "linux":
		f.text = "without PVH: QEMU can't start it directly"
		f.remedy = "import its bzImage, or build it with CONFIG_PVH=y"
	case i.Arch == "i386":
		f.text = "without MULTIBOOT: QEMU can't start it directly"
		f.remedy = `add "options MULTIBOOT", or: fakecracker kernel fetch netbsd-10.1-i386`
	case slices.Contains(i.Boot, BootXenPVH):
		f.text = "without PVH for QEMU: its PVH entry is for Xen only"
		f.remedy = "NetBSD 11 and later have it: fakecracker kernel fetch netbsd-11.0-amd64"
	default:
		f.text = "without PVH: QEMU can't start it directly"
		f.remedy = `add "options XENPVHVM", or: fakecracker kernel fetch netbsd-11.0-amd64`
	}
	return []finding{f}
}

// busFindings tells on which machine types no virtio device is found.
func (i Info) busFindings() []finding {
	pci, mmio := i.Has(VirtioPCI), i.Has(VirtioMMIO) || i.Has(VirtioACPI)
	if !pci && !mmio {
		return []finding{{
			fatal: true, text: fmt.Sprintf("no virtio bus driver: %q is not in it", VirtioPCI),
			remedy: fmt.Sprintf("add %q to its configuration", "virtio* at pci? dev ? function ?"),
		}}
	}
	if !pci {
		f := finding{
			machine: machinePC, fatal: true, text: fmt.Sprintf("no virtio over PCI: %q is not in it", VirtioPCI),
			remedy: "it boots on microvm",
		}
		if i.missesMPTable() {
			f.remedy = fmt.Sprintf("add %q to its configuration", "virtio* at pci? dev ? function ?")
		}
		return []finding{f}
	}
	if !mmio {
		return []finding{{
			machine: machineMicroVM, fatal: true,
			text:   fmt.Sprintf("no virtio over MMIO: neither %q nor %q is in it", VirtioMMIO, VirtioACPI),
			remedy: "it boots on pc",
		}}
	}
	return nil
}

// processorFindings tells where a kernel finds neither processors nor
// interrupts, and hangs.
func (i Info) processorFindings() []finding {
	if !i.missesMPTable() {
		return nil
	}
	f := finding{
		machine: machineMicroVM, fatal: true,
		text:   fmt.Sprintf("does not find the processors: neither %q nor options MPTABLE_LINUX_BUG_COMPAT is in it", ACPI),
		remedy: `add "acpi0 at mainbus0" to its configuration`,
	}
	if i.Has(VirtioPCI) {
		f.remedy = "it boots on pc"
	}
	return []finding{f}
}

// missesMPTable reports whether the kernel overlooks the tables of microvm. Of
// the MP table, which QEMU puts at 0x9fc00 without saying so in the BIOS data
// area, only NetBSD 11's option knows; pc has SeaBIOS put one where all look.
// Symbols don't show the option.
func (i Info) missesMPTable() bool {
	return i.OS == "netbsd" && i.Arch == "amd64" && i.DriversFrom == "config" &&
		!i.Has(ACPI) && !i.Has(MPTableCompat)
}

// deviceFindings names the drivers a service needs that are missing.
func (i Info) deviceFindings() []finding {
	var fs []finding
	if !i.Has(VirtioDisk) {
		fs = append(fs, finding{
			fatal:  true,
			text:   fmt.Sprintf("no virtio disk driver: %q is not in it", VirtioDisk),
			remedy: `add "ld* at virtio?" to its configuration`,
		})
	}
	if !slices.Contains(i.Filesystems, "ffs") {
		fs = append(fs, finding{
			fatal:  true,
			text:   "no file system for the root disk: FFS is not in it",
			remedy: `add "file-system FFS" to its configuration`,
		})
	}
	if !i.Has(VirtioNIC) {
		fs = append(fs, finding{text: fmt.Sprintf("no virtio network driver: %q is not in it", VirtioNIC)})
	}
	if !slices.Contains(i.Consoles, "com") && !slices.Contains(i.Consoles, "viocon") {
		fs = append(fs, finding{text: fmt.Sprintf("no console that QEMU can show: %q is not in it", ComISA)})
	}
	return fs
}

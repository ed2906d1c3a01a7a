package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// netbsdTag is ELF_NOTE_TYPE_NETBSD_TAG of sys/exec_elf.h: the description is
// __NetBSD_Version__ of sys/param.h, MMmmrrpp00.
const netbsdTag = 1

// drivers are those that Info reports, by the symbol of their struct cfattach
// (CFATTACH_DECL_NEW makes name_ca of name), which is in a kernel exactly
// when the driver is.
var drivers = map[string]string{
	"virtio_pci_ca":     VirtioPCI,
	"virtio_ca":         VirtioPCI, // until NetBSD 9, when PCI was its only bus
	"virtio_acpi_ca":    VirtioACPI,
	"mmio_cmdline_ca":   VirtioMMIO,
	"ld_virtio_ca":      VirtioDisk,
	"vioif_ca":          VirtioNIC,
	"viornd_ca":         VirtioRNG,
	"viocon_ca":         VirtioConsole,
	"vio9p_ca":          Virtio9P,
	"viomb_ca":          "viomb at virtio",
	"vioscsi_ca":        "vioscsi at virtio",
	"com_isa_ca":        ComISA,
	"com_acpi_ca":       ComACPI,
	"qemufwcfg_acpi_ca": FwCfg,
	"acpi_ca":           ACPI,
	"acpibut_ca":        PowerButton,
	"acpivmgenid_ca":    "acpivmgenid at acpi",
	"ioapic_ca":         IOAPIC,
	"pci_ca":            "pci at mainbus",
	"pv_ca":             "pv at pvbus",
	"isa_ca":            "isa at mainbus",
	"mpbios_scan":       MPBIOS,
}

// maxFacts bounds the drivers and file systems found by symbols, of which a
// table may name each millions of times. GENERIC has 60.
const maxFacts = 4096

// symbolFacts is what the symbol table says.
type symbolFacts struct {
	found       bool // there is a symbol table
	drivers     []string
	filesystems []string
	special     map[string]uint64 // other symbols of interest, with their values
}

// special symbols: entry points of x86 locore.S, the console of
// x86/consinit.c, viocon's early attachment, wscons.
var specialSymbols = map[string]bool{
	"start_xenpvh": true, "start_pvh": true, "start_genpvh": true,
	"default_consinfo": true, "viocon_earlyinit": true, "wsdisplay_cd": true,
}

func (f *elfFile) symbolFacts() (symbolFacts, error) {
	s := symbolFacts{special: map[string]uint64{}}
	var err error
	s.found, err = f.symbols(func(name []byte, value uint64) bool {
		// No string is made of a name that says nothing: there are thousands.
		if len(s.drivers)+len(s.filesystems) >= maxFacts {
			return false
		}
		if d, ok := drivers[string(name)]; ok {
			s.drivers = append(s.drivers, d)
		} else if specialSymbols[string(name)] {
			s.special[string(name)] = value
		} else if fs, ok := bytes.CutSuffix(name, []byte("_vfsops")); ok && string(fs) != "dead" {
			s.filesystems = append(s.filesystems, string(fs))
		}
		return true
	})
	return s, err
}

// inspectNetBSD fills in what is peculiar to NetBSD.
func (i *Info) inspectNetBSD(f *elfFile, b banners) error {
	i.OS, i.Config = "netbsd", b.netbsdConfig
	if b.netbsd != "" {
		i.Version = b.netbsd
	}
	syms, err := f.symbolFacts()
	if err != nil {
		return err
	}
	if syms.found {
		i.DriversFrom = "symbols"
		i.Drivers, i.Filesystems = syms.drivers, syms.filesystems
		i.symbolConsoles(f, syms)
	}
	if b.config != 0 {
		c, err := f.embeddedConfig(b.config)
		if err != nil {
			return err
		}
		i.fromConfig(c)
	}
	i.Drivers, i.Filesystems = sorted(i.Drivers), sorted(i.Filesystems)
	i.ACPI = i.Has(ACPI)
	if i.Has(ComISA) || i.Has(ComACPI) {
		i.Consoles = append(i.Consoles, "com")
	}
	i.Consoles = sorted(i.Consoles)
	i.xenOnly(syms)
	return nil
}

// fromConfig prefers the embedded configuration to the symbols.
func (i *Info) fromConfig(c configFacts) {
	i.DriversFrom = "config"
	i.Drivers, i.Filesystems = nil, c.filesystems
	known := slices.Collect(maps.Values(drivers))
	for _, a := range c.attachments {
		switch {
		case slices.Contains(known, a):
			i.Drivers = append(i.Drivers, a)
		case strings.HasPrefix(a, "wsdisplay at "):
			i.Consoles = append(i.Consoles, "pc")
		}
	}
	if _, ok := c.options["MPBIOS"]; ok {
		i.Drivers = append(i.Drivers, MPBIOS)
	}
	if _, ok := c.options["MPTABLE_LINUX_BUG_COMPAT"]; ok {
		i.Drivers = append(i.Drivers, MPTableCompat)
	}
	if i.Console == "" {
		i.Console = c.options["CONSDEVNAME"]
	}
}

// symbolConsoles tells which consoles there are, and which one is the
// default: struct btinfo_console {len, type int32; devname[16]; …} of
// x86/include/bootinfo.h.
func (i *Info) symbolConsoles(f *elfFile, s symbolFacts) {
	if _, ok := s.special["viocon_earlyinit"]; ok {
		i.Consoles = append(i.Consoles, "viocon")
	}
	if _, ok := s.special["wsdisplay_cd"]; ok {
		i.Consoles = append(i.Consoles, "pc")
	}
	addr, ok := s.special["default_consinfo"]
	if !ok {
		return
	}
	name := make([]byte, 16)
	if off, ok := f.offset(addr); ok && readAt(f.r, name, off+8, f.size) == nil {
		i.Console = cString(name, 0)
	}
}

// xenOnly takes PVH from a kernel whose only PVH entry is Xen's: NetBSD 10
// and before go on with hypercalls there. Without symbols the version
// decides: the entry for any VMM came with 10.99.12.
func (i *Info) xenOnly(s symbolFacts) {
	n := slices.Index(i.Boot, BootPVH)
	if n < 0 {
		return
	}
	_, xen := s.special["start_xenpvh"]
	_, pvh := s.special["start_pvh"]
	_, gen := s.special["start_genpvh"]
	if s.found && (pvh || gen || !xen) {
		return
	}
	if s.found || versionBefore(i.Version, 10, 99, 12) {
		i.Boot[n] = BootXenPVH
	}
}

// netbsdVersion formats __NetBSD_Version__ of a note, as uname(1) would
// without its suffixes.
func netbsdVersion(desc []byte) string {
	if len(desc) < 4 {
		return ""
	}
	v := binary.LittleEndian.Uint32(desc)
	major, minor, patch := v/1e8, v/1e6%100, v/100%10000
	switch {
	case minor == 99:
		return fmt.Sprintf("%d.99.%d", major, patch)
	case patch > 0:
		return fmt.Sprintf("%d.%d.%d", major, minor, patch)
	}
	return fmt.Sprintf("%d.%d", major, minor)
}

// versionBefore compares a version such as "10.99.12" or "10.1_STABLE".
func versionBefore(v string, than ...int) bool {
	for n, w := range strings.SplitN(v, ".", len(than)) {
		var have int
		// A word without a number counts as 0: the version is older.
		_, _ = fmt.Sscanf(w, "%d", &have)
		if have != than[n] {
			return have < than[n]
		}
	}
	return strings.Count(v, ".")+1 < len(than)
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

const (
	multibootMagic  = 0x1badb002
	multibootSearch = 8192    // bytes; the header is 32-bit aligned in the first 8 KiB
	multibootAOut   = 1 << 16 // the header holds load addresses of its own

	xenPhys32Entry = 18 // XEN_ELFNOTE_PHYS32_ENTRY

	maxNotes = 1 << 20 // bytes of one PT_NOTE segment
)

// bootProtocols tells how a VMM can enter the kernel.
func (f *elfFile) bootProtocols() ([]string, error) {
	boot := []string{}
	mb, err := f.multiboot()
	if err != nil {
		return nil, err
	}
	if mb {
		boot = append(boot, BootMultiboot)
	}
	err = f.notes(func(n note) {
		if n.owner == "Xen" && n.typ == xenPhys32Entry && !slices.Contains(boot, BootPVH) {
			boot = append(boot, BootPVH)
		}
	})
	return boot, err
}

// multiboot looks for a Multiboot 1 header: magic, flags and checksum add up
// to 0. QEMU refuses a 64-bit ELF file with it unless the header brings its
// own addresses (hw/i386/multiboot.c).
func (f *elfFile) multiboot() (bool, error) {
	b := make([]byte, min(multibootSearch, f.size))
	if err := readAt(f.r, b, 0, f.size); err != nil {
		return false, err
	}
	le := binary.LittleEndian
	for ; len(b) >= 12; b = b[4:] {
		flags := le.Uint32(b[4:])
		if le.Uint32(b) == multibootMagic && multibootMagic+flags+le.Uint32(b[8:]) == 0 {
			return f.class == elf.ELFCLASS32 || flags&multibootAOut != 0, nil
		}
	}
	return false, nil
}

// A note is a record of an ELF note segment or section.
type note struct {
	owner string
	typ   uint32
	desc  []byte
}

// notes calls fn with the notes in PT_NOTE segments, which are those that
// QEMU sees, and with those of NetBSD's own section, which some kernels have
// in no segment.
func (f *elfFile) notes(fn func(note)) error {
	for _, s := range f.segments {
		if s.typ != elf.PT_NOTE || s.size > maxNotes {
			continue
		}
		b := make([]byte, s.size)
		if err := readAt(f.r, b, int64(s.off), f.size); err != nil {
			return err
		}
		parseNotes(b, fn)
	}
	s, ok := f.section(".note.netbsd.ident")
	if !ok {
		return nil
	}
	b, err := f.read(s, maxNotes)
	if err == nil {
		parseNotes(b, fn)
	}
	return err
}

// parseNotes reads {namesz, descsz, type uint32; name, desc padded to 4}
// records until they make no sense.
func parseNotes(b []byte, fn func(note)) {
	le := binary.LittleEndian
	pad := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(b) >= 12 {
		name, desc, typ := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
		b = b[12:]
		if pad(name)+uint64(desc) > uint64(len(b)) {
			return
		}
		owner := string(bytes.TrimRight(b[:name], "\x00"))
		fn(note{owner, typ, b[pad(name) : pad(name)+uint64(desc)]})
		b = b[min(pad(name)+pad(desc), uint64(len(b))):]
	}
}

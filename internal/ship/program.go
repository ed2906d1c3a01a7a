package ship

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
)

// maxNotes bounds what is read of a program's notes, in bytes.
const maxNotes = 64 << 10

// guestOf tells from a program's ELF header and notes which guest it runs in.
func guestOf(path string) (image.Guest, error) {
	f, err := elf.Open(path)
	if err != nil {
		return image.Guest{}, fmt.Errorf("read program %s: %w", path, err)
	}
	defer f.Close()
	g, err := guestOfELF(f)
	if err != nil {
		return g, fmt.Errorf("program %s: %w", path, err)
	}
	return g, nil
}

func guestOfELF(f *elf.File) (image.Guest, error) {
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return image.Guest{}, fmt.Errorf("an ELF file of type %s, not an executable", f.Type)
	}
	arch, ok := map[elf.Machine]string{elf.EM_386: "i386", elf.EM_X86_64: "amd64"}[f.Machine]
	if !ok {
		return image.Guest{}, fmt.Errorf("made for %s: guests are i386 and amd64", f.Machine)
	}
	os := systemOf(f)
	if os != "netbsd" && os != "linux" {
		return image.Guest{}, fmt.Errorf("made for %s: guests are NetBSD and Linux", os)
	}
	return image.Guest{OS: os, Arch: arch}, nil
}

// systemOf goes by the note that each BSD puts into its programs (NetBSD's:
// sys/sys/exec_elf.h, ELF_NOTE_NETBSD_NAME), then by e_ident. What has
// neither is Linux's, which asks for no mark.
func systemOf(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(p.Open(), maxNotes))
		if err != nil {
			continue
		}
		if os := systemOfNotes(b, f.ByteOrder); os != "" {
			return os
		}
	}
	switch f.OSABI {
	case elf.ELFOSABI_NONE, elf.ELFOSABI_LINUX:
		return "linux"
	case elf.ELFOSABI_NETBSD:
		return "netbsd"
	}
	return strings.ToLower(strings.TrimPrefix(f.OSABI.String(), "ELFOSABI_"))
}

// systemOfNotes looks for a note whose owner is a BSD: each is three 32-bit
// numbers (lengths of the name and of the description, type), the name and
// the description, both padded to 4 bytes.
func systemOfNotes(b []byte, order binary.ByteOrder) string {
	for len(b) >= 12 {
		name, desc := uint64(order.Uint32(b)), uint64(order.Uint32(b[4:]))
		descAt := 12 + (name+3)&^3
		next := descAt + (desc+3)&^3
		if 12+name > uint64(len(b)) {
			return ""
		}
		switch owner := strings.TrimRight(string(b[12:12+name]), "\x00"); owner {
		case "NetBSD", "FreeBSD", "OpenBSD", "DragonFly":
			return strings.ToLower(owner)
		}
		if next > uint64(len(b)) {
			return ""
		}
		b = b[next:]
	}
	return ""
}

// agree checks that a guest is the one that is asked for, as far as it is.
func agree(have, want image.Guest) error {
	if want.OS != "" && want.OS != have.OS || want.Arch != "" && want.Arch != have.Arch {
		if want.OS == "" {
			want.OS = have.OS
		}
		if want.Arch == "" {
			want.Arch = have.Arch
		}
		return fmt.Errorf("it is for %s, the guest is %s", have, want)
	}
	return nil
}

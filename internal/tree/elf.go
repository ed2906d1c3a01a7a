package tree

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotELF is returned for bytes that don't begin as an ELF file does.
var ErrNotELF = errors.New("not an ELF file")

const (
	maxInterp = 4096    // bytes of an interpreter's path
	maxNote   = 1 << 16 // bytes of one note segment
	maxNeeded = 1024    // libraries that one file needs
)

// ELF is what an ELF file says about where it runs and what it needs
// (System V ABI, chapters 4 and 5).
type ELF struct {
	OS      string   // "netbsd", "linux", or another system's name
	Arch    string   // "i386", "amd64", or Go's name of another's elf.Machine
	Program bool     // has an entry point that a kernel would start
	Interp  string   // PT_INTERP: the program that loads it; empty when static
	Needed  []string // DT_NEEDED: libraries by name or path
	RPath   []string // DT_RPATH, unless there is a RunPath
	RunPath []string // DT_RUNPATH
}

// ReadELF reads the headers and the dynamic section of an ELF file. It
// returns ErrNotELF for other files.
func ReadELF(r io.ReaderAt) (ELF, error) {
	var head [64]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return ELF{}, err
	}
	if n < 52 || string(head[:4]) != elf.ELFMAG {
		return ELF{}, ErrNotELF
	}
	if err := checkHeaders(r, head); err != nil {
		return ELF{}, fmt.Errorf("read ELF headers: %w", err)
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return ELF{}, fmt.Errorf("read ELF headers: %w", err)
	}
	e := ELF{Arch: archOf(f), Program: f.Type == elf.ET_EXEC || (f.Type == elf.ET_DYN && f.Entry != 0)}
	if err := e.readSegments(f); err != nil {
		return ELF{}, err
	}
	return e, e.readDynamic(f)
}

func archOf(f *elf.File) string {
	switch {
	case f.Machine == elf.EM_386:
		return "i386"
	case f.Machine == elf.EM_X86_64 && f.Class == elf.ELFCLASS64:
		return "amd64"
	}
	return strings.ToLower(strings.TrimPrefix(f.Machine.String(), "EM_"))
}

// readSegments finds the interpreter and the system.
func (e *ELF) readSegments(f *elf.File) error {
	e.OS = systems[f.OSABI]
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_INTERP:
			b, err := readSegment(p, maxInterp)
			if err != nil {
				return fmt.Errorf("read ELF interpreter: %w", err)
			}
			e.Interp = string(bytes.TrimRight(b, "\x00"))
		case p.Type == elf.PT_NOTE && e.OS == "":
			b, err := readSegment(p, maxNote)
			if err != nil {
				return fmt.Errorf("read ELF note: %w", err)
			}
			e.OS = systemOfNotes(b, f.ByteOrder)
		}
	}
	if e.OS == "" {
		e.OS = "linux" // the one system whose programs need no mark
	}
	return nil
}

// systems holds the values of EI_OSABI that tell systems apart. 0 (System V)
// doesn't: NetBSD and Linux use it both.
var systems = map[elf.OSABI]string{
	elf.ELFOSABI_NETBSD:  "netbsd",
	elf.ELFOSABI_LINUX:   "linux",
	elf.ELFOSABI_FREEBSD: "freebsd",
	elf.ELFOSABI_OPENBSD: "openbsd",
	elf.ELFOSABI_SOLARIS: "solaris",
}

func readSegment(p *elf.Prog, limit uint64) ([]byte, error) {
	if p.Filesz > limit {
		return nil, fmt.Errorf("%d bytes are more than the %d expected", p.Filesz, limit)
	}
	b := make([]byte, p.Filesz)
	if _, err := p.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// systemOfNotes names the system of which notes (Elf_Nhdr: sizes of name and
// description, type; each then padded to 4 bytes) has an identification.
// NetBSD's kernel starts no program without its own (sys/exec_elf.h).
func systemOfNotes(notes []byte, order binary.ByteOrder) string {
	const header, ident = 12, 1
	for len(notes) >= header {
		nameLen := uint64(order.Uint32(notes))
		descLen := uint64(order.Uint32(notes[4:]))
		kind := order.Uint32(notes[8:])
		desc := (nameLen + 3) &^ 3
		next := desc + (descLen+3)&^3
		notes = notes[header:]
		if next > uint64(len(notes)) || nameLen > desc {
			return ""
		}
		name := string(bytes.TrimRight(notes[:nameLen], "\x00"))
		switch {
		case kind == ident && (name == "NetBSD" || name == "FreeBSD" || name == "OpenBSD" || name == "DragonFly"):
			return strings.ToLower(name)
		case kind == ident && name == "GNU": // NT_GNU_ABI_TAG
			return "linux"
		}
		notes = notes[next:]
	}
	return ""
}

// readDynamic reads what the loader would look for.
func (e *ELF) readDynamic(f *elf.File) error {
	if f.SectionByType(elf.SHT_DYNAMIC) == nil {
		return nil
	}
	needed, err := f.DynString(elf.DT_NEEDED)
	if err != nil {
		return fmt.Errorf("read ELF dynamic section: %w", err)
	}
	if len(needed) > maxNeeded {
		return fmt.Errorf("read ELF dynamic section: more than %d libraries", maxNeeded)
	}
	e.Needed = needed
	if e.RunPath, err = paths(f, elf.DT_RUNPATH); err == nil && len(e.RunPath) == 0 {
		e.RPath, err = paths(f, elf.DT_RPATH)
	}
	if err != nil {
		return fmt.Errorf("read ELF dynamic section: %w", err)
	}
	return nil
}

// paths splits the lists of folders that tag names at their colons.
func paths(f *elf.File, tag elf.DynTag) ([]string, error) {
	lists, err := f.DynString(tag)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, l := range lists {
		for p := range strings.SplitSeq(l, ":") {
			if p != "" {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

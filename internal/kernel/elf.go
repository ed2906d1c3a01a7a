package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits on what an ELF file may declare. NetBSD's GENERIC has 40 sections
// and 7 MB of symbols, a Linux module 60 sections.
const (
	maxSegments = 256
	maxSections = 8192
	maxTable    = 64 << 20 // bytes of a symbol or string table
	maxNameLen  = 256      // bytes of a symbol's or a section's name
)

// elfFile is the part of a little-endian x86 ELF file that says what it is.
// debug/elf is not used for it: that is not made for hostile files, and reads
// more than is needed.
type elfFile struct {
	r        io.ReaderAt
	size     int64
	class    elf.Class
	typ      elf.Type
	machine  elf.Machine
	segments []segment
	sections []section
	names    int // index of the section that holds the sections' names; 0: none
}

type segment struct {
	typ                  elf.ProgType
	flags                elf.ProgFlag
	off, vaddr, pa, size uint64 // size in the file, bytes
}

type section struct {
	name      string
	nameOff   uint32
	typ       elf.SectionType
	flags     elf.SectionFlag
	off, size uint64
	link      uint32
}

// openELF reads the headers, and refuses a file that is shorter than they say.
func openELF(r io.ReaderAt, size int64) (*elfFile, error) {
	ident := make([]byte, elf.EI_NIDENT)
	if err := readAt(r, ident, 0, size); err != nil {
		return nil, errors.New("truncated ELF: no header")
	}
	f := &elfFile{r: r, size: size, class: elf.Class(ident[elf.EI_CLASS])}
	if elf.Data(ident[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("%w: a big-endian ELF file; only i386 and amd64 are supported", ErrNotKernel)
	}
	var err error
	switch f.class {
	case elf.ELFCLASS32:
		err = f.headers32()
	case elf.ELFCLASS64:
		err = f.headers64()
	default:
		err = fmt.Errorf("%w: an ELF file of unknown class %d", ErrNotKernel, f.class)
	}
	if err != nil {
		return nil, err
	}
	return f, f.nameSections()
}

func (f *elfFile) headers32() error {
	var h elf.Header32
	if err := f.decode(0, &h); err != nil {
		return err
	}
	f.typ, f.machine = elf.Type(h.Type), elf.Machine(h.Machine)
	if err := f.counts(int(h.Phnum), int(h.Phentsize), 32, int(h.Shnum), int(h.Shentsize), 40); err != nil {
		return err
	}
	ps := make([]elf.Prog32, h.Phnum)
	if err := f.decode(uint64(h.Phoff), ps); err != nil {
		return err
	}
	for _, p := range ps {
		f.segments = append(f.segments, segment{
			elf.ProgType(p.Type), elf.ProgFlag(p.Flags),
			uint64(p.Off), uint64(p.Vaddr), uint64(p.Paddr), uint64(p.Filesz),
		})
	}
	ss := make([]elf.Section32, h.Shnum)
	if err := f.decode(uint64(h.Shoff), ss); err != nil {
		return err
	}
	for _, s := range ss {
		f.sections = append(f.sections, section{
			nameOff: s.Name, typ: elf.SectionType(s.Type), flags: elf.SectionFlag(s.Flags),
			off: uint64(s.Off), size: uint64(s.Size), link: s.Link,
		})
	}
	return f.whole(int(h.Shstrndx))
}

func (f *elfFile) headers64() error {
	var h elf.Header64
	if err := f.decode(0, &h); err != nil {
		return err
	}
	f.typ, f.machine = elf.Type(h.Type), elf.Machine(h.Machine)
	if err := f.counts(int(h.Phnum), int(h.Phentsize), 56, int(h.Shnum), int(h.Shentsize), 64); err != nil {
		return err
	}
	ps := make([]elf.Prog64, h.Phnum)
	if err := f.decode(h.Phoff, ps); err != nil {
		return err
	}
	for _, p := range ps {
		f.segments = append(f.segments, segment{
			elf.ProgType(p.Type), elf.ProgFlag(p.Flags), p.Off, p.Vaddr, p.Paddr, p.Filesz,
		})
	}
	ss := make([]elf.Section64, h.Shnum)
	if err := f.decode(h.Shoff, ss); err != nil {
		return err
	}
	for _, s := range ss {
		f.sections = append(f.sections, section{
			nameOff: s.Name, typ: elf.SectionType(s.Type), flags: elf.SectionFlag(s.Flags),
			off: s.Off, size: s.Size, link: s.Link,
		})
	}
	return f.whole(int(h.Shstrndx))
}

// counts refuses more headers than any kernel has, or of another size.
func (f *elfFile) counts(segs, segSize, wantSeg, secs, secSize, wantSec int) error {
	switch {
	case segs > maxSegments:
		return fmt.Errorf("damaged ELF: %d segments", segs)
	case secs > maxSections:
		return fmt.Errorf("damaged ELF: %d sections", secs)
	case segs > 0 && segSize != wantSeg, secs > 0 && secSize != wantSec:
		return errors.New("damaged ELF: header entries of the wrong size")
	}
	return nil
}

// whole checks that all that is in the file by its headers is there.
func (f *elfFile) whole(strndx int) error {
	for n, s := range f.segments {
		if !f.inside(s.off, s.size) {
			return fmt.Errorf("truncated ELF: the file has %d bytes, segment %d ends at %d", f.size, n, s.off+s.size)
		}
	}
	for n, s := range f.sections {
		if s.typ != elf.SHT_NOBITS && s.typ != elf.SHT_NULL && !f.inside(s.off, s.size) {
			return fmt.Errorf("truncated ELF: the file has %d bytes, section %d ends at %d", f.size, n, s.off+s.size)
		}
	}
	if strndx > 0 && strndx < len(f.sections) {
		f.names = strndx
	}
	return nil
}

func (f *elfFile) inside(off, n uint64) bool {
	return off <= uint64(f.size) && n <= uint64(f.size)-off
}

func (f *elfFile) nameSections() error {
	if f.names == 0 {
		return nil
	}
	names, err := f.read(f.sections[f.names], maxTable)
	if err != nil {
		return err
	}
	for i := range f.sections {
		f.sections[i].name = cString(names, uint64(f.sections[i].nameOff))
	}
	return nil
}

// section returns the first section of that name.
func (f *elfFile) section(name string) (section, bool) {
	for _, s := range f.sections {
		if s.name == name {
			return s, true
		}
	}
	return section{}, false
}

// read returns a section's bytes, of which there may be at most limit.
func (f *elfFile) read(s section, limit uint64) ([]byte, error) {
	if s.typ == elf.SHT_NOBITS {
		return nil, nil
	}
	if s.size > limit {
		return nil, fmt.Errorf("damaged ELF: section %q of %d bytes", s.name, s.size)
	}
	b := make([]byte, s.size)
	return b, readAt(f.r, b, int64(s.off), f.size)
}

// offset translates an address to a place in the file.
func (f *elfFile) offset(addr uint64) (int64, bool) {
	for _, s := range f.segments {
		if s.typ == elf.PT_LOAD && addr >= s.vaddr && addr-s.vaddr < s.size {
			return int64(s.off + addr - s.vaddr), true
		}
	}
	return 0, false
}

func (f *elfFile) decode(off uint64, to any) error {
	n := binary.Size(to)
	if n == 0 {
		return nil
	}
	if !f.inside(off, uint64(n)) {
		return fmt.Errorf("truncated ELF: the file has %d bytes, its headers end at %d", f.size, off+uint64(n))
	}
	b := make([]byte, n)
	if err := readAt(f.r, b, int64(off), f.size); err != nil {
		return err
	}
	_, err := binary.Decode(b, binary.LittleEndian, to)
	return err
}

// readAt fills b from off, and takes the end of the file for an error.
func readAt(r io.ReaderAt, b []byte, off, size int64) error {
	if off < 0 || off > size || int64(len(b)) > size-off {
		return io.ErrUnexpectedEOF
	}
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cut returns the name that b begins with, up to its NUL. One that has none
// within maxNameLen is cut there: else a table of millions of names without an
// end would be gone through as often.
func cut(b []byte) []byte {
	b = b[:min(len(b), maxNameLen)]
	if n := bytes.IndexByte(b, 0); n >= 0 {
		return b[:n]
	}
	return b
}

// cString returns the NUL-terminated string at off of table, "" outside it.
func cString(table []byte, off uint64) string {
	if off >= uint64(len(table)) {
		return ""
	}
	return string(cut(table[off:]))
}

package tree

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What real files stay far below: the largest libraries have 2 MB of dynamic
// strings, names of C++.
const (
	maxHeaders = 4096     // program or section headers
	maxDynamic = 1 << 20  // bytes of a dynamic section
	maxStrings = 16 << 20 // bytes of a string section
)

// layout is where the fields of a class are that say how much is read, in
// bytes from the start of the file header or of a section header.
type layout struct {
	word                       int // bytes of an offset
	shoff, phnum, shentsize    int
	section, flags, size, link int // section: bytes of its header
}

var (
	layout32 = layout{word: 4, shoff: 32, phnum: 44, shentsize: 46, section: 40, flags: 8, size: 20, link: 24}
	layout64 = layout{word: 8, shoff: 40, phnum: 56, shentsize: 58, section: 64, flags: 8, size: 32, link: 40}
)

// checkHeaders refuses what would make debug/elf read or unpack more than any
// real program has: it reads whole sections, and unpacks those that say that
// they are compressed.
func checkHeaders(r io.ReaderAt, head [64]byte) error {
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	l := layout32
	if elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64 {
		l = layout64
	}
	phnum, shentsize := order.Uint16(head[l.phnum:]), order.Uint16(head[l.shentsize:])
	shnum, shstrndx := order.Uint16(head[l.shentsize+2:]), order.Uint16(head[l.shentsize+4:])
	shoff := l.offset(order, head[l.shoff:])
	switch {
	case phnum > maxHeaders || shnum > maxHeaders:
		return fmt.Errorf("more than %d of them", maxHeaders)
	case shoff == 0:
		return nil // no sections
	case shnum == 0: // the number is in the first section
		return fmt.Errorf("more sections than %d", elf.SHN_LORESERVE)
	case int(shentsize) < l.section || shoff > 1<<62:
		return errors.New("its section headers are no such")
	}
	b := make([]byte, int(shnum)*int(shentsize))
	if _, err := r.ReadAt(b, int64(shoff)); err != nil {
		return err
	}
	sections := make([][]byte, shnum)
	for i := range sections {
		sections[i] = b[i*int(shentsize):][:l.section]
	}
	return l.checkSections(order, sections, uint32(shstrndx))
}

// checkSections looks at the sections that ReadELF reads: the dynamic ones
// with the strings that they link to, and the names of sections.
func (l layout) checkSections(order binary.ByteOrder, sections [][]byte, names uint32) error {
	check := func(i uint32, most uint64) error {
		if uint64(i) >= uint64(len(sections)) {
			return nil // debug/elf says so
		}
		s := sections[i]
		if l.offset(order, s[l.flags:])&uint64(elf.SHF_COMPRESSED) != 0 {
			return fmt.Errorf("section %d, which a loader reads, is compressed", i)
		}
		if n := l.offset(order, s[l.size:]); n > most {
			return fmt.Errorf("section %d has %d bytes, more than the %d expected", i, n, most)
		}
		return nil
	}
	if err := check(names, maxStrings); err != nil {
		return err
	}
	for i, s := range sections {
		if elf.SectionType(order.Uint32(s[4:])) != elf.SHT_DYNAMIC {
			continue
		}
		err := check(uint32(i), maxDynamic)
		if err == nil {
			err = check(order.Uint32(s[l.link:]), maxStrings)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l layout) offset(order binary.ByteOrder, b []byte) uint64 {
	if l.word == 4 {
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

package kernel

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// symbols calls f with the name and the value of each symbol that the file
// defines, until it returns false. The name is only valid during the call. It
// reports whether there is a symbol table.
func (e *elfFile) symbols(f func(name []byte, value uint64) bool) (bool, error) {
	tab, ok := e.symtab()
	if !ok {
		return false, nil
	}
	if int(tab.link) >= len(e.sections) {
		return false, fmt.Errorf("damaged ELF: the symbol table's names are in section %d of %d", tab.link, len(e.sections))
	}
	syms, err := e.read(tab, maxTable)
	if err != nil {
		return false, err
	}
	names, err := e.read(e.sections[tab.link], maxTable)
	if err != nil {
		return false, err
	}
	e.walk(syms, names, f)
	return true, nil
}

func (e *elfFile) symtab() (section, bool) {
	for _, s := range e.sections {
		if s.typ == elf.SHT_SYMTAB && s.size > 0 {
			return s, true
		}
	}
	return section{}, false
}

// walk goes through Elf32_Sym {name, value, size, info, other, shndx} or
// Elf64_Sym {name, info, other, shndx, value, size} records.
func (e *elfFile) walk(syms, names []byte, f func([]byte, uint64) bool) {
	le := binary.LittleEndian
	entry := elf.Sym32Size
	if e.class == elf.ELFCLASS64 {
		entry = elf.Sym64Size
	}
	for ; len(syms) >= entry; syms = syms[entry:] {
		var shndx uint16
		var value uint64
		if e.class == elf.ELFCLASS64 {
			shndx, value = le.Uint16(syms[6:]), le.Uint64(syms[8:])
		} else {
			value, shndx = uint64(le.Uint32(syms[4:])), le.Uint16(syms[14:])
		}
		off := le.Uint32(syms)
		if elf.SectionIndex(shndx) == elf.SHN_UNDEF || off >= uint32(len(names)) {
			continue
		}
		if !f(cut(names[off:]), value) {
			return
		}
	}
}

package mirror

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// An object describes a dynamic ELF file that nothing will ever run: a shared
// library, or a program that is only looked at.
type object struct {
	soname string   // DT_SONAME of a library
	needed []string // DT_NEEDED, in order
	rpath  string   // DT_RUNPATH, folders between colons
	interp string   // PT_INTERP of a program
}

// netbsdNote is the version in the note that marks NetBSD's files:
// __NetBSD_Version__ of 10.1 (sys/param.h).
const netbsdNote = 1001000000

// layout is where the parts of the file are. Addresses are offsets.
type layout struct {
	wide                                                   bool // 64 bits
	word                                                   int
	interp, note, dynstr, dynamic, shstrtab, sections, end int
	phnum                                                  int
}

const (
	noteSize = 12 + 8 + 4 // header, "NetBSD\0\0", version
	shNames  = "\x00.dynstr\x00.dynamic\x00.shstrtab\x00"
	shNum    = 4
)

// build returns the bytes of the file for the architecture.
func (o object) build(arch string) []byte {
	strs, tags := o.dynamicTags()
	l := layout{wide: arch == "amd64", word: 4, phnum: 3}
	ehsize, phsize, shsize := 52, 32, 40
	if l.wide {
		l.word, ehsize, phsize, shsize = 8, 64, 56, 64
	}
	if o.interp != "" {
		l.phnum++
	}
	l.interp = ehsize + l.phnum*phsize
	l.note = align(l.interp + len(o.interp) + 1)
	l.dynstr = align(l.note + noteSize)
	l.dynamic = align(l.dynstr + len(strs))
	l.shstrtab = l.dynamic + (len(tags)+1)*2*l.word
	l.sections = align(l.shstrtab + len(shNames))
	l.end = l.sections + shNum*shsize

	var b bytes.Buffer
	o.writeHeader(&b, l)
	o.writeSegments(&b, l, (len(tags)+1)*2*l.word)
	b.WriteString(o.interp)
	pad(&b, l.note)
	for _, v := range []uint32{7, 4, 1} {
		put(&b, v)
	}
	b.WriteString("NetBSD\x00\x00")
	put(&b, uint32(netbsdNote))
	pad(&b, l.dynstr)
	b.WriteString(strs)
	pad(&b, l.dynamic)
	for _, t := range append(tags, tag{}) {
		if t.name == elf.DT_STRTAB {
			t.value = l.dynstr
		}
		l.word2(&b, int(t.name), t.value)
	}
	b.WriteString(shNames)
	pad(&b, l.sections)
	l.writeSections(&b, len(strs), (len(tags)+1)*2*l.word)
	return b.Bytes()
}

type tag struct {
	name  elf.DynTag
	value int
}

// dynamicTags returns the string table and the tags that point into it.
func (o object) dynamicTags() (string, []tag) {
	strs := "\x00"
	add := func(s string) int {
		at := len(strs)
		strs += s + "\x00"
		return at
	}
	var tags []tag
	for _, n := range o.needed {
		tags = append(tags, tag{elf.DT_NEEDED, add(n)})
	}
	if o.soname != "" {
		tags = append(tags, tag{elf.DT_SONAME, add(o.soname)})
	}
	if o.rpath != "" {
		tags = append(tags, tag{elf.DT_RUNPATH, add(o.rpath)})
	}
	return strs, append(tags, tag{elf.DT_STRTAB, 0}, tag{elf.DT_STRSZ, len(strs)})
}

func (o object) writeHeader(b *bytes.Buffer, l layout) {
	kind, machine := elf.ET_DYN, elf.EM_386
	if o.interp != "" {
		kind = elf.ET_EXEC
	}
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	if l.wide {
		machine, ident[elf.EI_CLASS] = elf.EM_X86_64, byte(elf.ELFCLASS64)
		put(b, elf.Header64{
			Ident: ident, Type: uint16(kind), Machine: uint16(machine), Version: 1, Phoff: 64, Shoff: uint64(l.sections),
			Ehsize: 64, Phentsize: 56, Phnum: uint16(l.phnum), Shentsize: 64, Shnum: shNum, Shstrndx: shNum - 1,
		})
		return
	}
	put(b, elf.Header32{
		Ident: ident, Type: uint16(kind), Machine: uint16(machine), Version: 1, Phoff: 52, Shoff: uint32(l.sections),
		Ehsize: 52, Phentsize: 32, Phnum: uint16(l.phnum), Shentsize: 40, Shnum: shNum, Shstrndx: shNum - 1,
	})
}

func (o object) writeSegments(b *bytes.Buffer, l layout, dynamicSize int) {
	if o.interp != "" {
		l.segment(b, elf.PT_INTERP, l.interp, len(o.interp)+1, 1)
	}
	l.segment(b, elf.PT_LOAD, 0, l.end, 0x1000)
	l.segment(b, elf.PT_NOTE, l.note, noteSize, 4)
	l.segment(b, elf.PT_DYNAMIC, l.dynamic, dynamicSize, 8)
}

func (l layout) segment(b *bytes.Buffer, kind elf.ProgType, at, size, alignment int) {
	if l.wide {
		put(b, elf.Prog64{
			Type: uint32(kind), Flags: uint32(elf.PF_R), Off: uint64(at), Vaddr: uint64(at), Paddr: uint64(at),
			Filesz: uint64(size), Memsz: uint64(size), Align: uint64(alignment),
		})
		return
	}
	put(b, elf.Prog32{
		Type: uint32(kind), Flags: uint32(elf.PF_R), Off: uint32(at), Vaddr: uint32(at), Paddr: uint32(at),
		Filesz: uint32(size), Memsz: uint32(size), Align: uint32(alignment),
	})
}

func (l layout) writeSections(b *bytes.Buffer, strSize, dynamicSize int) {
	l.section(b, 0, elf.SHT_NULL, 0, 0, 0)
	l.section(b, 1, elf.SHT_STRTAB, l.dynstr, strSize, 0)
	l.section(b, 9, elf.SHT_DYNAMIC, l.dynamic, dynamicSize, 1)
	l.section(b, 18, elf.SHT_STRTAB, l.shstrtab, len(shNames), 0)
}

func (l layout) section(b *bytes.Buffer, name int, kind elf.SectionType, at, size, link int) {
	if l.wide {
		put(b, elf.Section64{
			Name: uint32(name), Type: uint32(kind), Addr: uint64(at), Off: uint64(at), Size: uint64(size),
			Link: uint32(link), Addralign: 1,
		})
		return
	}
	put(b, elf.Section32{
		Name: uint32(name), Type: uint32(kind), Addr: uint32(at), Off: uint32(at), Size: uint32(size),
		Link: uint32(link), Addralign: 1,
	})
}

// word2 writes two words of the architecture's size.
func (l layout) word2(b *bytes.Buffer, x, y int) {
	if l.wide {
		put(b, [2]uint64{uint64(x), uint64(y)})
		return
	}
	put(b, [2]uint32{uint32(x), uint32(y)})
}

// put writes a value of fixed size, which a buffer always takes.
func put(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) }

func pad(b *bytes.Buffer, to int) { b.Write(make([]byte, to-b.Len())) }

func align(n int) int { return (n + 7) &^ 7 }

package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// testELF describes a small kernel file.
type testELF struct {
	machine elf.Machine // EM_386 makes a 32-bit file, EM_X86_64 a 64-bit one
	typ     elf.Type    // ET_EXEC when 0
	low     bool        // linked where programs are
	header  []uint32    // words at the start of the code: a Multiboot header
	data    string      // .rodata
	notes   []testNote  // a PT_NOTE segment
	ident   uint32      // __NetBSD_Version__ of a .note.netbsd.ident section
	symbols []string    // defined, at .rodata's start but for those with "=": name=offset into it
	modinfo []string    // .modinfo
}

type testNote struct {
	owner string
	typ   uint32
	desc  string
}

const testBase = 0x1000 // offset of the first segment

func (n testNote) bytes() []byte {
	pad := func(s string) string { return s + strings.Repeat("\x00", -len(s)&3) }
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(n.owner)+1))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(n.desc)))
	b = binary.LittleEndian.AppendUint32(b, n.typ)
	return append(b, pad(n.owner+"\x00")+pad(n.desc)...)
}

func (e testELF) base() uint64 {
	switch {
	case e.low:
		return 0x400000
	case e.machine == elf.EM_386:
		return 0xc0100000
	}
	return 0xffffffff80200000
}

// build lays the file out: headers, padding, text and .rodata, notes,
// sections that are not loaded, section headers.
func (e testELF) build() []byte {
	le := binary.LittleEndian
	body := make([]byte, testBase)
	for _, w := range e.header {
		body = le.AppendUint32(body, w)
	}
	rodata := len(body)
	body = append(body, e.data...)
	loaded := len(body) - testBase
	segs := []elf.Prog64{{
		Type: uint32(elf.PT_LOAD), Flags: 5, Off: testBase, Vaddr: e.base(), Paddr: 0x100000,
		Filesz: uint64(loaded), Memsz: uint64(loaded),
	}}
	names := "\x00"
	secs := []elf.Section64{{}}
	add := func(name string, s elf.Section64) {
		s.Name = uint32(len(names))
		names += name + "\x00"
		secs = append(secs, s)
	}
	put := func(name string, typ elf.SectionType, link uint32, b []byte) {
		body = append(body, make([]byte, -len(body)&7)...)
		add(name, elf.Section64{Type: uint32(typ), Off: uint64(len(body)), Size: uint64(len(b)), Link: link})
		body = append(body, b...)
	}
	add(".rodata", elf.Section64{
		Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC),
		Off: uint64(rodata), Size: uint64(len(e.data)),
	})
	if len(e.notes) > 0 {
		var b []byte
		for _, n := range e.notes {
			b = append(b, n.bytes()...)
		}
		put(".note.Xen", elf.SHT_NOTE, 0, b)
		segs = append(segs, elf.Prog64{Type: uint32(elf.PT_NOTE), Off: uint64(len(body) - len(b)), Filesz: uint64(len(b))})
	}
	if e.ident != 0 {
		put(".note.netbsd.ident", elf.SHT_NOTE, 0, testNote{"NetBSD", 1, string(le.AppendUint32(nil, e.ident))}.bytes())
	}
	if len(e.modinfo) > 0 {
		put(".modinfo", elf.SHT_PROGBITS, 0, []byte(strings.Join(e.modinfo, "\x00")+"\x00"))
	}
	if len(e.symbols) > 0 {
		syms, strs := e.symtab(uint64(rodata - testBase))
		put(".symtab", elf.SHT_SYMTAB, uint32(len(secs)+1), syms)
		put(".strtab", elf.SHT_STRTAB, 0, strs)
	}
	put(".shstrtab", elf.SHT_STRTAB, 0, []byte(names+".shstrtab\x00"))
	body = append(body, make([]byte, -len(body)&7)...)
	return e.headers(body, segs, secs)
}

// symtab encodes the symbols; a first one is undefined and has no name.
func (e testELF) symtab(rodata uint64) (syms, strs []byte) {
	var b bytes.Buffer
	strs = []byte{0}
	for _, s := range append([]string{""}, e.symbols...) {
		name, at, _ := strings.Cut(s, "=")
		value := e.base() + rodata + uint64(len(at))
		sym := elf.Sym64{Name: uint32(len(strs)), Shndx: 1, Value: value}
		if s == "" {
			sym = elf.Sym64{}
		}
		if e.machine == elf.EM_386 {
			encode(&b, elf.Sym32{Name: sym.Name, Shndx: sym.Shndx, Value: uint32(value)})
		} else {
			encode(&b, sym)
		}
		strs = append(strs, name+"\x00"...)
	}
	return b.Bytes(), strs
}

func (e testELF) headers(body []byte, segs []elf.Prog64, secs []elf.Section64) []byte {
	shoff := len(body)
	var head, tail bytes.Buffer
	typ := e.typ
	if typ == 0 {
		typ = elf.ET_EXEC
	}
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}
	if e.machine == elf.EM_386 {
		ident[4] = byte(elf.ELFCLASS32)
		encode(&head, elf.Header32{
			Ident: ident, Type: uint16(typ), Machine: uint16(e.machine), Version: 1, Phoff: 52, Shoff: uint32(shoff),
			Ehsize: 52, Phentsize: 32, Phnum: uint16(len(segs)), Shentsize: 40, Shnum: uint16(len(secs)), Shstrndx: uint16(len(secs) - 1),
		})
		for _, p := range segs {
			encode(&head, elf.Prog32{
				Type: p.Type, Flags: p.Flags, Off: uint32(p.Off), Vaddr: uint32(p.Vaddr),
				Paddr: uint32(p.Paddr), Filesz: uint32(p.Filesz), Memsz: uint32(p.Memsz),
			})
		}
		for _, s := range secs {
			encode(&tail, elf.Section32{
				Name: s.Name, Type: s.Type, Flags: uint32(s.Flags), Off: uint32(s.Off), Size: uint32(s.Size), Link: s.Link,
			})
		}
	} else {
		encode(&head, elf.Header64{
			Ident: ident, Type: uint16(typ), Machine: uint16(e.machine), Version: 1, Phoff: 64, Shoff: uint64(shoff),
			Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segs)), Shentsize: 64, Shnum: uint16(len(secs)), Shstrndx: uint16(len(secs) - 1),
		})
		encode(&head, segs)
		encode(&tail, secs)
	}
	copy(body, head.Bytes())
	return append(body, tail.Bytes()...)
}

// encode appends v, which has a fixed size.
func encode(b *bytes.Buffer, v any) {
	if err := binary.Write(b, binary.LittleEndian, v); err != nil {
		panic(err) // a mistake in the test itself
	}
}

// The kernels that tests are made of.
var (
	multibootWords = []uint32{multibootMagic, 2, 0xffffffff - multibootMagic - 2 + 1}
	pvhNote        = testNote{"Xen", xenPhys32Entry, "\x00\xb0\x20\x00"}
	microSymbols   = []string{
		"virtio_pci_ca", "ld_virtio_ca", "vioif_ca", "viornd_ca", "com_isa_ca", "mpbios_scan",
		"ffs_vfsops", "tmpfs_vfsops", "dead_vfsops", "main",
	}
)

func netbsdI386() testELF {
	return testELF{
		machine: elf.EM_386, header: multibootWords, ident: 1099001200,
		data:    "\x00NetBSD 10.99.12 (FIRECRACKER) #0: now\n\x00",
		symbols: microSymbols,
	}
}

func netbsdAMD64() testELF {
	return testELF{
		machine: elf.EM_X86_64, notes: []testNote{pvhNote}, ident: 1099001200,
		data:    "\x00NetBSD 11.0_BETA (MICROVM) #0: now\n\x00",
		symbols: append([]string{"start_pvh", "mmio_cmdline_ca", "acpi_ca"}, microSymbols...),
	}
}

func TestELFRefusesDamage(t *testing.T) {
	whole := netbsdAMD64().build()
	patch := func(off int, b ...byte) []byte {
		c := bytes.Clone(whole)
		copy(c[off:], b)
		return c
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"header only", whole[:20], "truncated ELF: the file has 20 bytes, its headers end at 64"},
		{"magic only", whole[:4], "truncated ELF: no header"},
		{"no section headers", whole[:len(whole)-100], "truncated ELF: the file has"},
		{"cut in a segment", whole[:testBase+4], "truncated ELF"},
		{"big endian", patch(elf.EI_DATA, 2), "not a kernel: a big-endian ELF file"},
		{"class", patch(elf.EI_CLASS, 7), "an ELF file of unknown class"},
		{"segment count", patch(56, 0xff, 0xff), "damaged ELF: 65535 segments"},
		{"segment entry size", patch(54, 1), "damaged ELF: header entries of the wrong size"},
		{"section count", patch(60, 0xff, 0xff), "damaged ELF: 65535 sections"},
		{"segment outside", patch(64+32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "truncated ELF"},
		{"machine", patch(18, byte(elf.EM_AARCH64)), "not a kernel: an ELF file for EM_AARCH64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := InspectReader(bytes.NewReader(tt.file), int64(len(tt.file)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("InspectReader = %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(netbsdI386().build())
	f.Add(netbsdAMD64().build())
	f.Add(testBzImage("lz4", netbsdAMD64().build()))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := InspectReader(bytes.NewReader(b), int64(len(b)))
		if err == nil && (i.Format == "" || i.Arch == "" || i.Machines == nil) {
			t.Errorf("InspectReader = %+v without an error", i)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %q", err)
		}
	})
}

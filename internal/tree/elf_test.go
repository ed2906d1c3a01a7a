package tree

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elfSpec is what makeELF puts into a file.
type elfSpec struct {
	typ     elf.Type
	osabi   elf.OSABI
	note    string // owner of a note of type 1
	interp  string
	needed  []string
	rpath   string
	runpath string
}

// makeELF makes a 64-bit x86 ELF file of headers alone.
func makeELF(t testing.TB, s elfSpec) []byte {
	t.Helper()
	const ehsize, phsize, shsize = 64, 56, 64
	var progs []elf.Prog64
	var body []byte
	at := func() uint64 { return ehsize + 2*phsize + uint64(len(body)) }
	add := func(typ elf.ProgType, b []byte) {
		progs = append(progs, elf.Prog64{Type: uint32(typ), Off: at(), Filesz: uint64(len(b)), Memsz: uint64(len(b))})
		body = append(body, b...)
	}
	if s.interp != "" {
		add(elf.PT_INTERP, append([]byte(s.interp), 0))
	}
	if s.note != "" {
		name := append([]byte(s.note), 0)
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
		b = binary.LittleEndian.AppendUint32(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = append(b, append(name, make([]byte, -len(name)&3)...)...)
		add(elf.PT_NOTE, append(b, 0, 0, 0, 0))
	}
	strtab := []byte{0}
	var dyn []byte
	tag := func(tag elf.DynTag, v string) {
		dyn = binary.LittleEndian.AppendUint64(dyn, uint64(tag))
		dyn = binary.LittleEndian.AppendUint64(dyn, uint64(len(strtab)))
		strtab = append(append(strtab, v...), 0)
	}
	for _, n := range s.needed {
		tag(elf.DT_NEEDED, n)
	}
	if s.rpath != "" {
		tag(elf.DT_RPATH, s.rpath)
	}
	if s.runpath != "" {
		tag(elf.DT_RUNPATH, s.runpath)
	}
	names := []byte("\x00.dynamic\x00.dynstr\x00.shstrtab\x00")
	sections := []elf.Section64{{}}
	section := func(name uint32, typ elf.SectionType, link uint32, b []byte) {
		sections = append(sections, elf.Section64{Name: name, Type: uint32(typ), Off: at(), Size: uint64(len(b)), Link: link})
		body = append(body, b...)
	}
	if len(dyn) > 0 {
		section(1, elf.SHT_DYNAMIC, 2, append(dyn, make([]byte, 16)...))
		section(10, elf.SHT_STRTAB, 0, strtab)
	}
	section(18, elf.SHT_STRTAB, 0, names)
	h := elf.Header64{
		Type: uint16(s.typ), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: 0x1000, Ehsize: ehsize,
		Phoff: ehsize, Phentsize: phsize, Phnum: uint16(len(progs)),
		Shoff: at(), Shentsize: shsize, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = 2, 1, 1
	h.Ident[elf.EI_OSABI] = byte(s.osabi)
	for len(progs) < 2 {
		progs = append(progs, elf.Prog64{})
	}
	var out bytes.Buffer
	for _, v := range []any{h, progs, body, sections} {
		if err := binary.Write(&out, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestReadELF(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec elfSpec
		want ELF
	}{
		{"static for Linux", elfSpec{typ: elf.ET_EXEC}, ELF{OS: "linux", Arch: "amd64", Program: true}},
		{"GNU", elfSpec{typ: elf.ET_EXEC, note: "GNU"}, ELF{OS: "linux", Arch: "amd64", Program: true}},
		{"static for NetBSD", elfSpec{typ: elf.ET_EXEC, note: "NetBSD"}, ELF{OS: "netbsd", Arch: "amd64", Program: true}},
		{"by its header", elfSpec{typ: elf.ET_EXEC, osabi: elf.ELFOSABI_FREEBSD}, ELF{OS: "freebsd", Arch: "amd64", Program: true}},
		{"object", elfSpec{typ: elf.ET_REL}, ELF{OS: "linux", Arch: "amd64"}},
		{
			"dynamic",
			elfSpec{typ: elf.ET_DYN, interp: "/libexec/ld.elf_so", note: "NetBSD", needed: []string{"libc.so.12", "libx.so"}, rpath: "/a::/b", runpath: "$ORIGIN/../lib:/c"},
			ELF{
				OS: "netbsd", Arch: "amd64", Program: true, Interp: "/libexec/ld.elf_so",
				Needed: []string{"libc.so.12", "libx.so"}, RunPath: []string{"$ORIGIN/../lib", "/c"},
			},
		},
		{
			"with an old path",
			elfSpec{typ: elf.ET_DYN, needed: []string{"x"}, rpath: "/a:/b"},
			ELF{OS: "linux", Arch: "amd64", Program: true, Needed: []string{"x"}, RPath: []string{"/a", "/b"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadELF(bytes.NewReader(makeELF(t, tt.spec)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReadELFOfGo reads the test itself.
func TestReadELFOfGo(t *testing.T) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc")
	}
	defer self.Close()
	if e, err := ReadELF(self); err != nil || e.OS != "linux" || !e.Program {
		t.Errorf("ReadELF = %+v, %v", e, err)
	}
}

func TestReadELFRefuses(t *testing.T) {
	whole := makeELF(t, elfSpec{typ: elf.ET_DYN, interp: "/ld.so", needed: []string{"x"}})
	many := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(many[56:], 0xfffe)
	uncounted := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(uncounted[60:], 0)
	long := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(long[len(long)-3*64+32:], maxDynamic+1)
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"sections without a number", uncounted, "more sections than"},
		{"long dynamic section", long, "section 1 has 1048577 bytes"},
		{"nothing", nil, ErrNotELF.Error()},
		{"text", []byte(strings.Repeat("text ", 20)), ErrNotELF.Error()},
		{"magic alone", []byte(elf.ELFMAG), ErrNotELF.Error()},
		{"cut", whole[:len(whole)-70], "read ELF headers"},
		{"headers without end", many, "more than 4096"},
		{"long interpreter", makeELF(t, elfSpec{typ: elf.ET_EXEC, interp: strings.Repeat("x", 5000)}), "read ELF interpreter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadELF(bytes.NewReader(tt.bytes))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadELF = %v; want %q", err, tt.want)
			}
			if notELF := errors.Is(err, ErrNotELF); notELF != (tt.want == ErrNotELF.Error()) {
				t.Errorf("ReadELF = %v, ErrNotELF is %t", err, notELF)
			}
		})
	}
}

// TestReadELFOfBombs gives it sections of a few kilobytes that unpack to many
// megabytes, in the place of each that it reads.
func TestReadELFOfBombs(t *testing.T) {
	const unpacked, budget = 64 << 20, 4 << 20 // bytes
	var bomb bytes.Buffer
	if err := binary.Write(&bomb, binary.LittleEndian, elf.Chdr64{Type: uint32(elf.COMPRESS_ZLIB), Size: unpacked, Addralign: 1}); err != nil {
		t.Fatal(err)
	}
	z := zlib.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, unpacked)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	whole := makeELF(t, elfSpec{typ: elf.ET_DYN, needed: []string{"x"}})
	for i := 1; i <= 3; i++ { // .dynamic, .dynstr, .shstrtab
		b := append(bytes.Clone(whole), bomb.Bytes()...)
		header := b[len(whole)-(4-i)*64:]
		binary.LittleEndian.PutUint64(header[8:], uint64(elf.SHF_COMPRESSED))
		binary.LittleEndian.PutUint64(header[24:], uint64(len(whole)))
		binary.LittleEndian.PutUint64(header[32:], uint64(bomb.Len()))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadELF(bytes.NewReader(b))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "is compressed") {
			t.Errorf("section %d: ReadELF = %v; want that it is compressed", i, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > budget {
			t.Errorf("section %d: %d bytes of memory were used", i, n)
		}
	}
}

func FuzzReadELF(f *testing.F) {
	f.Add(makeELF(f, elfSpec{typ: elf.ET_DYN, interp: "/ld.so", note: "NetBSD", needed: []string{"libc.so"}, rpath: "/a"}))
	f.Add(makeELF(f, elfSpec{typ: elf.ET_EXEC, note: "GNU"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ReadELF(bytes.NewReader(b))
		if err == nil && (e.OS == "" || e.Arch == "" || len(e.Interp) > maxInterp || len(e.Needed) > maxNeeded) {
			t.Errorf("ReadELF = %+v", e)
		}
	})
}

package netbsd_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
)

var t0 = time.Date(2024, 12, 16, 0, 0, 0, 0, time.UTC)

// dir, file, symlink and hardlink are members of a set as NetBSD makes them:
// with a dot before their paths.
func dir(p string) member {
	return member{tar.Header{Typeflag: tar.TypeDir, Name: "." + p, Mode: 0o755}, nil}
}

func file(p string, mode int64, body []byte) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: "." + p, Mode: mode, Size: int64(len(body))}, body}
}

func symlink(p, to string) member {
	return member{tar.Header{Typeflag: tar.TypeSymlink, Name: "." + p, Linkname: to, Mode: 0o755}, nil}
}

func hardlink(p, to string) member {
	return member{tar.Header{Typeflag: tar.TypeLink, Name: "." + p, Linkname: "." + to, Mode: 0o755}, nil}
}

type member struct {
	tar.Header
	body []byte
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		m.ModTime, m.Uname, m.Gname = t0, "root", "wheel"
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func xz(t testing.TB, b []byte) []byte {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("xz is not installed")
	}
	cmd := exec.Command("xz", "-9e", "-T1")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// program makes a dynamic 64-bit x86 program for NetBSD, of headers alone.
func program(t testing.TB, interp, runpath string, needed ...string) []byte {
	t.Helper()
	const ehsize, phsize, shsize = 64, 56, 64
	strtab, dyn := []byte{0}, []uint64{}
	str := func(tag elf.DynTag, s string) {
		dyn = append(dyn, uint64(tag), uint64(len(strtab)))
		strtab = append(append(strtab, s...), 0)
	}
	for _, n := range needed {
		str(elf.DT_NEEDED, n)
	}
	if runpath != "" {
		str(elf.DT_RUNPATH, runpath)
	}
	dyn = append(dyn, uint64(elf.DT_NULL), 0)
	dynamic := encode(t, dyn)
	note := encode(t, []uint32{7, 4, 1}, []byte("NetBSD\x00\x00"), uint32(1001000000))
	ld := append([]byte(interp), 0)
	names := []byte("\x00.dynamic\x00.dynstr\x00.shstrtab\x00")
	at := uint64(ehsize + 2*phsize)
	next := func(b []byte) (uint64, uint64) { at += uint64(len(b)); return at - uint64(len(b)), uint64(len(b)) }
	var progs [2]elf.Prog64
	var sections [4]elf.Section64
	progs[0].Type, progs[1].Type = uint32(elf.PT_INTERP), uint32(elf.PT_NOTE)
	progs[0].Off, progs[0].Filesz = next(ld)
	progs[1].Off, progs[1].Filesz = next(note)
	sections[1] = elf.Section64{Name: 1, Type: uint32(elf.SHT_DYNAMIC), Link: 2}
	sections[2] = elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB)}
	sections[3] = elf.Section64{Name: 18, Type: uint32(elf.SHT_STRTAB)}
	for i, b := range [][]byte{dynamic, strtab, names} {
		sections[i+1].Off, sections[i+1].Size = next(b)
	}
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: 0x1000, Ehsize: ehsize,
		Phoff: ehsize, Phentsize: phsize, Phnum: 2, Shoff: at, Shentsize: shsize, Shnum: 4, Shstrndx: 3,
	}
	copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	return encode(t, h, progs, ld, note, dynamic, strtab, names, sections)
}

func encode(t testing.TB, parts ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, p := range parts {
		if err := binary.Write(&out, binary.LittleEndian, p); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// folder is where the mirrors of the tests have their sets.
const folder = "/NetBSD-10.1/amd64/binary/sets/"

// mirror is a server of files by their paths, which may change.
type mirror struct {
	URL string

	mu    sync.Mutex
	files map[string][]byte
	asked []string // paths that were asked for
}

// newMirror serves the sets, by their archives' names, with their SHA512.
func newMirror(t testing.TB, sets map[string][]byte) *mirror {
	t.Helper()
	m := &mirror{files: make(map[string][]byte)}
	m.put(folder, sets)
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	m.URL = srv.URL
	return m
}

func (m *mirror) put(at string, sets map[string][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		sum := sha512.Sum512(sets[name])
		fmt.Fprintf(&sums, "SHA512 (%s) = %s\n", name, hex.EncodeToString(sum[:]))
		m.files[at+name] = sets[name]
	}
	m.files[at+"SHA512"] = []byte(sums.String())
}

// ServeHTTP implements http.Handler.
func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	b, ok := m.files[r.URL.Path]
	m.asked = append(m.asked, path.Base(r.URL.Path))
	m.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, r.URL.Path, t0, bytes.NewReader(b))
}

// takeAsked returns the base names of what was asked for since the last time.
func (m *mirror) takeAsked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.asked
	m.asked = nil
	return all
}

// newSource is a source of NetBSD 10.1/amd64 with folders of its own.
func newSource(t testing.TB, m *mirror) *netbsd.Source {
	t.Helper()
	return &netbsd.Source{
		Mirrors: []string{m.URL}, Daily: []string{m.URL + "/daily"}, Release: "10.1", Arch: "amd64",
		Dir: filepath.Join(t.TempDir(), "sets"), Client: &fetch.Client{Dir: filepath.Join(t.TempDir(), "downloads")},
	}
}

func open(t testing.TB, s *netbsd.Source, names ...string) *netbsd.Sets {
	t.Helper()
	sets, err := s.Open(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

func write(t testing.TB, p string, b []byte) {
	t.Helper()
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

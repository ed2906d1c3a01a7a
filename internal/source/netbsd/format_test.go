package netbsd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// sample is an index with each kind of need, of n files below /usr besides.
func sample(n int) *index {
	t0 := time.Unix(1700000000, 0).UTC()
	ix := &index{digest: "sha256:" + strings.Repeat("0f", 32), size: 12345, entries: []tree.Entry{
		{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0},
		{Path: "/[", Type: tree.File, Mode: 0o555, ModTime: t0, Size: 7, Content: tree.Content{Offset: 4}},
		{Path: "/lib.so", Type: tree.File, Mode: 0o444, ModTime: t0},
		{Path: "/odd", Type: tree.File, ModTime: t0},
		{Path: "/rc", Type: tree.File, ModTime: t0},
		{Path: "/sh", Type: tree.File, ModTime: t0},
		{Path: "/test", Type: tree.Hardlink, Link: "/[", ModTime: t0},
	}}
	ix.needs = []need{
		{entry: 2, needs: tree.Needs{ELF: &tree.ELF{OS: "netbsd", Arch: "i386"}}},
		{entry: 3, problem: "its headers are no such"},
		{entry: 4, needs: tree.Needs{Script: "/bin/sh"}},
		{entry: 5, needs: tree.Needs{ELF: &tree.ELF{
			OS: "netbsd", Arch: "i386", Program: true, Interp: "/libexec/ld.elf_so",
			Needed: []string{"libc.so.12", "libedit.so.3"}, RPath: []string{"/a"}, RunPath: []string{"$ORIGIN", "/a"},
		}}},
	}
	for i := range n {
		ix.entries = append(ix.entries, tree.Entry{
			Path: fmt.Sprintf("/usr/share/some/folder%03d/file%05d", i/50, i), Type: tree.File, Mode: 0o444,
			ModTime: t0, Size: int64(i) * 100, Content: tree.Content{Offset: int64(i)},
		})
		if i%6 == 0 {
			ix.needs = append(ix.needs, need{entry: len(ix.entries) - 1, needs: ix.needs[3].needs})
		}
	}
	return ix
}

func encoded(t testing.TB, ix *index) []byte {
	t.Helper()
	b, err := ix.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFormat(t *testing.T) {
	for name, want := range map[string]*index{"every kind": sample(0), "many": sample(1000), "nothing": {digest: sample(0).digest}} {
		b := encoded(t, want)
		got, err := decodeIndex(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.digest != want.digest || got.size != want.size {
			t.Errorf("%s: %s of %d bytes", name, got.digest, got.size)
		}
		if d := cmp.Diff(want.entries, got.entries); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if len(want.needs)+len(got.needs) > 0 {
			if d := cmp.Diff(want.needs, got.needs, cmp.AllowUnexported(need{})); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

func TestFormatDamaged(t *testing.T) {
	sound := encoded(t, sample(0))
	for n := range sound {
		if _, err := decodeIndex(sound[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for an index", n, len(sound))
		}
		b := slices.Clone(sound)
		b[n] ^= 0x55
		if _, err := decodeIndex(b); err == nil {
			t.Errorf("a change of byte %d is not seen", n)
		}
	}
}

// TestFormatWrong has indexes that were written as they are, and can't be
// used.
func TestFormatWrong(t *testing.T) {
	for name, change := range map[string]func(ix *index){
		"not sorted":              func(ix *index) { ix.entries[1], ix.entries[2] = ix.entries[2], ix.entries[1] },
		"a path twice":            func(ix *index) { ix.entries[2].Path = ix.entries[1].Path },
		"links to nothing":        func(ix *index) { ix.entries[6].Link = "/none" },
		"links to itself":         func(ix *index) { ix.entries[6].Link = "/test" },
		"needs of no entry":       func(ix *index) { ix.needs[3].entry = 7 },
		"needs of an entry twice": func(ix *index) { ix.needs[3].entry = ix.needs[2].entry },
	} {
		ix := sample(0)
		change(ix)
		if _, err := decodeIndex(encoded(t, ix)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDecodeIndex(f *testing.F) {
	f.Add(encoded(f, sample(0))[12:])
	f.Add(encoded(f, sample(20))[12:])
	f.Fuzz(func(t *testing.T, body []byte) {
		// With a sound checksum, so that what is behind it is tried.
		b := binary.LittleEndian.AppendUint32([]byte(indexMagic), crc32.Checksum(body, castagnoli()))
		ix, err := decodeIndex(append(b, body...))
		if err != nil {
			return
		}
		for i := range ix.entries {
			if _, err := ix.needsOf(ix.file(i)); err == nil && i > 0 {
				ix.below(ix.entries[i].Path)
			}
		}
		out, err := ix.encode()
		if err != nil {
			return // its digest is none
		}
		again, err := decodeIndex(out)
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if next, err := again.encode(); err != nil || !bytes.Equal(out, next) {
			t.Errorf("it changes at the second time: %v", err)
		}
	})
}

func BenchmarkDecodeIndex(b *testing.B) {
	raw := encoded(b, sample(20000))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeIndex(raw); err != nil {
			b.Fatal(err)
		}
	}
}

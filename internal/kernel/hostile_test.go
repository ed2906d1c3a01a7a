package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// soon fails the test if f, which takes some milliseconds, is not done after a
// time in which a quadratic one would not be.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("not done after 30 s")
	}
}

func TestCString(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 10_000)
	for _, tt := range []struct {
		table []byte
		off   uint64
		want  string
	}{
		{[]byte("a\x00bc\x00"), 2, "bc"},
		{[]byte("abc"), 1, "bc"},
		{[]byte("abc"), 3, ""},
		{long, 5, string(long[:maxNameLen])},
	} {
		if got := cString(tt.table, tt.off); got != tt.want {
			t.Errorf("cString at %d = %q; want %q", tt.off, got, tt.want)
		}
	}
}

// TestSymbolsWithoutEnds has 4 million symbols whose names never end.
func TestSymbolsWithoutEnds(t *testing.T) {
	e := elfFile{class: elf.ELFCLASS32}
	names := bytes.Repeat([]byte{'x'}, maxTable)
	entry := make([]byte, elf.Sym32Size)
	binary.LittleEndian.PutUint16(entry[14:], 1)
	syms := bytes.Repeat(entry, maxTable/len(entry))
	soon(t, func() {
		n := 0
		e.walk(syms, names, func(name []byte, _ uint64) bool {
			n++
			return len(name) == maxNameLen
		})
		if n != len(syms)/len(entry) {
			t.Errorf("%d symbols; want all to have a name of %d bytes", n, maxNameLen)
		}
	})
}

func TestConfigOfManyWords(t *testing.T) {
	var lines []string
	for i := range 200_000 {
		lines = append(lines, fmt.Sprintf("file-system FS%dX", i), fmt.Sprintf("no file-system FS%dX", i+100_000))
	}
	soon(t, func() {
		if c := parseConfig(lines); len(c.filesystems) != 100_000 {
			t.Errorf("%d file systems; want 100,000", len(c.filesystems))
		}
	})
}

// TestAttributesInCircles has attributes that all have each other.
func TestAttributesInCircles(t *testing.T) {
	d := declarations{attrs: map[string][]string{}, attach: map[string][]string{"dev": {"none"}}}
	var all []string
	for i := range 300 {
		all = append(all, "a"+strings.Repeat("x", i))
	}
	for _, a := range all {
		d.attrs[a] = slices.Clone(all)
	}
	soon(t, func() {
		if d.attaches("dev", "a") {
			t.Error("a device attaches at what nothing has")
		}
		if !d.has("a", all[299], map[string]bool{}) {
			t.Error("a lacks its own attribute")
		}
	})
}

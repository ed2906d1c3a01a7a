package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1700000000, 5).UTC()

// every has an entry of each type, a path twice, and the same bytes twice.
func every(t testing.TB) []tree.Entry {
	t.Helper()
	host := filepath.Join(t.TempDir(), "host")
	if err := os.WriteFile(host, []byte("not this, but this and more"), 0o644); err != nil {
		t.Fatal(err)
	}
	ranged := tree.NewFile("/c/ranged", 0o644, []byte("this and"), t0, "package c 1")
	ranged.Content = tree.Content{Host: host, Offset: 14}
	return []tree.Entry{
		{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0, Why: "package c 1", Xattrs: map[string][]byte{"user.x": {0, 1}}},
		tree.NewFile("/c/empty", 0o600, nil, t0, "package c 1"),
		tree.NewFile("/c/text", 0o4755, []byte("text"), t0, "package c 1"),
		ranged,
		tree.NewFile("/c/same", 0o644, []byte("text"), t0, ""),
		{Path: "/c/second", Type: tree.Hardlink, Link: "/c/text", ModTime: t0},
		{Path: "/c/link", Type: tree.Symlink, Link: "text", Mode: 0o777, ModTime: t0},
		{Path: "/null", Type: tree.Char, Major: 1, Minor: 3, ModTime: t0},
		{Path: "/wd0a", Type: tree.Block, Major: 3, ModTime: t0},
		{Path: "/fifo", Type: tree.FIFO, ModTime: t0},
		{Path: "/socket", Type: tree.Socket, UID: 4294967295, ModTime: t0},
		tree.NewFile("/c/text", 0o755, []byte("text, once more"), t0, "overlay"),
	}
}

type meta struct {
	Name  string
	Lines []string
}

// contents returns a line for each entry with all of it, and a file's bytes.
func contents(t testing.TB, entries []tree.Entry) []string {
	t.Helper()
	var lines []string
	for _, e := range entries {
		var b []byte
		if e.Type == tree.File {
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			var buf bytes.Buffer
			if _, err := buf.ReadFrom(r); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			b = buf.Bytes()
		}
		e.Content = tree.Content{}
		lines = append(lines, fmt.Sprintf("%+v %q", e, b))
	}
	return lines
}

func TestWriteAndRead(t *testing.T) {
	entries := every(t)
	want := contents(t, entries)
	path := filepath.Join(t.TempDir(), "x.pack")
	if err := Write(t.Context(), path, entries, meta{"x", []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	var m meta
	got, err := Read(path, &m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(meta{"x", []string{"a", "b"}}, m); diff != "" {
		t.Error(diff)
	}
	for _, e := range got {
		if e.Type == tree.File && e.Content.Host != path {
			t.Errorf("%s is in %q", e.Path, e.Content.Host)
		}
	}
	if a, b := got[2].Content, got[4].Content; !cmp.Equal(a, b) {
		t.Errorf("the same bytes are there twice: %+v and %+v", a, b)
	}
	if _, err := Read(path, nil); err != nil {
		t.Error(err)
	}
}

func TestWriteOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pack")
	if err := Write(t.Context(), path, nil, nil); err != nil {
		t.Fatal(err)
	}
	var m *meta
	if got, err := Read(path, &m); err != nil || len(got) != 0 || m != nil {
		t.Errorf("Read = %v, %v, %v", got, m, err)
	}
}

// TestWriteOverItself has entries whose bytes are in the pack that is replaced.
func TestWriteOverItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pack")
	entries := every(t)
	want := contents(t, slices.Concat(entries[3:4], entries[:3]))
	for range 2 {
		if err := Write(t.Context(), path, slices.Concat(entries[3:4], entries[:3]), nil); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contents(t, got)); diff != "" {
			t.Error(diff)
		}
		entries = slices.Concat(got[1:], got[:1])
	}
}

func TestAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pack")
	var added []tree.Entry
	err := Create(path, func(w *Writer) error {
		for _, text := range []string{"first", "", "second"} {
			e, err := w.Add(tree.Entry{Path: "/" + text, Type: tree.File, ModTime: t0}, strings.NewReader(text))
			if err != nil {
				return err
			}
			added = append(added, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(added, got); diff != "" {
		t.Error(diff)
	}
	want := tree.NewFile("/second", 0, []byte("second"), t0, "")
	if got[2].Digest != want.Digest || got[2].Size != 6 {
		t.Errorf("%+v", got[2])
	}
}

func TestWriteErrors(t *testing.T) {
	entries := every(t)
	stale, gone, long, odd := entries[3], entries[3], entries[3], entries[0]
	stale.Content.Offset = 0
	gone.Content.Host += "-gone"
	long.Size = 100
	odd.Type = "odd"
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		e    tree.Entry
		want string
	}{
		{"changed", stale, "/c/ranged: its 8 bytes with the digest sha256:"},
		{"gone", gone, "open /c/ranged: "},
		{"too short", long, "is 27 bytes long, 114 are wanted"},
		{"no type", odd, `/ is of the type "odd"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Write(t.Context(), filepath.Join(dir, "x.pack"), []tree.Entry{tt.e}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "write "+dir) {
				t.Errorf("Write = %v; want %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, filepath.Join(dir, "x.pack"), entries, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) > 0 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// sample returns the bytes of a pack.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pack")
	if err := Write(context.Background(), path, every(t), meta{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadDamaged(t *testing.T) {
	b := sample(t)
	path := filepath.Join(t.TempDir(), "x.pack")
	check := func(what string, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path, new(meta))
		if !errors.Is(err, ErrDamaged) || !strings.HasPrefix(err.Error(), "read "+path+": ") {
			t.Errorf("%s: Read = %v", what, err)
		}
	}
	for n := range b {
		check(fmt.Sprintf("the first %d bytes of %d", n, len(b)), b[:n])
	}
	// The bytes of files are for their readers to check.
	for i := len("texttext, once morethis and"); i < len(b); i++ {
		bad := bytes.Clone(b)
		bad[i] ^= 0x41
		check(fmt.Sprintf("byte %d of %d", i, len(b)), bad)
	}
	check("a byte too many", append(bytes.Clone(b), 0))
	check("a byte less before the index", b[1:])
	if _, err := Read(path+"-gone", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read = %v", err)
	}
}

func FuzzRead(f *testing.F) {
	b := sample(f)
	f.Add(b)
	f.Add(b[len(b)-trailerSize:])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		// A sum that is right lets the rest be looked at.
		if n := len(b) - trailerSize; n >= 0 {
			if t, err := decodeTrailer(b[n:], int64(n)); err == nil {
				t.sum = sumOf(b[n-int(t.entries+t.meta) : n])
				copy(b[n:], t.encode())
			}
		}
		path := filepath.Join(dir, "x.pack")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		entries, err := Read(path, new(meta))
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Type != tree.File {
				continue
			}
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// large returns the entries of a large tree.
func large() []tree.Entry {
	var all []tree.Entry
	for i := range 70000 {
		p := fmt.Sprintf("/usr/share/folder-%d/some-file-%d", i/100, i)
		all = append(all, tree.NewFile(p, 0o644, []byte(strings.Repeat(p, 10)), t0.Add(time.Duration(i)), "package share 1.2.3"))
	}
	return all
}

func BenchmarkWrite(b *testing.B) {
	all := large()
	path := filepath.Join(b.TempDir(), "x.pack")
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(b.Context(), path, all, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.pack")
	if err := Write(b.Context(), path, large(), nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(path, nil); err != nil {
			b.Fatal(err)
		}
	}
}

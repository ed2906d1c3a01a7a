package ffs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// imageFile writes entries to a new file.
func imageFile(t *testing.T, entries []Entry, o Options) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	l, err := Plan(entries, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), f, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// aTree has a file of each kind, with contents in runs and outside.
func aTree() []Entry {
	day := time.Date(2026, 11, 23, 1, 2, 3, 456789, time.UTC)
	entries := []Entry{
		{Path: "/", Mode: fs.ModeDir | 0o755, ModTime: day},
		{Path: "/dev", Mode: fs.ModeDir | 0o755, ModTime: day},
		{Path: "/dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, ModTime: day},
		{Path: "/dev/rld0d", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 69, Minor: 3},
		{Path: "/etc", Mode: fs.ModeDir | 0o755, ModTime: day},
		{Path: "/etc/motd", Mode: 0o644, Size: 5, Open: text("hello"), ModTime: day},
		{Path: "/etc/issue", Hardlink: "/etc/motd"},
		{Path: "/long", Mode: fs.ModeSymlink | 0o777, Target: strings.Repeat("x/", 100)},
		{Path: "/short", Mode: fs.ModeSymlink | 0o777, Target: "etc/motd"},
		{Path: "/zero", Mode: 0o600},
	}
	for i, size := range []int{2048, 17_000, 70_000, 300_000, 3 << 20} {
		contents := strings.Repeat(string(rune('a'+i))+"bcdefg", size/7+1)[:size]
		entries = append(entries, Entry{Path: "/f" + string(rune('a'+i)), Mode: 0o755, Size: int64(size), Open: text(contents), ModTime: day})
	}
	return entries
}

// TestReproducible writes a tree in another order and by other numbers of
// threads: the bytes are the same.
func TestReproducible(t *testing.T) {
	want := imageBytes(t, aTree())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := rand.New(rand.NewPCG(1, 2))
	for procs := 1; procs <= 4; procs++ {
		runtime.GOMAXPROCS(procs)
		entries := aTree()
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		if !bytes.Equal(imageBytes(t, entries), want) {
			t.Errorf("with %d threads the image has other bytes", procs)
		}
	}
}

func imageBytes(t *testing.T, entries []Entry) []byte {
	t.Helper()
	b, err := io.ReadAll(imageFile(t, entries, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNotAfter clamps all times.
func TestNotAfter(t *testing.T) {
	limit := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	l, err := Plan(aTree(), Options{NotAfter: limit})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Superblock().Time; got != limit.Unix() {
		t.Errorf("the file system's time is %d, want %d", got, limit.Unix())
	}
	for n := range l.nodes {
		i := l.inode(int32(n))
		for _, got := range []time.Time{i.AccessTime, i.ModTime, i.ChangeTime, i.BirthTime} {
			if got.After(limit) {
				t.Errorf("%s has a time of %s", l.nodes[n].entry.Path, got)
			}
		}
	}
}

// TestWriteOffset leaves what is before the file system as it is, and no
// trace of what was behind.
func TestWriteOffset(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old := bytes.Repeat([]byte{0xee}, 3<<20)
	if _, err := f.Write(old); err != nil {
		t.Fatal(err)
	}
	l, err := Plan(aTree(), Options{Free: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const offset = 1 << 20
	if err := l.Write(t.Context(), f, offset); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[:offset], old[:offset]) {
		t.Error("what was before the file system is not the same any more")
	}
	plain, err := io.ReadAll(imageFile(t, aTree(), Options{Free: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[offset:], plain) {
		t.Error("the file system differs from one at offset 0")
	}
}

// TestContentsChange has files that are not as long as was planned, and ones
// that can't be read.
func TestContentsChange(t *testing.T) {
	onDisk := func(size int64) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) {
			name := filepath.Join(t.TempDir(), "f")
			if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, size)); err != nil {
				return nil, err
			}
			return os.Open(name)
		}
	}
	stream := func(size int64) func() (io.ReadCloser, error) { return text(strings.Repeat("x", int(size))) }
	for _, from := range []struct {
		name string
		open func(size int64) func() (io.ReadCloser, error)
	}{{"on disk", onDisk}, {"stream", stream}} {
		for _, size := range []int64{1, 2048, 20_000, 65_536, 70_000, 200_000, 5 << 20} {
			for _, c := range []struct {
				by   int64
				want string
			}{{-1, "did it shrink meanwhile?"}, {1, "did it grow meanwhile?"}} {
				err := writeOne(t, Entry{Path: "/some/file", Size: size, Open: from.open(size + c.by)})
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/some/file: ") {
					t.Errorf("%s, %d bytes and %d more: error %v, want one with %q", from.name, size, c.by, err, c.want)
				}
			}
			if err := writeOne(t, Entry{Path: "/some/file", Size: size, Open: from.open(size)}); err != nil {
				t.Errorf("%s, %d bytes: %v", from.name, size, err)
			}
		}
	}
	broken := errors.New("broken")
	for _, size := range []int64{1, 70_000} {
		err := writeOne(t, Entry{Path: "/some/file", Size: size, Open: func() (io.ReadCloser, error) { return nil, broken }})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "/some/file: ") {
			t.Errorf("error %v, want one that names the file", err)
		}
	}
}

func writeOne(t *testing.T, e Entry) error {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, err := Plan([]Entry{{Path: "/some", Mode: fs.ModeDir}, e}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l.Write(t.Context(), f, 0)
}

// TestCancel stops a writing under way.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entries := aTree()
	for i := range entries {
		if open := entries[i].Open; open != nil {
			entries[i].Open = func() (io.ReadCloser, error) { cancel(); return open() }
		}
	}
	l, err := Plan(entries, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := l.Write(ctx, f, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
}

// TestProgress counts all bytes of regular files.
func TestProgress(t *testing.T) {
	var last, total int64
	entries := aTree()
	imageFile(t, entries, Options{Progress: func(done, of int64) {
		if done <= last {
			t.Errorf("progress goes from %d to %d", last, done)
		}
		last, total = done, of
	}})
	var want int64
	for _, e := range entries {
		want += e.Size
	}
	if last != want || total != want {
		t.Errorf("progress ends at %d of %d, want %d", last, total, want)
	}
}

// TestVerify notices bytes that did not arrive as they were meant to be.
func TestVerify(t *testing.T) {
	f := imageFile(t, aTree(), Options{})
	l, err := Plan(aTree(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{Layout: l, groups: groupSource{Layout: l}, file: f}
	if err := w.verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := l.super
	for name, at := range map[string]int64{
		"superblock": s.Place + 60,
		"copy":       s.offset(s.copyAt(0)) + 60,
		"free map":   s.offset(s.headerAt(0)) + int64(s.GroupSize) - 40,
		"inode":      s.inodeOffset(rootIno + 3),
	} {
		b := []byte{0}
		if err := readFull(f, b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[0] ^ 1}, at); err != nil {
			t.Fatal(err)
		}
		if err := w.verify(t.Context()); err == nil || !strings.Contains(err.Error(), "read back: ") {
			t.Errorf("%s: error %v, want one that says what was read back", name, err)
		}
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestContentsOfNoFile has an *os.File that is a pipe or a device: how long
// its contents are shows when they end.
func TestContentsOfNoFile(t *testing.T) {
	pipe := func(size int64, more string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) {
			r, w, err := os.Pipe()
			if err != nil {
				return nil, err
			}
			go func() {
				defer w.Close()
				_, _ = w.Write(make([]byte, size))
				time.Sleep(20 * time.Millisecond) // what was written is read by itself
				_, _ = io.WriteString(w, more)
			}()
			return r, nil
		}
	}
	device := func() (io.ReadCloser, error) { return os.Open("/dev/zero") }
	for _, size := range []int64{3000, 200_000} {
		if err := writeOne(t, Entry{Path: "/some/file", Size: size, Open: pipe(size, "")}); err != nil {
			t.Errorf("a pipe of %d bytes: %v", size, err)
		}
		for name, open := range map[string]func() (io.ReadCloser, error){"pipe": pipe(size, "more"), "device": device} {
			err := writeOne(t, Entry{Path: "/some/file", Size: size, Open: open})
			if err == nil || !strings.Contains(err.Error(), "did it grow meanwhile?") {
				t.Errorf("a %s of more than %d bytes: %v", name, size, err)
			}
		}
	}
}

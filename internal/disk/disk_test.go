package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var when = time.Unix(1_700_000_000, 123_000_000)

// data returns a file entry that carries its bytes.
func data(t testing.TB, p string, mode uint32, b []byte) tree.Entry {
	t.Helper()
	digest, n, err := tree.DigestOf(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return tree.Entry{
		Path: p, Type: tree.File, Mode: mode, UID: 33, GID: 44, ModTime: when,
		Size: n, Digest: digest, Content: tree.Content{Data: b},
	}
}

// hosted writes b into a file of the host, after skip other bytes.
func hosted(t testing.TB, p string, skip int, b []byte) tree.Entry {
	t.Helper()
	e := data(t, p, 0o755, b)
	host := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(host, append(make([]byte, skip), b...), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Content = tree.Content{Host: host, Offset: int64(skip)}
	return e
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// testImage has one entry of every kind that both file systems hold.
func testImage(t testing.TB, os string) image.Image {
	t.Helper()
	img := image.Image{Name: "test", Guest: image.Guest{OS: os, Arch: "i386"}}
	put(t, &img,
		hosted(t, "/bin/server", 4096, random(3_000_000)),
		tree.Entry{Path: "/bin/other", Type: tree.Hardlink, Link: "/bin/server", ModTime: when},
		data(t, "/etc/motd", 0o644, []byte("hello\n")),
		data(t, "/etc/empty", 0o600, nil),
		data(t, "/etc/su", 0o4755, []byte("#!/bin/sh\n")),
		data(t, "/var/holes", 0o644, append(make([]byte, 1<<20), 'x')),
		data(t, `/var/odd #1 *?[x]=\~ü`, 0o644, []byte("odd")),
		tree.Entry{Path: "/sbin", Type: tree.Symlink, Mode: 0o777, Link: "bin", ModTime: when},
		tree.Entry{Path: "/var/long link", Type: tree.Symlink, Mode: 0o777, Link: "/" + strings.Repeat("a b/", 40), ModTime: when},
		tree.Entry{Path: "/var/fifo", Type: tree.FIFO, Mode: 0o620, GID: 4, ModTime: when},
		tree.Entry{Path: "/var/tmp", Type: tree.Dir, Mode: 0o1777, ModTime: when},
	)
	return img
}

func put(t testing.TB, img *image.Image, entries ...tree.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := img.Tree.Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

// guests are the systems, and so the file systems, to test.
func guests(t *testing.T, f func(t *testing.T, os string)) {
	for _, os := range []string{"netbsd", "linux"} {
		t.Run(os, func(t *testing.T) { f(t, os) })
	}
}

func derived(t testing.TB, img image.Image, o Options) Disk {
	t.Helper()
	d, err := Derive(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestDerive(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		dir := filepath.Join(t.TempDir(), "disks")
		img := testImage(t, guest)
		d := derived(t, img, Options{Dir: dir})
		if d.Cached || d.Elapsed <= 0 || d.Size < 64<<20 {
			t.Errorf("Derive = %+v; want a new disk of more than 64 MiB", d)
		}
		fi, err := os.Stat(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); got != 0o444 {
			t.Errorf("mode %o; want 444", got)
		}
		if diff := cmp.Diff([]string{filepath.Base(d.Path)}, names(t, dir)); diff != "" {
			t.Errorf("left in the cache folder (-want +got):\n%s", diff)
		}
		again := derived(t, img, Options{Dir: dir})
		if !again.Cached || again.Path != d.Path || again.Digest != d.Digest {
			t.Errorf("second Derive = %+v; want %s from the cache", again, d.Path)
		}
		if n := allocated(t, d.Path); n > 8<<20 {
			t.Errorf("takes %d bytes on the host; want a sparse file", n)
		}
	})
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	out, err := exec.Command("du", "-k", path).Output()
	if err != nil {
		t.Skip("no du here")
	}
	var kib int64
	if _, err := fmt.Sscan(string(out), &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// What changes the disk changes its key, and what doesn't leaves it.
func TestDigest(t *testing.T) {
	base := func() (image.Image, Options) { return testImage(t, "netbsd"), Options{} }
	digest := func(img image.Image, o Options) string {
		k, err := newKey(img, o)
		if err != nil {
			t.Fatal(err)
		}
		return k.digest
	}
	want := digest(base())
	tests := []struct {
		name   string
		change func(*image.Image, *Options)
		same   bool
	}{
		{"nothing", func(*image.Image, *Options) {}, true},
		{"where bytes are", func(i *image.Image, _ *Options) { put(t, i, hosted(t, "/bin/server", 0, random(3_000_000))) }, true},
		{"default free space said", func(_ *image.Image, o *Options) { o.Free = Free{Bytes: 64 << 20, Percent: 25} }, true},
		{"content", func(i *image.Image, _ *Options) { put(t, i, data(t, "/etc/motd", 0o644, []byte("hullo\n"))) }, false},
		{"mode", func(i *image.Image, _ *Options) { put(t, i, data(t, "/etc/motd", 0o640, []byte("hello\n"))) }, false},
		{"free", func(_ *image.Image, o *Options) { o.Free.Bytes = 65 << 20 }, false},
		{"guest", func(i *image.Image, _ *Options) { i.Guest.OS = "linux" }, false},
		{"bare said", func(_ *image.Image, o *Options) {
			o.Layout = Layout{Scheme: partition.Bare, Version: 2, Label: "unused"}
		}, true},
		{"scheme", func(_ *image.Image, o *Options) { o.Layout.Scheme = partition.GPT }, false},
		{"version", func(_ *image.Image, o *Options) { o.Layout.Version = 1 }, false},
		{"byte order", func(_ *image.Image, o *Options) { o.Layout.BigEndian = true }, false},
		{"block size", func(_ *image.Image, o *Options) { o.Layout.BlockSize = 32 << 10 }, false},
		{"extra", func(_ *image.Image, o *Options) { o.Extra = []tree.Entry{data(t, "/sbin/init", 0o755, nil)} }, false},
		{"nanosecond", func(i *image.Image, _ *Options) {
			e := data(t, "/etc/motd", 0o644, []byte("hello\n"))
			e.ModTime = e.ModTime.Add(1)
			put(t, i, e)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img, o := base()
			tt.change(&img, &o)
			if got := digest(img, o); (got == want) != tt.same {
				t.Errorf("same key: %v; want %v", got == want, tt.same)
			}
		})
	}
}

// Extra entries go where the tree's links lead, and over what is there.
func TestExtra(t *testing.T) {
	img := testImage(t, "linux")
	agent := tree.Entry{Path: "/sbin/server", Type: tree.File, Mode: 0o755, Content: tree.Content{Data: []byte("agent")}}
	p, err := newPlan(key{}, img, Options{Extra: []tree.Entry{agent}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.entries {
		if e.Path == "/bin/server" && e.Size == 5 && e.Digest != "" {
			return
		}
	}
	t.Error("the extra entry isn't at /bin/server, where /sbin leads")
}

func TestDeriveConcurrently(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		dir := t.TempDir()
		img := testImage(t, guest)
		var wg sync.WaitGroup
		disks, errs := make([]Disk, 4), make([]error, 4)
		for i := range disks {
			wg.Go(func() { disks[i], errs[i] = Derive(t.Context(), img, Options{Dir: dir}) })
		}
		wg.Wait()
		made := 0
		for i, d := range disks {
			if errs[i] != nil {
				t.Error(errs[i])
			}
			if !d.Cached {
				made++
			}
		}
		if made != 1 || len(names(t, dir)) != 1 {
			t.Errorf("made %d times, left %q; want once, and one file", made, names(t, dir))
		}
	})
}

// A room whose owner died is swept, one that is owned is not.
func TestSweepRooms(t *testing.T) {
	dir := t.TempDir()
	owned, err := claim(t.Context(), dir, "owned")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, roomPrefix+"dead", "stage"), 0o755); err != nil {
		t.Fatal(err)
	}
	sweepRooms(dir)
	if diff := cmp.Diff([]string{roomPrefix + "owned", roomPrefix + "owned" + roomLock}, names(t, dir)); diff != "" {
		t.Errorf("after the sweep (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := claim(ctx, dir, "owned"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("claim of an owned room: %v; want it to wait for the context's end", err)
	}
	if err := owned.release(); err != nil {
		t.Error(err)
	}
}

// A damaged cache entry is made again.
func TestDamagedEntry(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		dir := t.TempDir()
		img := testImage(t, guest)
		d := derived(t, img, Options{Dir: dir})
		for name, damage := range map[string]int64{"empty": 0, "cut short": 1 << 20} {
			if err := os.Chmod(d.Path, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(d.Path, damage); err != nil {
				t.Fatal(err)
			}
			if again := derived(t, img, Options{Dir: dir}); again.Cached || again.Size != d.Size {
				t.Errorf("%s: Derive = %+v; want it made again", name, again)
			}
		}
	})
}

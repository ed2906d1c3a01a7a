package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
)

func TestTree(t *testing.T) {
	files := []file{
		{name: "./"},
		{name: "./bin/"},
		{name: "./bin/sh", body: "program"},
		{name: "./bin/ash", typ: tar.TypeLink, link: "./bin/sh"},
		{name: "./usr/bin/sh", typ: tar.TypeSymlink, link: "/bin/sh"}, // where it moved from
		{name: "./lib/x86_64-linux-gnu/libx.so", body: "library", mode: 0o644},
		{name: "./lib64/ld.so", typ: tar.TypeSymlink, link: "/lib/x86_64-linux-gnu/ld.so"},
		{name: "./usr/share/doc/x/copyright", body: "12345"},
		{name: "./usr/share/man/man1/x.1.gz", body: "123"},
		{name: "./var/x", body: "x", mode: 0o2755, gid: 50},
	}
	tr, r := install(t, map[string]string{}, files)
	var got []string
	for _, e := range tr.All() {
		got = append(got, line(e))
	}
	want := []string{
		"/ dir 0755 0:0",
		"/bin link 0777 0:0 -> usr/bin", "/lib link 0777 0:0 -> usr/lib", "/lib64 link 0777 0:0 -> usr/lib64", "/sbin link 0777 0:0 -> usr/sbin",
		"/usr dir 0755 0:0", "/usr/bin dir 0755 0:0", "/usr/bin/ash hardlink 0755 0:0 -> /usr/bin/sh", "/usr/bin/sh file 0755 0:0",
		"/usr/lib dir 0755 0:0", "/usr/lib/x86_64-linux-gnu dir 0755 0:0", "/usr/lib/x86_64-linux-gnu/libx.so file 0644 0:0",
		"/usr/lib64 dir 0755 0:0", "/usr/lib64/ld.so link 0777 0:0 -> /lib/x86_64-linux-gnu/ld.so",
		"/usr/share dir 0755 0:0", "/var dir 0755 0:0", "/var/x file 2755 0:50",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.PrunedFiles != 2 || r.PrunedBytes != 8 {
		t.Errorf("pruned %d files of %d bytes; want 2 of 8", r.PrunedFiles, r.PrunedBytes)
	}
	b, err := tr.ReadFile("/bin/ash", 100)
	if string(b) != "program" {
		t.Errorf("/bin/ash has %q, %v", b, err)
	}
}

func TestTreeTime(t *testing.T) {
	s := &Source{Dir: t.TempDir(), Time: time.Unix(77, 0)}
	deb := makeDeb(t, ".zst", map[string]string{"control": "Package: x\n"}, []file{{name: "./usr/share/x", body: "12345"}})
	tr, _, err := s.Tree(t.Context(), []source.Package{download(t, s, "x", deb)})
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := tr.Get("/usr"); !e.ModTime.Equal(time.Unix(77, 0)) {
		t.Errorf("/usr has the time %s", e.ModTime)
	}
}

// TestTreeIsReproducible builds the same tree from .debs and from what was
// unpacked of them.
func TestTreeIsReproducible(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	ctl := map[string]string{"control": "Package: x\n", "postinst": "#!/bin/sh\necho 1 > /etc/made\n"}
	deb := makeDeb(t, ".gz", ctl, base)
	p := download(t, s, "x", deb)
	var digests []string
	for range 2 {
		tr, _, err := s.Tree(t.Context(), []source.Package{p})
		if err != nil {
			t.Fatal(err)
		}
		d, err := tr.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
		if _, err := os.Stat(s.deb(p)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the .deb is still there: %v", err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %s", digests)
	}
}

func TestTreeRefusesOtherBytes(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	p := download(t, s, "x", makeDeb(t, ".gz", map[string]string{"control": "Package: x\n"}, base))
	p.Digest = digestPrefix + strings.Repeat("0", 64)
	_, _, err := s.Tree(t.Context(), []source.Package{p})
	if err == nil || !strings.Contains(err.Error(), "has SHA256") {
		t.Errorf("Tree = %v; want an error about the digest", err)
	}
	left, err := filepath.Glob(filepath.Join(s.debs(), "*"))
	if err != nil || len(left) != 1 || left[0] != s.deb(p) {
		t.Errorf("the folder holds %v, %v; want the .deb alone", left, err)
	}
}

func TestTreeUnpacksDamagedAgain(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	deb := makeDeb(t, ".gz", map[string]string{"control": "Package: x\n"}, base)
	for _, damage := range []string{"", "short", strings.Repeat("x", 100), "xxxxxxxx\xff\xff\xff\xff\xff\xff\xff\x7ffc-pack1"} {
		p := download(t, s, "x", deb)
		if err := os.WriteFile(s.unpacked(p), []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Tree(t.Context(), []source.Package{p}); err != nil {
			t.Errorf("with %.20q: %v", damage, err)
		}
	}
}

// TestFetchesDamagedAgain has a package whose unpacked files are damaged, and
// nothing to unpack them from.
func TestFetchesDamagedAgain(t *testing.T) {
	s := &Source{Dir: t.TempDir(), Offline: true}
	p := download(t, s, "x", makeDeb(t, ".gz", map[string]string{"control": "Package: x\n"}, base))
	if _, _, err := s.Tree(t.Context(), []source.Package{p}); err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context(), []source.Package{p}); err != nil {
		t.Errorf("with the unpacked files: %v", err)
	}
	if err := os.WriteFile(s.unpacked(p), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context(), []source.Package{p}); err == nil || !strings.Contains(err.Error(), "it is not at hand") {
		t.Errorf("with damaged ones, Fetch = %v; want that it is to be got", err)
	}
}

// TestTreeInParallel has Sources unpack the same packages at a time, as runs
// of the same ship do.
func TestTreeInParallel(t *testing.T) {
	first := &Source{Dir: t.TempDir()}
	var pkgs []source.Package
	for i := range 20 {
		name := fmt.Sprintf("x%d", i)
		ctl := map[string]string{"control": "Package: " + name + "\n"}
		pkgs = append(pkgs, download(t, first, name, makeDeb(t, ".gz", ctl, base)))
	}
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			s := &Source{Dir: first.Dir}
			_, _, errs[i] = s.Tree(t.Context(), pkgs)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if missing, size := first.missing(pkgs); len(missing) > 0 || size > 0 {
		t.Errorf("%v are missing", missing)
	}
}

func TestTreeStops(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	p := download(t, s, "x", makeDeb(t, ".gz", map[string]string{"control": "Package: x\n"}, base))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Tree(ctx, []source.Package{p}); !errors.Is(err, context.Canceled) {
		t.Errorf("Tree = %v; want %v", err, context.Canceled)
	}
}

func TestKernelOf(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	p := download(t, s, "linux-image", makeDeb(t, ".gz", map[string]string{"control": "Package: x\n"}, []file{
		{name: "./boot/vmlinuz-6.1-cloud", body: "kernel"},
		{name: "./lib/modules/6.1-cloud/kernel/x.ko", body: "module"},
		{name: "./usr/lib/modules/6.1-cloud/modules.dep", body: ""},
		{name: "./usr/share/doc/x", body: ""},
	}))
	all, err := s.load(t.Context(), []source.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernelOf(p, all[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range k.Files {
		got = append(got, f.Path)
	}
	want := []string{"lib/modules/6.1-cloud/kernel/x.ko", "lib/modules/6.1-cloud/modules.dep"}
	if diff := cmp.Diff(want, got); diff != "" || k.Release != "6.1-cloud" || k.Origin != "Debian package linux-image 1.0" {
		t.Errorf("%+v\n%s", k, diff)
	}
}

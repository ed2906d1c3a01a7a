package build

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var (
	netbsd = image.Guest{OS: "netbsd", Arch: "i386"}
	linux  = image.Guest{OS: "linux", Arch: "amd64"}
)

// program returns the headers of a static program: for NetBSD/i386 with the
// note that its kernel wants, for Linux/amd64 with none.
func program(t testing.TB, g image.Guest) string {
	t.Helper()
	var b []byte
	add := func(v any) {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	if g == linux {
		h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: 1, Ehsize: 64}
		copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
		add(h)
		return string(b)
	}
	note := "\x07\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00NetBSD\x00\x00\x00\xe1\xf5\x05"
	h := elf.Header32{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: 1, Entry: 1,
		Ehsize: 52, Phoff: 52, Phentsize: 32, Phnum: 1,
	}
	copy(h.Ident[:], elf.ELFMAG+"\x01\x01\x01")
	add(h)
	add(elf.Prog32{Type: uint32(elf.PT_NOTE), Off: 84, Filesz: uint32(len(note))})
	return string(b) + note
}

// write makes host files below dir, old enough not to change unseen.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	for p := range files {
		for p := filepath.Join(dir, p); p != dir; p = filepath.Dir(p) {
			if err := os.Chtimes(p, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
}

// shelf is a PackageSource with one package, which writes down what it was
// asked for.
type shelf struct {
	tree  tree.Tree
	key   string
	asked []string
}

func (s *shelf) Packages(_ context.Context, names []string) (tree.Tree, source.Report, error) {
	s.asked = append(s.asked, names...)
	if len(names) != 1 || names[0] != "web" {
		return tree.Tree{}, source.Report{}, fmt.Errorf("package %q not found", names)
	}
	notes := []source.Note{{Package: "web", Script: "postinst", Line: 3, Text: "odd"}, {Package: "web", Text: "start", Known: true}}
	b, err := s.tree.MarshalJSON() // a copy: the builder changes what it gets
	if err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	var t tree.Tree
	return t, source.Report{Key: s.key, Notes: notes, PrunedFiles: 7}, t.UnmarshalJSON(b)
}

func (s *shelf) Key() string { return s.key }

func newShelf(t testing.TB, files map[string]string) *shelf {
	t.Helper()
	s := &shelf{key: "1"}
	for p, text := range files {
		e := tree.NewFile(p, 0o755, []byte(text), time.Unix(5, 0), "package web 1")
		if err := s.tree.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// web is a ship of a program and an overlay for NetBSD, in a folder.
func web(t testing.TB) (ship.Ship, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"server": program(t, netbsd), "over/var/www/index.html": "hello\n", "over/PREFIX/etc/web.conf": "x"})
	return ship.Ship{
		Name: "web", File: "ship.conf", Lines: map[string]int{"program": 5, "cmd": 6, "packages": 4, "shipbins": 3, "run_at_build[0]": 9},
		Programs: []ship.Program{{Host: filepath.Join(dir, "server"), Guest: "/usr/bin/server"}},
		Overlays: []ship.Overlay{{Dir: filepath.Join(dir, "over")}},
		Notes:    []string{"noted by the reader"},
	}, dir
}

func TestBuildNetBSD(t *testing.T) {
	s, _ := web(t)
	img, r, err := Build(t.Context(), s, Options{Guest: netbsd})
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range img.Tree.All() {
		if e.Type != tree.Dir {
			files = append(files, fmt.Sprintf("%s %s %04o %s", e.Path, e.Type, e.Mode, e.Why))
		}
	}
	for i := range files {
		files[i] = strings.ReplaceAll(files[i], s.Overlays[0].Dir, "OVER")
	}
	want := []string{
		"/etc/group file 0644 every root", "/etc/hosts file 0644 every root", "/etc/passwd file 0644 every root",
		"/usr/bin/server file 0755 ship.conf:5", "/usr/pkg/etc/web.conf file 0755 overlay OVER", "/var/www/index.html file 0755 overlay OVER",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if e, _ := img.Tree.Get("/tmp"); e.Mode != 0o1777 {
		t.Errorf("/tmp has mode %o", e.Mode)
	}
	if diff := cmp.Diff(image.Config{Cmd: []string{"/usr/bin/server"}}, img.Config); diff != "" {
		t.Error(diff)
	}
	if img.Name != "web" || img.Guest != netbsd || r.Cached || !cmp.Equal(r.Notes, s.Notes) {
		t.Errorf("image %s for %s, report %+v", img.Name, img.Guest, r)
	}
	if _, err := img.Tree.Digest(); err != nil {
		t.Error(err)
	}
}

func TestBuildLinux(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"all/etc/conf": "common", "all/etc/web/conf": "common", "own/etc/conf": "own", "own/PREFIX/etc/web/x": "x", "own/PREFIX/share/y": "y"})
	s := ship.Ship{
		Name: "web", Packages: []string{"web"}, Bins: []string{"/usr/sbin/web", "/usr/sbin/w*"},
		Overlays: []ship.Overlay{{Dir: filepath.Join(dir, "all"), Keep: true}, {Dir: filepath.Join(dir, "own")}},
		Config:   image.Config{Cmd: []string{"web", "-f"}, User: "www-data", Expose: []uint16{80}},
	}
	p := newShelf(t, map[string]string{
		"/usr/sbin/web": program(t, linux), "/etc/web/conf": "package", "/usr/bin/helper": "#!/usr/bin/perl\n",
	})
	for _, name := range []string{"/usr/bin/a", "/usr/bin/b"} {
		if err := p.tree.Put(tree.NewFile(name, 0o755, []byte("#!/bin/tcl\n"), time.Unix(5, 0), "package libweb 1")); err != nil {
			t.Fatal(err)
		}
	}
	img, r, err := Build(t.Context(), s, Options{Guest: linux, Packages: p})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc/conf": "own", "/etc/web/conf": "package", "/etc/web/x": "x", "/usr/share/y": "y"} {
		if b, err := img.Tree.ReadFile(path, 100); string(b) != want {
			t.Errorf("%s is %q, %v; want %q", path, b, err, want)
		}
	}
	if _, ok := img.Tree.Get("/PREFIX"); ok {
		t.Error("/PREFIX is left behind")
	}
	want := []string{
		"1 script needs /usr/bin/perl, which is not in the image: /usr/bin/helper (package web 1)", "not done: package web: postinst:3: odd",
	}
	if want := []string{"2 scripts need /bin/tcl, which is not in the image: /usr/bin/a /usr/bin/b (package libweb 1)"}; !cmp.Equal(want, r.Details) {
		t.Error(cmp.Diff(want, r.Details))
	}
	if diff := cmp.Diff(want, r.Notes); diff != "" || r.PrunedFiles != 7 {
		t.Errorf("pruned %d\n%s", r.PrunedFiles, diff)
	}
	if diff := cmp.Diff(s.Config, img.Config); diff != "" {
		t.Error(diff)
	}
}

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		guest image.Guest
		files map[string]string
		want  bool
	}{
		{netbsd, map[string]string{"sbin/init": program(t, netbsd), "etc/rc": "#!/bin/sh"}, true},
		{netbsd, map[string]string{"sbin/init": program(t, netbsd)}, false},
		{netbsd, map[string]string{"etc/rc": "x"}, false},
		{linux, map[string]string{"sbin/init": program(t, linux)}, true},
		{linux, map[string]string{"etc/rc": "x"}, false},
	} {
		dir := t.TempDir()
		write(t, dir, tt.files)
		img, _, err := Build(t.Context(), ship.Ship{Name: "x", Overlays: []ship.Overlay{{Dir: dir}}}, Options{Guest: tt.guest})
		if err != nil || img.Config.Init != tt.want {
			t.Errorf("%s with %d files: init %t, %v; want %t", tt.guest, len(tt.files), img.Config.Init, err, tt.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	_, dir := web(t)
	write(t, dir, map[string]string{"linux": program(t, linux), "text": "hello", "script": "#!/bin/perl\n", "bad/bin/x": program(t, linux)})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name   string
		guest  image.Guest
		change func(*ship.Ship)
		want   string
	}{
		{"packages on NetBSD", netbsd, func(s *ship.Ship) { s.Packages = []string{"nginx"} }, "build web: ship.conf:4: there is no source of system files"},
		{"shipbins on NetBSD", netbsd, func(s *ship.Ship) { s.Bins = []string{"/a", "/b", "/c", "/d"} }, "ship.conf:3: there is no source of system files"},
		{"hooks", netbsd, func(s *ship.Ship) { s.Hooks.Build = []string{"cd /dev", "x"} }, `ship.conf:9: cd /dev: there is nothing to run build steps in`},
		{"services on Linux", linux, func(s *ship.Ship) { s.Services = []string{"nginx"} }, "say what to start with cmd="},
		{"Linux on another processor", image.Guest{OS: "linux", Arch: "i386"}, nil, "use --guest linux/amd64"},
		{"no guest", image.Guest{}, nil, `guest system ""`},
		{"the other guest", netbsd, func(s *ship.Ship) { s.Guest = linux }, "the ship is for linux/amd64, and the guest is netbsd/i386"},
		{"no program", netbsd, func(s *ship.Ship) { s.Programs[0].Host = at("none") }, "ship.conf:5: program " + at("none") + " is not there"},
		{"another system's program", netbsd, func(s *ship.Ship) { s.Programs[0].Host = at("linux") }, "ship.conf:5: program " + at("linux") + " is linux/amd64, the guest is netbsd/i386"},
		{"text", netbsd, func(s *ship.Ship) { s.Programs[0].Host = at("text") }, "is neither an ELF program nor a script"},
		{"script without its interpreter", netbsd, func(s *ship.Ship) { s.Programs[0].Host = at("script") }, "is a script for /bin/perl, which is not in the image"},
		{"folder as program", netbsd, func(s *ship.Ship) { s.Programs[0].Host = dir }, "not a regular file"},
		{"another system's overlay", netbsd, func(s *ship.Ship) { s.Overlays = []ship.Overlay{{Dir: at("bad")}} }, "/bin/x is a program for linux/amd64, the guest is netbsd/i386"},
		{"no overlay", netbsd, func(s *ship.Ship) { s.Overlays = []ship.Overlay{{Dir: at("none")}} }, "no such file"},
		{"unknown command", netbsd, func(s *ship.Ship) { s.Config.Cmd = []string{"nginx"} }, "ship.conf:6: cmd: nginx: none of the folders of PATH has it"},
		{"command that is not there", netbsd, func(s *ship.Ship) { s.Config.Cmd = []string{"/bin/nginx"} }, "ship.conf:6: cmd: /bin/nginx: it is not in the image"},
		{"user", netbsd, func(s *ship.Ship) { s.Config.User = "web:80" }, `user "web" is not in the image's /etc/passwd`},
		{"no source of packages", linux, func(s *ship.Ship) { s.Packages, s.Programs = []string{"x"}, nil }, "ship.conf:4: there is no source of packages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := web(t)
			if tt.change != nil {
				tt.change(&s)
			}
			cache := t.TempDir()
			_, _, err := Build(t.Context(), s, Options{Guest: tt.guest, Cache: cache})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Build = %v\nwant %q", err, tt.want)
			}
			if left, err := os.ReadDir(cache); err != nil || len(left) != 0 {
				t.Errorf("the cache holds %v, %v", left, err)
			}
		})
	}
}

func TestBuildRefusesMissing(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"wbe", `ship.conf:4: package ["wbe"] not found`},
		{"web", "ship.conf:3: shipbins: the packages bring no /usr/bin/gone"},
	} {
		s := ship.Ship{
			Name: "web", File: "ship.conf", Packages: []string{tt.name}, Bins: []string{"/usr/bin/gone"},
			Lines: map[string]int{"packages": 4, "shipbins": 3},
		}
		_, _, err := Build(t.Context(), s, Options{Guest: linux, Packages: newShelf(t, nil)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Build = %v; want %q", err, tt.want)
		}
	}
}

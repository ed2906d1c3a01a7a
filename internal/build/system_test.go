package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// sets is a Catalog of NetBSD's files, with what its programs need.
type sets struct {
	tree  tree.Tree
	needs map[string]tree.Needs
}

func (s sets) Stat(_ context.Context, p string) (tree.Entry, error) {
	if e, ok := s.tree.Get(p); ok {
		return e, nil
	}
	return tree.Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

func (s sets) Needs(_ context.Context, p string) (tree.Needs, error) { return s.needs[p], nil }

func (s sets) Below(_ context.Context, p string) ([]tree.Entry, error) { return s.tree.Below(p), nil }

func (s sets) Get(ctx context.Context, paths []string) ([]tree.Entry, error) {
	var all []tree.Entry
	for _, p := range paths {
		e, err := s.Stat(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (sets) String() string { return "the sets" }

// withSets returns options with a small NetBSD to take files from.
func withSets(t testing.TB) Options {
	t.Helper()
	s := sets{needs: map[string]tree.Needs{
		"/bin/sh":                         elfOf("libedit.so.3"),
		"/usr/lib/libedit.so.3.1":         elfOf("libterminfo.so.1"),
		"/usr/lib/security/pam_unix.so.4": elfOf("libcrypt.so.1"),
	}}
	old := time.Unix(1e9, 0)
	for _, p := range []string{
		"/bin/sh", "/bin/cat", "/bin/ls", "/libexec/ld.elf_so", "/sbin/nologin", "/usr/lib/libedit.so.3.1", "/usr/lib/libterminfo.so.1",
		"/lib/libcrypt.so.1", "/usr/lib/security/pam_unix.so.4", "/usr/lib/nss_dns.so.0", "/usr/lib/libssl.so.15", "/etc/rc.conf", "/etc/pam.d/login",
		"/etc/nsswitch.conf", "/etc/rc.d/web", "/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Europe/Zurich", "/usr/share/man/man1/sh.1", "/etc/master.passwd", "/etc/group",
	} {
		text := map[string]string{
			"/etc/rc.conf": "rc_configured=YES", "/etc/pam.d/login": "auth required pam_unix.so no_warn\n", "/etc/nsswitch.conf": "hosts: files dns\n",
			"/etc/master.passwd": "root:*:0:0::0:0:root:/root:/bin/sh\n", "/etc/group": "wheel:*:0:root\n",
		}[p]
		putAll(t, &s.tree, tree.NewFile(p, 0o755, []byte(text), old, "set base"))
	}
	for _, p := range []string{"/dev/MAKEDEV", "/usr/share/zoneinfo/Etc/GMT"} {
		putAll(t, &s.tree, tree.NewFile(p, 0o555, []byte(p), old, "set etc"))
	}
	putAll(t, &s.tree, tree.Entry{Path: "/usr/share/zoneinfo/GMT", Type: tree.Hardlink, Mode: 0o555, Link: "/usr/share/zoneinfo/Etc/GMT", ModTime: old})
	putAll(t, &s.tree, tree.Entry{Path: "/usr/lib/libedit.so.3", Type: tree.Symlink, Link: "libedit.so.3.1", ModTime: old})
	s.tree.MakeParents(old)
	return Options{Guest: netbsd, Catalog: func(context.Context, image.Guest, []string) (tree.Catalog, error) { return s, nil }}
}

func elfOf(libraries ...string) tree.Needs {
	return tree.Needs{ELF: &tree.ELF{OS: "netbsd", Arch: "i386", Interp: "/libexec/ld.elf_so", Needed: libraries}}
}

func putAll(t testing.TB, to *tree.Tree, entries ...tree.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := to.Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

// systemShip is a ship of an overlay, each "name=text", and a program.
func systemShip(t testing.TB, over ...string) ship.Ship {
	t.Helper()
	files := map[string]string{"over/bin/web": program(t, netbsd)}
	for _, o := range over {
		name, text, _ := strings.Cut(o, "=")
		files["over/"+name] = text
	}
	dir := t.TempDir()
	write(t, dir, files)
	return ship.Ship{
		Name: "web", Dir: dir, File: filepath.Join(dir, "ship.conf"), Config: image.Config{Cmd: []string{"/bin/web"}},
		Overlays: []ship.Overlay{{Dir: filepath.Join(dir, "over")}},
		Lines:    map[string]int{"shipbins": 3, "sync_dirs": 4, "also": 5, "services": 6, "packages": 7, "prune": 8},
	}
}

func TestSystemFiles(t *testing.T) {
	closed := "/bin/sh /libexec/ld.elf_so /usr/lib/libedit.so.3 /usr/lib/libedit.so.3.1 /usr/lib/libterminfo.so.1"
	for _, tt := range []struct {
		name string
		over []string
		edit func(*ship.Ship)
		want string // of the sets
	}{
		{"none", []string{"etc/pam.d/web=auth required pam_unix.so\n"}, func(*ship.Ship) {}, ""},
		{"a program", nil, func(s *ship.Ship) { s.Bins = []string{"/bin/sh"} }, closed},
		{"a pattern", nil, func(s *ship.Ship) { s.Bins = []string{"/bin/[cl]*"} }, "/bin/cat /bin/ls"},
		{"a folder", nil, func(s *ship.Ship) { s.SyncDirs = []string{"/usr/share/zoneinfo"} }, "/usr/share/zoneinfo/Etc/GMT /usr/share/zoneinfo/Europe/Zurich /usr/share/zoneinfo/GMT /usr/share/zoneinfo/UTC"},
		{"also", nil, func(s *ship.Ship) { s.Also = []string{"/usr/lib/libssl.so.*"} }, "/usr/lib/libssl.so.15"},
		{"a script's interpreter", []string{"bin/go=#!/bin/sh -e\n"}, func(s *ship.Ship) { s.Also = []string{"/bin/cat"} }, "/bin/cat " + closed},
		{
			"what pam.d names",
			[]string{"etc/pam.d/web=auth required pam_unix.so\n"},
			func(s *ship.Ship) { s.Also = []string{"/bin/cat"} },
			"/bin/cat /lib/libcrypt.so.1 /libexec/ld.elf_so /usr/lib/security/pam_unix.so.4",
		},
		{
			"what nsswitch.conf names",
			[]string{"etc/nsswitch.conf=hosts: files dns\n"},
			func(s *ship.Ship) { s.Also = []string{"/bin/cat"} },
			"/bin/cat /usr/lib/nss_dns.so.0",
		},
		{
			"what nginx loads",
			[]string{"PREFIX/etc/nginx/nginx.conf=load_module /usr/lib/libssl.so.15;\n"},
			func(s *ship.Ship) { s.Also = []string{"/bin/cat"} },
			"/bin/cat /usr/lib/libssl.so.15",
		},
		{
			"a service, and what its accounts need", nil, func(s *ship.Ship) { s.Services, s.Bins = []string{"web"}, []string{"/etc/rc.d/web"} },
			"/etc/group /etc/nsswitch.conf /etc/pam.d/login /etc/rc.conf /etc/rc.d/web /lib/libcrypt.so.1 /libexec/ld.elf_so /usr/lib/nss_dns.so.0 /usr/lib/security/pam_unix.so.4",
		},
		{"a manual page", nil, func(s *ship.Ship) { s.SyncDirs = []string{"/usr/share/man"} }, "/usr/share/man/man1/sh.1"},
		{"a manual page, pruned", nil, func(s *ship.Ship) { s.SyncDirs, s.Prune = []string{"/usr/share/man"}, true }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := systemShip(t, tt.over...)
			tt.edit(&s)
			o := withSets(t)
			img, r, err := Build(t.Context(), s, o)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			from, err := o.Catalog(t.Context(), netbsd, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range img.Tree.All() {
				if _, err := from.Stat(t.Context(), e.Path); err == nil && e.Type != tree.Dir && !strings.HasPrefix(e.Why, "overlay") && e.Why != why { // accounts are written anew
					got = append(got, e.Path)
				}
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got, cmp.Transformer("set", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
				t.Error(diff)
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

func TestServicesGoIntoRcConf(t *testing.T) {
	s := systemShip(t)
	s.Services, s.Bins = []string{"web"}, []string{"/etc/rc.d/web"}
	img, _, err := Build(t.Context(), s, withSets(t))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := img.Tree.ReadFile("/etc/rc.conf", 100); err != nil || string(text) != "rc_configured=YES\nweb=YES\n" {
		t.Errorf("rc.conf is %q, %v", text, err)
	}
	if _, ok := img.Tree.Get("/etc/pwd.db"); !ok {
		t.Error("there is no /etc/pwd.db")
	}
}

func TestPruneIsListed(t *testing.T) {
	s := systemShip(t, "PREFIX/include/web.h=H", "PREFIX/lib/libweb.a=A")
	s.SyncDirs = []string{"/usr/share/man"}
	o := withSets(t)
	o.Prune = true
	_, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/usr/share/man/man1/sh.1", "/usr/pkg/include/web.h", "/usr/pkg/lib/libweb.a"} {
		if !slices.Contains(r.Pruned, p) {
			t.Errorf("%s is not among %q", p, r.Pruned)
		}
	}
	if r.PrunedFiles != len(r.Pruned) || !slices.IsSorted(r.Pruned) {
		t.Errorf("%d files pruned: %q", r.PrunedFiles, r.Pruned)
	}
}

func TestSystemFilesRefused(t *testing.T) {
	for _, tt := range []struct {
		edit func(*ship.Ship)
		want string
	}{
		{func(s *ship.Ship) { s.Bins = []string{"/bin/none"} }, `ship.conf:3: shipbins: the sets has no /bin/none: name the set that it is in, as sets="base etc comp"`},
		{func(s *ship.Ship) { s.SyncDirs = []string{"/none"} }, "ship.conf:4: sync_dirs: the sets has no /none"},
		{func(s *ship.Ship) { s.Also = []string{"/usr/lib/none*"} }, "ship.conf:5: also: the sets has no /usr/lib/none*"},
		{func(s *ship.Ship) { s.Services = []string{"none"} }, "ship.conf:6: services: there is no /etc/rc.d/none"},
	} {
		s := systemShip(t)
		tt.edit(&s)
		if _, _, err := Build(t.Context(), s, withSets(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Build = %v\nwant %s", err, tt.want)
		}
		_, _, err := Build(t.Context(), s, Options{Guest: netbsd})
		if err == nil || !strings.Contains(err.Error(), "ship.conf:") || !strings.Contains(err.Error(), "there is no source of system files") {
			t.Errorf("without sets: %v", err)
		}
	}
}

// pkgsrcShelf has packages as pkgsrc's are: their files come at the end.
type pkgsrcShelf struct{ t testing.TB }

func (pkgsrcShelf) Key() string { return "1" }

func (p pkgsrcShelf) Packages(_ context.Context, names []string) (tree.Tree, source.Report, error) {
	r := source.Report{Key: "1"}
	for _, n := range names {
		r.Packages = append(r.Packages, source.Package{Name: n, Version: "1.0"})
		r.System = append(r.System, source.Requirement{Path: "/usr/lib/libssl.so.15", Package: n + "-1.0"})
	}
	r.Finish = func(t *tree.Tree) error {
		for _, n := range names {
			from := source.Package{Name: n, Version: "1.0"}.Why()
			putAll(p.t, t, tree.NewFile("/usr/pkg/bin/"+n, 0o755, []byte(program(p.t, netbsd)), time.Time{}, from),
				tree.NewFile("/usr/pkg/pkgdb/"+n+"-1.0/+BUILD_INFO", 0o444, nil, time.Time{}, from))
		}
		return nil
	}
	return tree.Tree{}, r, nil
}

// TestWhyLeadsToALine follows what image why prints.
func TestWhyLeadsToALine(t *testing.T) {
	s := systemShip(t, "bin/go=#!/bin/sh\n", "etc/pam.d/web=auth required pam_unix.so\n")
	s.Packages, s.Bins = []string{"nginx"}, []string{"/bin/cat"}
	o := withSets(t)
	o.Packages = pkgsrcShelf{t}
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	asked := []store.Package{{Name: "nginx", Version: "1.0", Asked: "ship.conf:7"}}
	script := []string{"needed by /bin/go", "overlay over"}
	for p, want := range map[string][]string{
		"/bin/cat":                        {"ship.conf:3"},
		"/bin/sh":                         script,
		"/usr/lib/libedit.so.3":           append([]string{"needed by /bin/sh"}, script...),
		"/usr/lib/libedit.so.3.1":         append([]string{"needed by /bin/sh"}, script...),
		"/usr/lib/libterminfo.so.1":       slices.Concat([]string{"needed by /usr/lib/libedit.so.3.1", "needed by /bin/sh"}, script),
		"/lib/libcrypt.so.1":              {"needed by /usr/lib/security/pam_unix.so.4", "needed by /etc/pam.d/login", "ship.conf:7 (accounts and services)"},
		"/usr/lib/libssl.so.15":           {"needed by /usr/pkg/pkgdb/nginx-1.0/+BUILD_INFO", "from package nginx-1.0", "asked for by ship.conf:7"},
		"/usr/pkg/bin/nginx":              {"from package nginx-1.0", "asked for by ship.conf:7"},
		"/etc/rc.conf":                    {"ship.conf:7 (accounts and services)"},
		"/usr/lib/security/pam_unix.so.4": {"needed by /etc/pam.d/login", "ship.conf:7 (accounts and services)"},
	} {
		_, got, err := store.Why(&img.Tree, asked, p)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", p, err, diff)
		}
	}
	for _, l := range r.Layers {
		for _, e := range l.Entries {
			if e.Path == "/usr/pkg/bin/nginx" && l.Text != "packages nginx" {
				t.Errorf("the package's files are in the layer %q", l.Text)
			}
		}
	}
}

// netbsdShip is the ship of a file, a Dockerfile or SMOLerfile, for NetBSD.
func netbsdShip(t testing.TB, file, text string) ship.Ship {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{file: text})
	s, err := ship.Load(t.Context(), dir, ship.Options{Guest: netbsd, File: filepath.Join(dir, file)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPackagesOnPackages builds a stage with packages on another.
func TestPackagesOnPackages(t *testing.T) {
	s := netbsdShip(t, "SMOLerfile", `FROM scratch AS tools
LABEL smolbsd.addpkgs="tool"
FROM tools
LABEL smolbsd.addpkgs="nginx"
CMD ["/usr/pkg/bin/nginx"]
`)
	o := withSets(t)
	o.Packages = pkgsrcShelf{t}
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Packages {
		got = append(got, p.Name)
		if _, err := img.Tree.Lookup("/usr/pkg/bin/" + p.Name); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"tool", "nginx"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestPackagesOfStages has two stages with packages of their own.
func TestPackagesOfStages(t *testing.T) {
	s := netbsdShip(t, "SMOLerfile", `FROM scratch AS tools
LABEL smolbsd.addpkgs="tool"
FROM scratch
LABEL smolbsd.addpkgs="nginx"
COPY --from=tools /usr/pkg/bin/tool /made
CMD ["/usr/pkg/bin/nginx"]
`)
	o := withSets(t)
	o.Packages = pkgsrcShelf{t}
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Concat(img.Tree.Below("/usr/pkg"), img.Tree.Below("/made")) {
		if e.Type == tree.File {
			got = append(got, e.Path)
		}
	}
	if diff := cmp.Diff([]string{"/usr/pkg/bin/nginx", "/usr/pkg/pkgdb/nginx-1.0/+BUILD_INFO", "/made"}, got); diff != "" {
		t.Error(diff)
	}
	if len(r.Packages) != 1 || r.Packages[0].Name != "nginx" {
		t.Errorf("the report has the packages %v", r.Packages)
	}
	layersMake(t, img, r, tree.Tree{})
	if _, err := os.Stat(filepath.Join(s.Dir, "made")); err == nil {
		t.Error("the host got a file")
	}
}

package netbsd_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// small are the sets that most tests need.
func small(t testing.TB) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"base.tgz": tgz(t, tarOf(t, dir("/"), dir("/bin"), file("/bin/sh", 0o555, []byte("sh")), dir("/etc"), file("/etc/release", 0o444, []byte("base\n")))),
		"etc.tgz":  tgz(t, tarOf(t, dir("/"), dir("/etc"), file("/etc/rc.conf", 0o644, []byte("rc_configured=NO\n")), file("/etc/release", 0o444, []byte("etc\n")))),
		"comp.tgz": tgz(t, tarOf(t, dir("/"), dir("/usr"), dir("/usr/bin"),
			file("/usr/bin/strings", 0o555, []byte("strings")), file("/usr/bin/strip", 0o555, []byte("strip")),
			hardlink("/usr/bin/x86_64--netbsd-strip", "/usr/bin/strip"), file("/usr/bin/cc", 0o555, []byte("cc")),
			dir("/usr/lib"), file("/usr/lib/crt0.o", 0o444, []byte("crt0")))),
	}
}

func TestNames(t *testing.T) {
	m := newMirror(t, small(t))
	local := filepath.Join(t.TempDir(), "a:b", "my.tgz")
	if err := os.Mkdir(filepath.Dir(local), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, local, tgz(t, tarOf(t, file("/opt/x", 0o644, []byte("x")), file("/opt/y", 0o644, []byte("y")))))
	s := newSource(t, m)
	for _, tt := range []struct{ names, want string }{
		{"base", "/ /bin /bin/sh /etc /etc/release"},
		{"base.tgz", "/ /bin /bin/sh /etc /etc/release"},
		{"base.tar.xz", "/ /bin /bin/sh /etc /etc/release"},
		{"etc base", "/ /bin /bin/sh /etc /etc/rc.conf /etc/release"},
		{"comp:/usr/bin/strip", "/usr/bin/strip"},
		{"comp:./usr/bin/strip", "/usr/bin/strip"},
		{"comp.tar.xz:/usr/bin/str*", "/usr/bin/strings /usr/bin/strip"},
		{"comp:/usr/lib", "/usr/lib /usr/lib/crt0.o"},
		{"comp:/usr/bin/strip comp:/usr/bin/cc", "/usr/bin/cc /usr/bin/strip"},
		{"comp:/usr/bin/x86*", "/usr/bin/x86_64--netbsd-strip"},
		{local, "/opt/x /opt/y"},
		{local + ":/opt/y base:/bin/sh", "/bin/sh /opt/y"},
	} {
		sets := open(t, s, strings.Fields(tt.names)...)
		all, err := sets.Below(t.Context(), "/")
		if got := names(all); got != tt.want || err != nil {
			t.Errorf("%s: %v\n got %s\nwant %s", tt.names, err, got, tt.want)
		}
	}
	e, err := open(t, s, "comp:/usr/bin/x86*").Get(t.Context(), []string{"/usr/bin/x86_64--netbsd-strip"})
	if err != nil || e[0].Type != tree.File || content(t, e[0]) != "strip" {
		t.Errorf("a hard link whose file is not wanted: %v, %v", e, err)
	}
}

func TestNamesThatAreWrong(t *testing.T) {
	s := newSource(t, newMirror(t, small(t)))
	for name, want := range map[string]string{
		"bsae":                 `has no set "bsae" (did you mean "base"?); it has base, comp, etc`,
		"xserver":              `has no set "xserver"; it has base, comp, etc`,
		"":                     `"" is no name of a set`,
		"comp:":                `set "comp:": "" is no file or pattern of a set`,
		"comp:/usr/[":          `"/usr/[" is no file or pattern of a set`,
		"comp:/opt/none":       "set comp has no /opt/none: ",
		"comp:/usr/bin/stripp": "set comp has no /usr/bin/stripp (did you mean /usr/bin/strip?)",
		"./none.tgz":           "set ./none.tgz: no such file or directory",
		"./":                   "set ./: it is not a file",
	} {
		_, err := s.Open(t.Context(), []string{"base", name})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "open sets of NetBSD 10.1/amd64: ") {
			t.Errorf("%q: %v\nwant … %s", name, err, want)
		}
	}
	if _, err := s.Open(t.Context(), nil); err == nil {
		t.Error("no sets at all are opened")
	}
}

// TestLaterSetsWin also looks at what a later set hides without naming it.
func TestLaterSetsWin(t *testing.T) {
	all := small(t)
	all["odd.tgz"] = tgz(t, tarOf(t, symlink("/etc", "usr/etc"), hardlink("/bin/csh", "/bin/sh"), file("/bin/sh", 0o500, []byte("odd"))))
	s := newSource(t, newMirror(t, all))
	sets := open(t, s, "etc", "base")
	got, err := sets.Get(t.Context(), []string{"/etc/release", "/etc/rc.conf"})
	if err != nil || content(t, got[0]) != "base\n" || got[0].Why != "set base" || got[1].Why != "set etc" {
		t.Errorf("%v, %v", got, err)
	}
	sets = open(t, s, "base", "etc", "odd")
	below, err := sets.Below(t.Context(), "/")
	if want := "/ /bin /bin/csh /bin/sh=/bin/csh /etc"; names(below) != want || err != nil {
		t.Errorf("got %s, %v\nwant %s", names(below), err, want)
	}
	if e, err := sets.Stat(t.Context(), "/etc/release"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is behind a link: %v, %v", e, err)
	}
}

func TestPackages(t *testing.T) {
	m := newMirror(t, small(t))
	sets := open(t, newSource(t, m), "comp:/usr/bin/strip", "base", "comp:/usr/bin/cc")
	if want := "NetBSD 10.1/amd64 sets comp, base"; sets.String() != want {
		t.Errorf("String() = %s; want %s", sets, want)
	}
	got := sets.Packages()
	for i := range got {
		if !strings.HasPrefix(got[i].Digest, "sha512:") || got[i].Size == 0 {
			t.Errorf("%s: digest %q, %d bytes", got[i], got[i].Digest, got[i].Size)
		}
		got[i].Digest, got[i].Size = "", 0
	}
	want := []source.Package{
		{Name: "comp", Version: "10.1", Arch: "amd64", File: "comp.tgz", URL: m.URL + folder + "comp.tgz"},
		{Name: "base", Version: "10.1", Arch: "amd64", File: "base.tgz", URL: m.URL + folder + "base.tgz"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	other := open(t, newSource(t, m), "comp:/usr/bin/strip", "base")
	if sets.Key() == other.Key() || other.Key() != open(t, newSource(t, m), "comp:/usr/bin/strip", "base").Key() {
		t.Errorf("keys %s and %s", sets.Key(), other.Key())
	}
}

func TestReleases(t *testing.T) {
	m := newMirror(t, nil)
	for _, at := range []string{
		"/NetBSD-11.0/i386/binary/sets/", "/daily/netbsd-11/latest/amd64/binary/sets/",
		"/daily/netbsd-11/202611220000Z/amd64/binary/sets/", "/daily/HEAD/latest/evbarm-aarch64/binary/sets/", "/old/NetBSD-6.0/amd64/binary/sets/",
	} {
		m.put(at, map[string][]byte{"base.tgz": tgz(t, tarOf(t, file("/release", 0o644, []byte(at))))})
	}
	for _, tt := range [][3]string{
		{"11.0", "i386", "/NetBSD-11.0/i386/binary/sets/"},
		{"NetBSD-11.0", "i386", "/NetBSD-11.0/i386/binary/sets/"},
		{"6.0", "amd64", "/old/NetBSD-6.0/amd64/binary/sets/"},
		{"11", "amd64", "/daily/netbsd-11/latest/amd64/binary/sets/"},
		{"netbsd-11", "amd64", "/daily/netbsd-11/latest/amd64/binary/sets/"},
		{"daily:netbsd-11", "amd64", "/daily/netbsd-11/latest/amd64/binary/sets/"},
		{"daily:11", "amd64", "/daily/netbsd-11/latest/amd64/binary/sets/"},
		{"daily:netbsd-11/202611220000Z", "amd64", "/daily/netbsd-11/202611220000Z/amd64/binary/sets/"},
		{"HEAD", "aarch64", "/daily/HEAD/latest/evbarm-aarch64/binary/sets/"},
		{"daily:HEAD", "evbarm-aarch64", "/daily/HEAD/latest/evbarm-aarch64/binary/sets/"},
	} {
		s := newSource(t, m)
		s.Mirrors = append(s.Mirrors, m.URL+"/old/")
		s.Release, s.Arch = tt[0], tt[1]
		got, err := open(t, s, "base").Get(t.Context(), []string{"/release"})
		if err != nil || content(t, got[0]) != tt[2] {
			t.Errorf("%s for %s: %v", tt[0], tt[1], err)
		}
	}
	for _, release := range []string{"", "../10.1", "10.1/x", "daily:", "daily:../x", "10 1", "daily:HEAD/..", "daily:HEAD/", "daily:HEAD/a/b", "HEAD/202611220000Z"} {
		s := newSource(t, m)
		s.Release = release
		if _, err := s.Open(t.Context(), []string{"base"}); err == nil || !strings.Contains(err.Error(), "is no release of NetBSD") {
			t.Errorf("release %q: %v", release, err)
		}
	}
	s := newSource(t, m)
	s.Release = "12.0"
	_, err := s.Open(t.Context(), []string{"base"})
	if !errors.Is(err, fetch.ErrNotThere) || !strings.Contains(err.Error(), "no mirror has that release for amd64") {
		t.Errorf("a release that is not there: %v", err)
	}
	s.Mirrors = nil
	if _, err := s.Open(t.Context(), []string{"base"}); err == nil {
		t.Error("sets came from no mirror")
	}
}

func TestFolderMirror(t *testing.T) {
	root := t.TempDir()
	m := newMirror(t, small(t))
	for p, b := range m.files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, p), b)
	}
	for _, mirror := range []string{root, "file://" + root} {
		s := newSource(t, m)
		s.Mirrors = []string{mirror}
		e, err := open(t, s, "base").Get(t.Context(), []string{"/bin/sh"})
		if err != nil || content(t, e[0]) != "sh" {
			t.Errorf("%s: %v", mirror, err)
		}
	}
	if asked := m.takeAsked(); asked != nil {
		t.Errorf("the server was asked for %v", asked)
	}
}

func TestXZ(t *testing.T) {
	m := newMirror(t, map[string][]byte{"base.tar.xz": xz(t, tarOf(t, stock(t)...)), "base.tgz": []byte("older")})
	sets := open(t, newSource(t, m), "base")
	got, err := sets.Get(t.Context(), []string{"/bin/test", "/etc/rc"})
	if err != nil || content(t, got[0]) != "test" {
		t.Errorf("%v, %v", got, err)
	}
	if n, err := sets.Needs(t.Context(), "/bin/sh"); err != nil || n.ELF == nil {
		t.Errorf("needs %v, %v", n, err)
	}
}

// TestReadOnce counts what is asked of the mirror.
func TestReadOnce(t *testing.T) {
	m := newMirror(t, small(t))
	s := newSource(t, m)
	steps := []struct {
		name string
		get  string
		want []string
	}{
		{"first", "/bin/sh", []string{"SHA512", "base.tgz", "etc.tgz"}},
		{"the same again", "/bin/sh", nil},
		{"another file", "/etc/rc.conf /bin/sh", nil},
	}
	for _, step := range steps {
		got, err := open(t, s, "base", "etc").Get(t.Context(), strings.Fields(step.get))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			content(t, e)
		}
		if d := cmp.Diff(step.want, sorted(m.takeAsked())); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
	}
	// Neither the archives nor the mirror are needed for what is kept.
	if err := os.RemoveAll(s.Client.Dir); err != nil {
		t.Fatal(err)
	}
	s.Mirrors = []string{m.URL}
	m.put(folder, nil)
	got, err := open(t, s, "base", "etc").Get(t.Context(), []string{"/etc/rc.conf", "/bin/sh"})
	if err != nil || content(t, got[1]) != "sh" || m.takeAsked() != nil {
		t.Errorf("without archives: %v, %v", got, err)
	}
	kept, err := filepath.Glob(filepath.Join(s.Dir, "base-*.pack"))
	if err != nil || len(kept) != 1 {
		t.Errorf("packs of base: %v, %v", kept, err)
	}
}

// TestSideBySide has many that want different files of one set at once.
func TestSideBySide(t *testing.T) {
	var members []member
	paths := []string{"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"}
	for _, p := range paths {
		members = append(members, file(p, 0o644, []byte(strings.Repeat(p, 1000))))
	}
	m := newMirror(t, map[string][]byte{"base.tgz": tgz(t, tarOf(t, members...))})
	s := newSource(t, m)
	shared := open(t, newSource(t, m), "base")
	var all sync.WaitGroup
	for i, p := range paths {
		own := *s // as another process, but for the memory
		own.Client = &fetch.Client{Dir: s.Client.Dir}
		all.Go(func() {
			mine, err := own.Open(t.Context(), []string{"base"})
			if err != nil {
				t.Error(err)
				return
			}
			for _, sets := range []*netbsd.Sets{mine, shared} {
				got, err := sets.Get(t.Context(), []string{p, paths[(i+1)%len(paths)]})
				if err != nil {
					t.Error(err)
				} else if content(t, got[0]) != strings.Repeat(p, 1000) {
					t.Errorf("%s has another's bytes", p)
				}
			}
		})
	}
	all.Wait()
}

package debian

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

// archived returns an archive that is served over HTTP with essentials, the
// package hello and a library, and a Source of it on a host without apt.
func archived(t *testing.T) (*repotest.Archive, *httptest.Server, *Source) {
	t.Helper()
	a := repotest.New(t, t.TempDir())
	suite := repotest.Suite{Name: "here"}
	for _, name := range append(slices.Clone(essentials), "libhello", "hello") {
		fields := ""
		if name == "hello" {
			fields = "Depends: libhello, debconf (>= 0.5) | debconf-2.0\n"
		}
		deb := makeDeb(t, ".gz", map[string]string{"control": "Package: " + name + "\nVersion: 1.0\n" + fields}, []file{
			{name: "./usr/share/" + name + "/"}, {name: "./usr/share/" + name + "/file", body: name},
		})
		suite.Packages = append(suite.Packages, repotest.Package{Name: name, Version: "1.0", Fields: fields, Deb: deb})
	}
	a.Publish(t, suite)
	srv := httptest.NewServer(http.FileServer(http.Dir(a.Dir)))
	t.Cleanup(srv.Close)
	t.Setenv("PATH", t.TempDir())
	return a, srv, &Source{
		Dir:     t.TempDir(),
		Archive: &repo.Source{Base: srv.URL, Suites: []repo.Suite{{Name: "here"}}, Keyring: a.Keyring(t, true)},
	}
}

const helloDeb = "pool/main/hello/hello_1.0_amd64.deb"

func TestNamedArchive(t *testing.T) {
	a, srv, s := archived(t)
	if k := s.Key(); k != "" {
		t.Errorf("before all, the key is %q", k)
	}
	tr, r, err := s.Packages(t.Context(), []string{"hello"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/usr/share/hello/file", "/usr/share/libhello/file", "/usr/share/dash/file"} {
		if _, ok := tr.Get(p); !ok {
			t.Errorf("%s is not there", p)
		}
	}
	var got []string
	for _, p := range r.Packages {
		got = append(got, strings.TrimSpace(p.File+" "+p.For))
		if !strings.HasPrefix(p.Digest, digestPrefix) || !strings.HasPrefix(p.URL, srv.URL+"/pool/main/"+p.Name) || p.Size == 0 || p.Arch != "amd64" {
			t.Errorf("%+v", p)
		}
	}
	want := []string{
		"base-files_1.0_amd64.deb", "base-passwd_1.0_amd64.deb", "dash_1.0_amd64.deb", "libhello_1.0_amd64.deb hello", "hello_1.0_amd64.deb",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Key == "" || s.Key() != r.Key {
		t.Errorf("the keys are %q and %q", r.Key, s.Key())
	}

	// From a folder, the same tree.
	folder := &Source{Dir: t.TempDir(), Archive: &repo.Source{Base: a.Dir, Suites: s.Archive.Suites, Keyring: s.Archive.Keyring}}
	again, _, err := folder.Packages(t.Context(), []string{"hello"})
	if diff := cmp.Diff(digestOf(t, tr.Digest), digestOf(t, again.Digest)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if left, err := filepath.Glob(filepath.Join(s.Dir, "archive/downloads/*")); err != nil || len(left) > 0 {
		t.Errorf("downloads are left: %v, %v", left, err)
	}

	// Without the server, from what is at hand.
	srv.Close()
	s.Offline = true
	if _, _, err := s.Packages(t.Context(), []string{"hello"}); err != nil {
		t.Errorf("offline: %v", err)
	}
	if _, err := s.Resolve(t.Context(), []string{"helo"}); err == nil || !strings.Contains(err.Error(), `"helo" not found in here amd64 (did you mean "hello"?)`) {
		t.Errorf("Resolve = %v; want a suggestion", err)
	}
}

func digestOf(t *testing.T, digest func() (string, error)) string {
	t.Helper()
	d, err := digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNamedArchiveThatChanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, a *repotest.Archive, s *Source)
		is     error
		want   string
	}{
		{name: "changed package", is: fetch.ErrDamaged, want: "get package hello 1.0: ", change: func(t *testing.T, a *repotest.Archive, _ *Source) {
			a.Change(t, helloDeb, "debian-binary", "debian-binarY")
		}},
		{name: "no package", is: fetch.ErrNotThere, want: "--refresh", change: func(t *testing.T, a *repotest.Archive, _ *Source) {
			if err := os.Remove(filepath.Join(a.Dir, helloDeb)); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "another's key", is: repo.ErrSignature, want: "--debian-keyring", change: func(t *testing.T, _ *repotest.Archive, s *Source) {
			s.Archive.Keyring = repotest.New(t, t.TempDir()).Keyring(t, false)
		}},
		{name: "half a package", is: fetch.ErrBroken, want: "hello_1.0_amd64.deb", change: func(t *testing.T, a *repotest.Archive, s *Source) {
			s.Archive.Base = serveHalf(t, a.Dir, helloDeb)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, _, s := archived(t)
			tt.change(t, a, s)
			_, _, err := s.Packages(t.Context(), []string{"hello"})
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Packages = %v; want %v with %q", err, tt.is, tt.want)
			}
			if kept, err := filepath.Glob(filepath.Join(s.debs(), "*.pack")); err != nil || len(kept) > 4 {
				t.Errorf("what was got is kept: %v, %v", kept, err)
			}
		})
	}
}

// serveHalf serves a folder, but of one file the first half alone.
func serveHalf(t *testing.T, dir, name string) string {
	t.Helper()
	files := http.FileServer(http.Dir(dir))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+name {
			files.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Length", "1000")
		if _, err := w.Write([]byte("!<arch>\n")); err != nil {
			t.Error(err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestArrange has packages in two orders.
func TestArrange(t *testing.T) {
	depends := map[string]string{"c": "a, v", "b": "c", "a": "", "e": "b", "d": "e"}
	provides := map[string]string{"d": "v"}
	for _, names := range []string{"a b c d e", "e d c b a", "c e a d b"} {
		var pkgs []source.Package
		var all []index
		for name := range strings.FieldsSeq(names) {
			pkgs = append(pkgs, source.Package{Name: name})
			all = append(all, index{Control: control{"control": "Depends: " + depends[name] + "\nProvides: " + provides[name] + "\n"}})
		}
		var got []string
		for _, p := range arrange(pkgs, all) {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff([]string{"a", "e", "d", "c", "b"}, got); diff != "" {
			t.Errorf("of %s:\n%s", names, diff)
		}
	}
}

// TestArchiveBothWays takes packages from the archive that the host's apt uses,
// with apt and without, and wants the same tree.
func TestArchiveBothWays(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("no apt-get on this host")
	}
	if testing.Short() {
		t.Skip("downloads 10 MB")
	}
	if !strings.HasPrefix(release(), "Debian") {
		t.Skip("the usual keys are Debian's, and this host's archive is not")
	}
	base, suites := hostSources(t)
	with := &Source{Dir: t.TempDir()}
	without := &Source{Dir: t.TempDir(), Archive: &repo.Source{Base: base, Suites: suites}}
	for _, name := range []string{"busybox-static", "nginx-light"} {
		want, wantReport, err := with.Packages(t.Context(), []string{name})
		if err != nil && (strings.Contains(err.Error(), "get package lists") || strings.Contains(err.Error(), "not found in")) {
			t.Skipf("the host's apt sources don't have it: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, report, err := without.Packages(t.Context(), []string{name})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantReport.Packages, report.Packages); diff != "" {
			t.Errorf("%s: packages (-apt +ours):\n%s", name, diff)
		}
		if digestOf(t, want.Digest) != digestOf(t, got.Digest) {
			t.Errorf("%s: the trees are not the same", name)
		}
		t.Logf("%s: %d packages, %d entries both ways", name, len(report.Packages), got.Len())
	}
}

// hostSources returns what the host's apt says of the archive that has the most
// suites: its address and the suites. An archive of security fixes
// beside it counts to it.
func hostSources(t *testing.T) (base string, suites []repo.Suite) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(ARCHITECTURE)", "Created-By: Packages").Output()
	if err != nil {
		t.Skipf("ask apt for its sources: %v", err)
	}
	names := make(map[string][]repo.Suite)
	sc := bufio.NewScanner(strings.NewReader(string(out)))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) != 4 || f[2] != "main" || f[3] != "amd64" {
			continue
		}
		site := strings.TrimSuffix(strings.TrimSuffix(f[0], "/"), "-security")
		names[site] = append(names[site], repo.Suite{Name: f[1]})
		if len(names[site]) > len(names[base]) {
			base = site
		}
	}
	if base == "" || !strings.HasPrefix(base, "http") {
		t.Skip("apt's sources are not an archive by HTTP")
	}
	return base, names[base]
}

package mirror_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	"github.com/fakecracker/fakecracker/internal/source/pkgsrc"
	"github.com/fakecracker/fakecracker/test/mirror"
)

// packages is the mirror's repository for a machine.
func packages(t *testing.T, s *mirror.Server, machine, arch string) *pkgsrc.Source {
	t.Helper()
	return &pkgsrc.Source{Mirror: s.PackagesURL() + "/NetBSD/" + machine + "/10.1/All", OS: "NetBSD", Release: "10.1", Arch: arch, Dir: t.TempDir()}
}

// TestPatterns asks the repository for packages by all forms of patterns.
func TestPatterns(t *testing.T) {
	p := packages(t, mirror.New(t), "i386", "i386")
	for names, want := range map[string]string{ // or the error
		"nginx":                             "pcre2-10.44 nginx-1.26.2",
		"nginx-[0-9]*":                      "pcre2-10.44 nginx-1.26.2",
		"nginx-1.24.0nb3":                   "pcre2-10.44 nginx-1.24.0nb3",
		"nginx-1.24":                        "pcre2-10.44 nginx-1.24.0nb3",
		"nginx<1.26":                        "pcre2-10.44 nginx-1.24.0nb3",
		"apache>=2.4<2.5":                   "apache-2.4.62",
		"apache<2.4":                        "apache-2.2.34nb3",
		"apache-2.2*":                       "apache-2.2.34nb3",
		"ap24-demo":                         "apache-2.4.62 ap24-demo-1.0",
		"{mysql,mariadb}-client":            "mariadb-client-11.4.3", // the newest of all alternatives
		"{mysql,mariadb}-client<11":         "mysql-client-8.0.40",
		"mysql-client dbadmin":              "mysql-client-8.0.40 dbadmin-1.0",
		"dbadmin mysql-client":              "mysql-client-8.0.40 dbadmin-1.0", // goes back to its first choice
		"dbadmin":                           "mariadb-client-11.4.3 dbadmin-1.0",
		"nodejs":                            "nodejs-22.8.0",
		"nodejs-20":                         "nodejs-20.17.0",
		"oldstore":                          "keystore-2.0", // which supersedes it
		"circle-a":                          "circle-b-1.0 circle-a-1.0",
		"signed":                            "signed-1.0",
		"nginx nginx-devel":                 "nginx-devel-1.27.1 conflicts with nginx-1.26.2",
		"mysql-client mariadb-client":       "mariadb-client-11.4.3 conflicts with mysql-client-8.0.40",
		"ap24-demo apache<2.4":              "ap24-demo-1.0 needs apache>=2.4<2.5, but apache-2.2.34nb3 is wanted too",
		"lonely":                            "lonely-1.0 needs no-such-package>=1.0, the index has no such package",
		"nginx>=2":                          `package "nginx>=2" not found`,
		"pcre2 {nginx,nothing}-[0-9]* curl": "pcre2-10.44 nginx-1.26.2 curl-8.10.1",
	} {
		_, r, err := p.Packages(t.Context(), strings.Fields(names))
		var got []string
		for _, one := range r.Packages {
			got = append(got, one.Name+"-"+one.Version)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, " "); text != want && (err == nil || !strings.Contains(text, want)) {
			t.Errorf("%s\n got %s\nwant %s", names, text, want)
		}
	}
}

// TestIndexes reads the index in each compression that a repository can have.
func TestIndexes(t *testing.T) {
	s := mirror.New(t)
	all := []string{"gz", "bz2", "xz", "zst"}
	want, _, err := packages(t, s, "x86_64", "amd64").Packages(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	for _, ending := range all {
		for _, other := range all {
			s.Fault("pkg_summary."+other, mirror.NotFound, -1)
		}
		s.Fault("pkg_summary."+ending, "", 0)
		s.Requests()
		got, _, err := packages(t, s, "x86_64", "amd64").Packages(t.Context(), []string{"nginx"})
		if err != nil {
			t.Errorf("%s: %v", ending, err)
			continue
		}
		first, err := want.Digest()
		second, serr := got.Digest()
		if first != second || err != nil || serr != nil {
			t.Errorf("%s: the packages are other ones: %v, %v", ending, err, serr)
		}
		if !slices.ContainsFunc(s.Requests(), func(q string) bool {
			return strings.HasPrefix(q, "GET ") && strings.HasSuffix(q, "/pkg_summary."+ending)
		}) {
			t.Errorf("%s was not asked for", ending)
		}
	}
}

// TestTroubles has the repository's packages that can't be installed.
func TestTroubles(t *testing.T) {
	s := mirror.New(t)
	testTroubles(t, packages(t, s, "i386", "i386"))    // with digests in the index
	testTroubles(t, packages(t, s, "x86_64", "amd64")) // and in a list, as NetBSD's own
}

func testTroubles(t *testing.T, p *pkgsrc.Source) {
	t.Helper()
	for name, want := range map[string]string{
		"badsum":   "/badsum-1.0.tgz is damaged: its sha512 is ",
		"badlist":  "bin/badlist has the MD5 ",
		"climbing": "has .. in it",
		"cut":      "unexpected EOF",
	} {
		_, _, err := p.Packages(t.Context(), []string{name})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), p.Mirror) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant … %s", name, err, want)
		}
	}
	if err := os.RemoveAll(filepath.Join(p.Dir, "downloads")); err != nil {
		t.Fatal(err)
	}
	if kept, err := filepath.Glob(filepath.Join(p.Dir, "packages", "*.pack")); kept != nil || err != nil {
		t.Errorf("%v is kept, %v", kept, err)
	}
}

// TestNeedsOfPackages compares what packages need with what is in the sets.
func TestNeedsOfPackages(t *testing.T) {
	s := mirror.New(t)
	_, r, err := packages(t, s, "i386", "i386").Packages(t.Context(), []string{"nginx", "oldabi"})
	if err != nil {
		t.Fatal(err)
	}
	sets, err := release(t, s, "10.1", "i386").Open(t.Context(), []string{"base"})
	if err != nil {
		t.Fatal(err)
	}
	var lacking []source.Requirement
	for _, need := range r.System {
		if strings.HasPrefix(need.Path, "/usr/pkg/") {
			t.Errorf("%s is looked for in the system, though a package brings it", need.Path)
		}
		if _, err := sets.Stat(t.Context(), need.Path); errors.Is(err, fs.ErrNotExist) {
			lacking = append(lacking, need)
		} else if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]source.Requirement{{Path: "/usr/lib/libssl.so.14", Package: "oldabi-1.0"}}, lacking); diff != "" || len(r.System) < 3 {
		t.Errorf("%d needs\n%s", len(r.System), diff)
	}
}

// release is the mirror's sets.
func release(t *testing.T, s *mirror.Server, release, arch string) *netbsd.Source {
	t.Helper()
	return &netbsd.Source{
		Mirrors: []string{s.ReleasesURL()}, Daily: []string{s.DailyURL()}, Release: release, Arch: arch,
		Dir: t.TempDir(), Client: &fetch.Client{Dir: t.TempDir()},
	}
}

// TestSets opens sets of a release and of a daily build, with the endings that
// each architecture has, whatever the one asked for.
func TestSets(t *testing.T) {
	s := mirror.New(t)
	for _, c := range []struct{ release, arch, ending, at string }{
		{"10.1", "i386", ".tgz", "/pub/NetBSD/NetBSD-10.1/i386/binary/sets/"},
		{"10.1", "amd64", ".tar.xz", "/pub/NetBSD/NetBSD-10.1/amd64/binary/sets/"},
		{"11", "i386", ".tgz", "/pub/NetBSD-daily/netbsd-11/latest/i386/binary/sets/"},
		{"daily:netbsd-11", "amd64", ".tar.xz", "/pub/NetBSD-daily/netbsd-11/latest/amd64/binary/sets/"},
	} {
		src := release(t, s, c.release, c.arch)
		for _, name := range []string{"comp:/usr/bin/strip", "comp.tgz:/usr/bin/strip", "comp.tar.xz:./usr/bin/strip", "comp:/usr/bin/str*"} {
			sets, err := src.Open(t.Context(), []string{name})
			if err != nil {
				t.Fatal(err)
			}
			got, err := sets.Below(t.Context(), "/")
			if err != nil || len(got) != 1 || got[0].Path != "/usr/bin/strip" {
				t.Errorf("%s %s: %s has %v, %v", c.release, c.arch, name, got, err)
			}
			if p := sets.Packages(); len(p) != 1 || p[0].File != "comp"+c.ending || p[0].URL != s.URL()+c.at+"comp"+c.ending || !strings.HasPrefix(p[0].Digest, "sha512:") {
				t.Errorf("%s %s: it is %+v", c.release, c.arch, p)
			}
		}
	}
	_, err := release(t, s, "12", "i386").Open(t.Context(), []string{"base"})
	if !errors.Is(err, fetch.ErrNotThere) || !strings.Contains(err.Error(), s.DailyURL()+"/netbsd-12/latest/i386") {
		t.Errorf("a daily build that is not there: %v", err)
	}
}

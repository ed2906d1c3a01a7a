package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// later makes it a day later for the Source.
func later(s *Source) {
	at := s.time().Add(25 * time.Hour)
	s.now = func() time.Time { return at }
}

// longLived is hello, valid for a year.
func longLived() repotest.Suite {
	s := hello()
	s.Fields = map[string]string{"Valid-Until": repotest.Date(time.Now().Add(365 * 24 * time.Hour))}
	return s
}

func TestRefresh(t *testing.T) {
	a, s := newSource(t, longLived())
	srv := serve(t, a.Dir)
	s.Base = srv.URL
	step := func(what string, fresh bool, want ...string) {
		t.Helper()
		got, _, err := open(t, s)
		if err != nil || got != fresh {
			t.Errorf("%s: Open = %v, %v; want %v", what, got, err, fresh)
		}
		if diff := cmp.Diff(want, srv.requests()); diff != "" {
			t.Errorf("%s: asked for\n%s", what, diff)
		}
	}
	found, err := filepath.Glob(filepath.Join(a.Dir, "dists/here/main/binary-amd64/by-hash/SHA256/*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	list := "GET /dists/here/main/binary-amd64/by-hash/SHA256/" + filepath.Base(found[0])
	step("the first time", true, "HEAD /dists/here/InRelease", "GET /dists/here/InRelease", list)
	first := s.Key()
	step("soon", false)
	later(s)
	step("a day later", true, "HEAD /dists/here/InRelease")
	s.Refresh = true
	step("when asked to", true, "HEAD /dists/here/InRelease")
	s.Refresh = false
	if s.Key() != first || first == "" {
		t.Errorf("the key is %q; it was %q", s.Key(), first)
	}

	// A new Release file with the same packages, and one with another.
	next := longLived()
	next.Fields["Date"] = repotest.Date(time.Now())
	a.Publish(t, next)
	soon := time.Now().Add(time.Minute) // servers say times in seconds
	if err := os.Chtimes(filepath.Join(a.Dir, "dists/here/InRelease"), soon, soon); err != nil {
		t.Fatal(err)
	}
	later(s)
	step("a new Release file", true, "HEAD /dists/here/InRelease", "GET /dists/here/InRelease")
	if s.Key() == first {
		t.Error("the key of another Release file is the same")
	}
	if err := os.Remove(s.storedPathForTest(t)); err != nil {
		t.Fatal(err)
	}
	step("without the list", false, list)
}

// storedPathForTest is where the only package list is kept.
func (s *Source) storedPathForTest(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.Dir, storedPrefix+"*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// TestRefreshThatFails has lists at hand and an archive that gives no good new
// ones.
func TestRefreshThatFails(t *testing.T) {
	for name, change := range map[string]func(*server){
		"down":        func(s *server) { s.down = true },
		"an error":    func(s *server) { s.code = 500 },
		"broken off":  func(s *server) { s.cut = "InRelease" },
		"not there":   func(s *server) { s.code = 404 },
		"not allowed": func(s *server) { s.code = 403 },
	} {
		t.Run(name, func(t *testing.T) {
			a, s := newSource(t, longLived())
			srv := serve(t, a.Dir)
			s.Base = srv.URL
			if _, _, err := open(t, s); err != nil {
				t.Fatal(err)
			}
			srv.mu.Lock()
			change(srv)
			srv.mu.Unlock()
			later(s)
			var said []string
			s.Progress = func(text string) { said = append(said, text) }
			if fresh, _, err := open(t, s); fresh || err != nil || !strings.Contains(strings.Join(said, "\n"), "going on with those at hand") {
				t.Errorf("Open = %v, %v, saying %q; want the lists at hand", fresh, err, said)
			}
			srv.requests()
			if _, _, err := open(t, s); err != nil || len(srv.requests()) > 0 {
				t.Errorf("it asks again at once: %v", err)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		_, s := newSource(t, hello())
		if _, _, err := open(t, s); err != nil {
			t.Fatal(err)
		}
		later(s)
		if _, _, err := open(t, s); !errors.Is(err, ErrExpired) {
			t.Errorf("Open = %v; want %v", err, ErrExpired)
		}
		s.Offline = true
		if _, files, err := open(t, s); err != nil || len(files) != 2 {
			t.Errorf("offline, Open = %v, %v; want what is at hand", files, err)
		}
	})
	t.Run("signed by another", func(t *testing.T) {
		a, s := newSource(t, longLived())
		if _, _, err := open(t, s); err != nil {
			t.Fatal(err)
		}
		(&repotest.Archive{Dir: a.Dir, Key: repotest.NewKey(t)}).Publish(t, longLived())
		later(s)
		if _, _, err := open(t, s); !errors.Is(err, ErrSignature) {
			t.Errorf("Open = %v; want %v", err, ErrSignature)
		}
	})
	t.Run("older", func(t *testing.T) {
		a, s := newSource(t, longLived())
		if _, _, err := open(t, s); err != nil {
			t.Fatal(err)
		}
		old := longLived()
		old.Fields["Date"] = repotest.Date(time.Now().Add(-time.Hour * 24 * 30))
		old.Packages = nil
		a.Publish(t, old)
		later(s)
		if _, files, err := open(t, s); err != nil || len(files) != 2 {
			t.Errorf("Open = %v, %v; want the newer list at hand", files, err)
		}
	})
}

// TestKeptIsNotTrusted changes what is kept, and who is trusted.
func TestKeptIsNotTrusted(t *testing.T) {
	a, s := newSource(t, hello())
	if _, _, err := open(t, s); err != nil {
		t.Fatal(err)
	}
	at := s.keptPath(s.Suites[0])
	whole, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{"", "{}", `{"version":1}`, string(whole[:len(whole)/2]), strings.Replace(string(whole), "VGVzdA", "AAAAAA", 1)} {
		if err := os.WriteFile(at, []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, files, err := open(t, s); err != nil || len(files) != 2 {
			t.Errorf("with %.30q: %v", damage, err)
		}
	}
	if err := os.WriteFile(s.storedPathForTest(t), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, files, err := open(t, s); err != nil || len(files) != 2 {
		t.Errorf("with half a list: %v", err)
	}
	s.Keyring = repotest.New(t, a.Dir).Keyring(t, true)
	if k := s.Key(); k != "" {
		t.Errorf("with other keys, there is the key %q", k)
	}
	if _, _, err := open(t, s); !errors.Is(err, ErrSignature) {
		t.Errorf("with other keys, Open = %v", err)
	}
}

func TestSuites(t *testing.T) {
	a, s := newSource(t, hello())
	a.Publish(t, repotest.Suite{Name: "here-updates", Packages: []repotest.Package{{Name: "libhello", Version: "1.5-1+u2"}}})
	// Debian's mirrors have it in an archive beside the other.
	security := &repotest.Archive{Dir: a.Dir + "-security", Key: a.Key}
	security.Publish(t, repotest.Suite{Name: "here-security", Packages: []repotest.Package{{Name: "libhello", Version: "1.5-1+u10"}}})
	t.Cleanup(func() {
		if err := os.RemoveAll(security.Dir); err != nil {
			t.Error(err)
		}
	})
	a.Publish(t, repotest.Suite{Name: "here-backports", Packages: []repotest.Package{{Name: "libhello", Version: "3"}, {Name: "new", Version: "3"}}, Fields: map[string]string{
		"NotAutomatic": "yes", "ButAutomaticUpgrades": "yes",
	}})
	s.Suites = nil
	for _, n := range []string{"here", "here-updates", "here-security", "here-backports"} {
		s.Suites = append(s.Suites, Suite{Name: n})
	}
	x, _, err := s.Open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		asked, want, at string
	}{
		{"libhello", "libhello 1.5-1+u10", security.Dir},
		{"libhello=1.5-1+u2", "libhello 1.5-1+u2", a.Dir},
		{"libhello=3", "libhello 3", a.Dir},
		{"libhello:amd64", "libhello 1.5-1+u10", security.Dir},
		{"new", "new 3", a.Dir},
	} {
		pkgs, err := x.Resolve([]string{tt.asked}, nil)
		if err != nil || len(pkgs) != 1 || pkgs[0].String() != tt.want || !strings.HasPrefix(pkgs[0].URL, tt.at+"/pool/") {
			t.Errorf("%s: %v, %v; want %s", tt.asked, pkgs, err, tt.want)
		}
	}
}

func TestParseSuite(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Suite
		ok   bool
	}{
		{"bookworm", Suite{Name: "bookworm"}, true},
		{"bookworm:main+contrib", Suite{Name: "bookworm", Components: []string{"main", "contrib"}}, true},
		{text: ""},
		{text: "bookworm:"},
		{text: "a/b"},
		{text: ".."},
		{text: "a:main+"},
	} {
		got, err := ParseSuite(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != tt.ok {
			t.Errorf("ParseSuite(%q): %v\n%s", tt.text, err, diff)
		}
	}
}

func TestHostKeyring(t *testing.T) {
	one, two := repotest.New(t, t.TempDir()), repotest.New(t, t.TempDir())
	dir := filepath.Dir(one.Keyring(t, true))
	if err := os.Link(two.Keyring(t, true), filepath.Join(dir, "two.asc")); err != nil {
		t.Skip(err)
	}
	rows := [][]string{{filepath.Join(dir, "none*")}, {filepath.Join(dir, "*.gpg"), filepath.Join(dir, "*.asc")}}
	k, err := hostKeyring(rows)
	if err != nil || len(k.keys) != 2 || k.from != dir {
		t.Errorf("hostKeyring = %d keys from %s, %v; want both", len(k.keys), k.from, err)
	}
	if _, err := hostKeyring(rows[:1]); err == nil || !strings.Contains(err.Error(), "--debian-keyring FILE") {
		t.Errorf("without keys: %v", err)
	}
}

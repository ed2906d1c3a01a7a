package repo

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

// server serves an archive, and notes what it is asked for.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	cut   string // files whose names end so break off half way
	down  bool   // all connections break
	code  int    // of all answers, where it is not 0
}

func serve(t *testing.T, dir string) *server {
	t.Helper()
	s := &server{}
	files := http.FileServer(http.Dir(dir))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		cut, down, code := s.cut, s.down, s.code
		s.mu.Unlock()
		switch {
		case down:
			panic(http.ErrAbortHandler)
		case code != 0:
			w.WriteHeader(code)
			return
		case cut != "" && strings.HasSuffix(r.URL.Path, cut):
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusOK)
			if _, err := w.Write([]byte("half")); err != nil {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns what was asked for since the last time.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// hello is a suite of two packages.
func hello() repotest.Suite {
	return repotest.Suite{Name: "here", Packages: []repotest.Package{
		{Name: "hello", Version: "1:2.0~rc+1-1", Fields: "Depends: libhello (>= 1)\n"},
		{Name: "libhello", Version: "1.5-1"},
	}}
}

// source returns an archive that has the suite, and a Source of it.
func newSource(t *testing.T, s repotest.Suite) (*repotest.Archive, *Source) {
	t.Helper()
	a := repotest.New(t, t.TempDir())
	a.Publish(t, s)
	return a, &Source{
		Base: a.Dir, Suites: []Suite{{Name: s.Name}}, Keyring: a.Keyring(t, false), Dir: t.TempDir(),
	}
}

// open is Open, and resolves hello.
func open(t *testing.T, s *Source) (fresh bool, files []string, err error) {
	t.Helper()
	x, fresh, err := s.Open(t.Context(), false)
	if err != nil {
		return fresh, nil, err
	}
	pkgs, err := x.Resolve([]string{"hello"}, nil)
	for _, p := range pkgs {
		files = append(files, p.File)
	}
	return fresh, files, err
}

var helloFiles = []string{"libhello_1.5-1_amd64.deb", "hello_1%3a2.0~rc+1-1_amd64.deb"}

func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *repotest.Suite)
		folder string // how the folder is named; empty: by HTTP
	}{
		{name: "gzip"},
		{name: "xz", change: func(s *repotest.Suite) { s.Exts = []string{".xz", ".gz"} }},
		{name: "zstd", change: func(s *repotest.Suite) { s.Exts = []string{".zst"} }},
		{name: "bzip2", change: func(s *repotest.Suite) { s.Exts = []string{".bz2"} }},
		{name: "plain", change: func(s *repotest.Suite) { s.Exts = []string{""} }},
		{name: "by digest only", change: func(s *repotest.Suite) { s.Hidden = true }},
		{name: "by name", change: func(s *repotest.Suite) { s.Fields = map[string]string{"Acquire-By-Hash": ""} }},
		{name: "detached signature", change: func(s *repotest.Suite) { s.Detached = true }},
		{name: "by the name of the suite", change: func(s *repotest.Suite) {
			s.Fields = map[string]string{"Suite": s.Name, "Codename": "other"}
		}},
		{name: "valid for ever", change: func(s *repotest.Suite) { s.Fields = map[string]string{"Valid-Until": ""} }},
		{name: "a folder", folder: "/"},
		{name: "a folder's address", folder: "file:///"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			suite := hello()
			if tt.change != nil {
				tt.change(&suite)
			}
			a, s := newSource(t, suite)
			switch {
			case tt.folder != "":
				s.Base = strings.TrimSuffix(tt.folder, "/") + a.Dir
			default:
				s.Base = serve(t, a.Dir).URL + "/"
			}
			fresh, files, err := open(t, s)
			if diff := cmp.Diff(helloFiles, files); diff != "" || err != nil || !fresh {
				t.Errorf("Open = %v, %v\n%s", fresh, err, diff)
			}
			// Once more, from what is kept.
			fresh, files, err = open(t, s)
			if diff := cmp.Diff(helloFiles, files); diff != "" || err != nil || fresh {
				t.Errorf("the second Open = %v, %v\n%s", fresh, err, diff)
			}
		})
	}
}

func TestDescribed(t *testing.T) {
	a, s := newSource(t, hello())
	srv := serve(t, a.Dir)
	for base, address := range map[string]string{
		a.Dir:             a.Dir + "/pool/main/hello/hello_2.0~rc+1-1_amd64.deb",
		"file://" + a.Dir: a.Dir + "/pool/main/hello/hello_2.0~rc+1-1_amd64.deb",
		srv.URL:           srv.URL + "/pool/main/hello/hello_2.0%7erc%2b1-1_amd64.deb",
	} {
		s.Base = base
		x, _, err := s.Open(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		pkgs, err := x.Resolve([]string{"hello"}, nil)
		if err != nil || len(pkgs) != 2 {
			t.Fatal(pkgs, err)
		}
		p := pkgs[1]
		if p.URL != address || p.Version != "1:2.0~rc+1-1" || p.Size != 18 || p.Arch != "amd64" {
			t.Errorf("%+v; want the address %s", p, address)
		}
		// What it names is there, with that digest.
		client := &fetch.Client{Dir: t.TempDir()}
		if err := client.File(t.Context(), p.URL, p.Digest, func(string) error { return nil }); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	const list = "dists/here/main/binary-amd64/"
	future := repotest.Date(time.Now().Add(48 * time.Hour))
	for _, tt := range []struct {
		name   string
		suite  func(s *repotest.Suite)
		change func(t *testing.T, a *repotest.Archive, s *Source, srv *server)
		want   []string // in the error
		is     error
	}{
		{name: "another's key", want: []string{"which is not in", "--debian-keyring"}, is: ErrSignature, change: func(t *testing.T, a *repotest.Archive, s *Source, _ *server) {
			s.Keyring = repotest.New(t, t.TempDir()).Keyring(t, true)
		}},
		{name: "no key", want: []string{"no OpenPGP key"}, change: func(t *testing.T, _ *repotest.Archive, s *Source, _ *server) {
			s.Keyring = filepath.Join(t.TempDir(), "empty")
			if err := os.WriteFile(s.Keyring, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "no keyring", want: []string{"no such file"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) { s.Keyring = "/none" }},
		{name: "changed Release", want: []string{"/dists/here/", "changed on its way"}, is: ErrSignature, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			a.Change(t, "dists/here/InRelease", "Suite: tested", "Suite: rested")
		}},
		{name: "changed detached Release", suite: func(s *repotest.Suite) { s.Detached = true }, is: ErrSignature, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			a.Change(t, "dists/here/Release", "Suite: tested", "Suite: rested")
		}},
		{name: "text before what is signed", is: ErrSignature, want: []string{"not one clear-signed text"}, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			a.Change(t, "dists/here/InRelease", "-----BEGIN PGP SIGNED", "Suite: here\n\n-----BEGIN PGP SIGNED")
		}},
		{name: "text behind what is signed", is: ErrSignature, want: []string{"not one clear-signed text"}, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			a.Change(t, "dists/here/InRelease", "-----END PGP SIGNATURE-----", "-----END PGP SIGNATURE-----\nSuite: here")
		}},
		{name: "not signed", suite: func(s *repotest.Suite) { s.Detached = true }, is: ErrSignature, want: []string{"neither InRelease nor Release.gpg"}, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			if err := os.Remove(filepath.Join(a.Dir, "dists/here/Release.gpg")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "empty signature", suite: func(s *repotest.Suite) { s.Detached = true }, is: ErrSignature, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			a.Write(t, "dists/here/Release.gpg", nil)
		}},
		{name: "expired", is: ErrExpired, want: []string{"valid until", "use another"}, suite: func(s *repotest.Suite) {
			s.Fields = map[string]string{"Valid-Until": repotest.Date(time.Now().Add(-time.Minute))}
		}},
		{name: "yet to come", want: []string{"yet to come", "clock"}, suite: func(s *repotest.Suite) { s.Fields = map[string]string{"Date": future, "Valid-Until": ""} }},
		{name: "no date", want: []string{"its Date"}, suite: func(s *repotest.Suite) { s.Fields = map[string]string{"Date": ""} }},
		{name: "another suite's", want: []string{`of the suite "tested-here" with the codename "older", not of "here"`}, suite: func(s *repotest.Suite) { s.Fields = map[string]string{"Codename": "older"} }},
		{name: "another suite", is: fetch.ErrNotThere, want: []string{"suite there", "there is no such suite", "/dists/there/InRelease", "use another --debian"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) {
			s.Suites[0].Name = "there"
		}},
		{name: "another component", want: []string{`no packages of the component "contrib"`, "main for amd64"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) {
			s.Suites[0].Components = []string{"main", "contrib"}
		}},
		{name: "another processor", want: []string{"for arm64", "main for amd64"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) { s.Arch = "arm64" }},
		{name: "changed package list", is: fetch.ErrDamaged, want: []string{"by-hash"}, change: func(t *testing.T, a *repotest.Archive, _ *Source, _ *server) {
			found, err := filepath.Glob(filepath.Join(a.Dir, list, "by-hash/SHA256/*"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			a.Write(t, list+"by-hash/SHA256/"+filepath.Base(found[0]), repotest.Compress(t, ".gz", []byte("Package: evil\n")))
		}},
		{name: "no package list", is: fetch.ErrNotThere, suite: func(s *repotest.Suite) { s.Exts = []string{} }},
		{name: "package list broken off", is: fetch.ErrBroken, change: func(_ *testing.T, _ *repotest.Archive, s *Source, srv *server) {
			s.Base, srv.cut = srv.URL, "Packages.gz"
		}, suite: func(s *repotest.Suite) {
			s.Fields = map[string]string{"Acquire-By-Hash": "no"}
		}},
		{name: "Release broken off", is: fetch.ErrBroken, want: []string{"InRelease"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, srv *server) {
			s.Base, srv.cut = srv.URL, "InRelease"
		}},
		{name: "a server that is down", is: fetch.ErrUnreachable, change: func(_ *testing.T, _ *repotest.Archive, s *Source, srv *server) { s.Base = srv.URL; srv.Close() }},
		{name: "offline", want: []string{"no package lists", "try once without --offline"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) { s.Offline = true }},
		{name: "a name that is a path", want: []string{"not the name of a suite"}, change: func(_ *testing.T, _ *repotest.Archive, s *Source, _ *server) { s.Suites[0].Name = "../here" }},
		{name: "a package list of nonsense", want: []string{"is not Field: value"}, suite: func(s *repotest.Suite) { s.Packages[0].Fields = "nonsense\n" }},
		{name: "a file outside", want: []string{"the file of hello is"}, suite: func(s *repotest.Suite) { s.Packages[0].Fields = "Filename: ../x\n" }, change: func(t *testing.T, a *repotest.Archive, s *Source, _ *server) {
			// The field that comes last counts, so the list is written anew.
			suite := hello()
			suite.Packages = suite.Packages[:1]
			suite.Packages[0].Name = "hello"
			b := []byte("Package: hello\nVersion: 1\nArchitecture: all\nFilename: ../x\nSize: 1\nSHA256: " + strings.Repeat("0", 64) + "\n")
			writeList(t, a, suite, b)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			suite := hello()
			if tt.suite != nil {
				tt.suite(&suite)
			}
			a, s := newSource(t, suite)
			srv := serve(t, a.Dir)
			s.Base = srv.URL
			if tt.change != nil {
				tt.change(t, a, s, srv)
			}
			_, _, err := open(t, s)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("Open = %v; want %v", err, tt.is)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("Open = %v; want %q in it", err, w)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			if k := s.Key(); k != "" {
				t.Errorf("the key is %q; want none", k)
			}
		})
	}
}

// writeList publishes a suite whose package list is these bytes.
func writeList(t *testing.T, a *repotest.Archive, s repotest.Suite, list []byte) {
	t.Helper()
	text := "Suite: " + s.Name + "\nArchitectures: amd64\nDate: " + repotest.Date(time.Now()) + "\nSHA256:\n " +
		sha256Of(list) + " 1 main/binary-amd64/Packages\n"
	a.Write(t, "dists/"+s.Name+"/main/binary-amd64/Packages", list)
	a.Sign(t, s, text)
}

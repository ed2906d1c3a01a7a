package netbsd_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	faulty "github.com/fakecracker/fakecracker/test/mirror"
)

// TestBadMirrors has each file of a release and of a daily build go wrong in
// each way. The error says where and what to do, nothing is used, and once the
// mirror is mended all works, from where it was.
func TestBadMirrors(t *testing.T) {
	root := t.TempDir()
	m := newMirror(t, small(t))
	m.put("/daily/HEAD/latest/amd64/binary/sets/", small(t))
	for p, b := range m.files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, p), b)
	}
	for _, release := range []string{"10.1", "HEAD"} {
		for _, file := range []string{"SHA512", "base.tgz"} {
			for kind, want := range map[faulty.Fault]string{
				faulty.NotFound:  "not found (404 Not Found)",
				faulty.Forbidden: "the server answers 403 Forbidden",
				faulty.Failure:   "the server answers 500 Internal Server Error",
				faulty.Garbage:   "",
				faulty.Stalled:   "no answer, or hardly any byte, for 1s",
				faulty.Silent:    "no answer, or hardly any byte, for 1s",
				faulty.Truncated: "the connection broke at ",
			} {
				t.Run(release+" "+file+" "+string(kind), func(t *testing.T) {
					t.Parallel()
					testBadMirror(t, root, release, file, kind, want)
				})
			}
		}
	}
}

func testBadMirror(t *testing.T, root, release, file string, kind faulty.Fault, want string) {
	t.Helper()
	m, err := faulty.Serve(root)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Fault("/"+file, kind, -1)
	s := &netbsd.Source{
		Mirrors: []string{m.URL()}, Daily: []string{m.URL() + "/daily"}, Release: release, Arch: "amd64", Dir: t.TempDir(),
		Client: &fetch.Client{Dir: t.TempDir(), Remedy: "use another --mirror"},
	}
	if kind == faulty.Stalled || kind == faulty.Silent {
		s.Client.Stall = time.Second
	}
	_, err = s.Open(t.Context(), []string{"base"})
	if err == nil {
		t.Fatal("it worked")
	}
	if text := err.Error(); !strings.Contains(text, m.URL()) || !strings.Contains(text, "/amd64/binary/sets/"+file) || !strings.Contains(text, want) ||
		!strings.Contains(text, "use another --mirror") || strings.Contains(text, "\n") {
		t.Errorf("the error is %s\nnot one with %s", text, want)
	}
	if kept, err := filepath.Glob(filepath.Join(s.Dir, "*.index")); kept != nil || err != nil {
		t.Errorf("%v is kept, %v", kept, err)
	}
	m.Fault("/"+file, "", 0)
	m.Requests()
	s.Client = &fetch.Client{Dir: s.Client.Dir}
	got, err := open(t, s, "base").Get(t.Context(), []string{"/bin/sh"})
	if err != nil || content(t, got[0]) != "sh" {
		t.Errorf("once it is mended: %v", err)
	}
	half := func(q string) bool {
		return strings.HasSuffix(strings.Split(q, " ")[1], "/"+file) && strings.Contains(q, " bytes=")
	}
	if all := m.Requests(); kind == faulty.Truncated && file != "SHA512" && !slices.ContainsFunc(all, half) {
		t.Errorf("it did not go on where it was: %q", all)
	}
}

// TestGotSideBySide has a mirror that sends no set before two are asked for.
func TestGotSideBySide(t *testing.T) {
	m := newMirror(t, small(t))
	var waiting sync.WaitGroup
	waiting.Add(2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			waiting.Done()
			waiting.Wait()
		}
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := newSource(t, m)
	s.Mirrors = []string{server.URL}
	s.Client.Stall = 20 * time.Second
	if _, err := s.Open(t.Context(), []string{"base", "etc"}); err != nil {
		waiting.Done() // lets the server end
		t.Error(err)
	}
}

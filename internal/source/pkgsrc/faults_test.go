package pkgsrc

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/test/mirror"
)

// TestBadMirrors has each file of a repository go wrong in each way. The error
// says where and what to do, nothing is used, and once the mirror is mended all
// works, from where it was.
func TestBadMirrors(t *testing.T) {
	r := newRepo(t)
	packages := bare()
	packages[1].files[0].text = long(nil).files[0].text // does not get shorter
	r.write(t, packages...)
	var list strings.Builder
	for _, p := range packages {
		fmt.Fprintf(&list, "SHA512 (%s.tgz) = %x\n", p.name, sha512.Sum512(p.archive(t)))
	}
	r.writeFile(t, "SHA512.gz", gzipped(t, list.String()))
	for _, file := range []string{"pkg_summary.gz", "SHA512.gz", "b-2.tgz"} {
		for kind, want := range map[mirror.Fault]string{
			mirror.NotFound:  "not found (404 Not Found)",
			mirror.Forbidden: "the server answers 403 Forbidden",
			mirror.Failure:   "the server answers 500 Internal Server Error",
			mirror.Garbage:   "",
			mirror.Stalled:   "no answer, or hardly any byte, for 1s",
			mirror.Silent:    "no answer, or hardly any byte, for 1s",
			mirror.Truncated: "the connection broke at ",
		} {
			if kind == mirror.NotFound && file != "b-2.tgz" {
				continue // it may have another name: TestNoListOfAnyKind
			}
			t.Run(file+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				testBadMirror(t, r, file, kind, want)
			})
		}
	}
}

func testBadMirror(t *testing.T, r *testRepo, file string, kind mirror.Fault, want string) {
	t.Helper()
	m, err := mirror.Serve(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Fault("/"+file, kind, -1)
	s := r.source(t)
	s.Mirror = m.URL()
	s.Client = &fetch.Client{Dir: t.TempDir(), Remedy: "use another --pkgsrc"}
	if kind == mirror.Stalled || kind == mirror.Silent {
		s.Client.Stall = time.Second
	}
	_, _, err = s.Packages(t.Context(), []string{"a"})
	if err == nil {
		t.Fatal("it worked")
	}
	text := err.Error()
	if !strings.Contains(text, m.URL()+"/"+file) || !strings.Contains(text, want) || strings.Contains(text, "\n") {
		t.Errorf("the error is %s\nnot one with %s", text, want)
	}
	if !strings.Contains(text, "use another --pkgsrc") {
		t.Errorf("the error says nothing to do: %s", text)
	}
	if kept, err := filepath.Glob(filepath.Join(s.Dir, "packages", "*.pack")); len(kept) > 1 || err != nil { // a-1 has it right
		t.Errorf("%v is kept, %v", kept, err)
	}
	m.Fault("/"+file, "", 0)
	m.Requests()
	s.Client = &fetch.Client{Dir: s.Client.Dir}
	if _, _, err := s.Packages(t.Context(), []string{"a"}); err != nil {
		t.Errorf("once it is mended: %v", err)
	}
	if all := m.Requests(); kind == mirror.Truncated && !slices.ContainsFunc(all, func(q string) bool { return strings.HasPrefix(q, "GET /"+file+" bytes=") }) {
		t.Errorf("it did not go on where it was: %q", all)
	}
}

// TestStale goes on with the list at hand where the mirror has no newer one,
// and says so.
func TestStale(t *testing.T) {
	r := newRepo(t, webPackages()...)
	m, err := mirror.Serve(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := r.source(t)
	s.Mirror = m.URL()
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err != nil {
		t.Fatal(err)
	}
	m.Fault("/pkg_summary.gz", mirror.Failure, -1)
	var said []string
	s.Progress = func(text string) { said = append(said, text) }
	s.Refresh = true
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err != nil {
		t.Errorf("with a list at hand: %v", err)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "no new package list, going on with the one at hand: ") || !strings.Contains(text, "500 Internal Server Error") {
		t.Errorf("it said %s", text)
	}
}

// TestNoListOfAnyKind names the mirror that has no summary.
func TestNoListOfAnyKind(t *testing.T) {
	s := newRepo(t).source(t)
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	s.Mirror = server.URL + "/All"
	if _, _, err := s.Packages(t.Context(), []string{"a"}); !errors.Is(err, fetch.ErrNotThere) || !strings.Contains(err.Error(), s.Mirror+" has no pkg_summary, in any compression") {
		t.Errorf("the error is %v", err)
	}
}

// TestSideBySide has a mirror that sends no package before two are asked for.
func TestSideBySide(t *testing.T) {
	r := newRepo(t, bare()...)
	files := http.FileServer(http.Dir(r.dir))
	var waiting sync.WaitGroup
	waiting.Add(2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, ".tgz") {
			waiting.Done()
			waiting.Wait()
		}
		files.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	s := r.source(t)
	s.Mirror, s.AllowUnverified = server.URL, true
	s.Client = &fetch.Client{Dir: t.TempDir(), Stall: 20 * time.Second}
	_, _, err := s.Packages(t.Context(), []string{"a"})
	if err != nil {
		waiting.Done() // lets the server end
		t.Error(err)
	}
}

// TestInflatedLists has lists that unpack to more than any real one.
func TestInflatedLists(t *testing.T) {
	line := "COMMENT=" + strings.Repeat("x", 60000) + "\n"
	for name, c := range map[string]struct {
		head  string
		bytes int
		want  string
	}{
		"pkg_summary.gz": {"PKGNAME=a-1\n", maxSummary, "it is 268435456 bytes long or longer"},
		"SHA512.gz":      {"SHA512 (a-1.tgz) = " + strings.Repeat("0", 128) + "\n", maxSums, "it unpacks to more than 67108864 bytes"},
	} {
		r := newRepo(t, bare()...)
		r.writeFile(t, name, gzipped(t, c.head+strings.Repeat(line, c.bytes/len(line)+1)))
		_, _, err := r.source(t).Packages(t.Context(), []string{"a"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), r.url+"/"+name) {
			t.Errorf("%s: the error is %v, not one with %s", name, err, c.want)
		}
	}
}

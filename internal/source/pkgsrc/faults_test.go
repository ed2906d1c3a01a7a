package pkgsrc

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
)

// A badMirror serves a folder, and answers for one of its files otherwise.
type badMirror struct {
	dir    string
	mu     sync.Mutex
	name   string
	answer func(w http.ResponseWriter, r *http.Request, file []byte) // nil: as it should
	ranges []string                                                  // that were asked for of the file
}

// ServeHTTP implements http.Handler.
func (m *badMirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	bad := path.Base(r.URL.Path) == m.name && r.Method == http.MethodGet
	if bad {
		m.ranges = append(m.ranges, r.Header.Get("Range"))
	}
	answer := m.answer
	m.mu.Unlock()
	file, err := os.ReadFile(filepath.Join(m.dir, path.Clean(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, len(file)))
	if bad && answer != nil {
		answer(w, r, file)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
}

// set has the mirror answer so for the file, and returns the ranges that were
// asked for before.
func (m *badMirror) set(name string, answer func(http.ResponseWriter, *http.Request, []byte)) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.ranges
	m.name, m.answer, m.ranges = name, answer, nil
	return before
}

func status(code int) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(code) }
}

func garbage(w http.ResponseWriter, _ *http.Request, file []byte) {
	_, _ = w.Write(bytes.Repeat([]byte("<html>"), len(file)/6+1)[:len(file)])
}

// half sends half of what is asked for, and breaks the connection.
func half(w http.ResponseWriter, _ *http.Request, file []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(file)))
	_, _ = w.Write(file[:len(file)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// trickle sends a byte now and then.
func trickle(w http.ResponseWriter, r *http.Request, file []byte) {
	for i := 0; i < len(file) && r.Context().Err() == nil; i++ {
		_, _ = w.Write(file[i : i+1])
		_ = http.NewResponseController(w).Flush()
		time.Sleep(5 * time.Millisecond)
	}
}

func silent(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }

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
		fmt.Fprintf(&list, "SHA512 (%s.tgz) = %s\n", p.name, sha512Hex(p.archive(t)))
	}
	r.writeFile(t, "SHA512.gz", gzipped(t, list.String()))
	m := &badMirror{dir: r.dir}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	for _, file := range []string{"pkg_summary.gz", "SHA512.gz", "b-2.tgz"} {
		for name, c := range map[string]struct {
			answer func(http.ResponseWriter, *http.Request, []byte)
			want   string
		}{
			"404":            {status(404), "not found (404 Not Found)"},
			"500":            {status(500), "the server answers 500 Internal Server Error"},
			"403":            {status(403), "the server answers 403 Forbidden"},
			"garbage":        {garbage, ""},
			"slow":           {trickle, "hardly any byte, for 80ms"},
			"silent":         {silent, "no answer, or hardly any byte, for 80ms"},
			"stops half way": {half, "the connection broke at "},
		} {
			if name == "404" && file != "b-2.tgz" {
				continue // there may be another; TestMirrors has none at all
			}
			t.Run(file+" "+name, func(t *testing.T) {
				m.set(file, c.answer)
				s := r.source(t)
				s.Mirror = server.URL
				s.Client = &fetch.Client{Dir: t.TempDir(), Remedy: "use another --pkgsrc", Stall: 80 * time.Millisecond}
				_, _, err := s.Packages(t.Context(), []string{"a"})
				if err == nil {
					t.Fatal("it worked")
				}
				text := err.Error()
				if !strings.Contains(text, server.URL+"/"+file) || !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
					t.Errorf("the error is %s\nnot one with %s", text, c.want)
				}
				if !strings.Contains(text, "use another --pkgsrc") && !strings.Contains(text, "is it a mirror of pkgsrc?") {
					t.Errorf("the error says nothing to do: %s", text)
				}
				asked := m.set("", nil)
				if packs, _ := filepath.Glob(filepath.Join(s.Dir, "packages", "b-*")); packs != nil {
					t.Errorf("%v is kept", packs)
				}
				m.set(file, nil)
				s.Client = &fetch.Client{Dir: s.Client.Dir}
				if _, _, err := s.Packages(t.Context(), []string{"a"}); err != nil {
					t.Errorf("once it is mended: %v", err)
				}
				again := m.set("", nil)
				if name == "stops half way" && (len(again) != 1 || !strings.HasPrefix(again[0], "bytes=")) {
					t.Errorf("it was asked for %q, and then for %q", asked, again)
				}
			})
		}
	}
}

// TestStale goes on with the list at hand where the mirror has gone, and says
// so.
func TestStale(t *testing.T) {
	r := newRepo(t, webPackages()...)
	m := &badMirror{dir: r.dir}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	s := r.source(t)
	s.Mirror = server.URL
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err != nil {
		t.Fatal(err)
	}
	m.set("pkg_summary.gz", status(500))
	r.write(t, webPackages()[:2]...) // another list, so that it is got
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
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	s.Mirror = server.URL + "/All"
	if _, _, err := s.Packages(t.Context(), []string{"a"}); !errors.Is(err, fetch.ErrNotThere) || !strings.Contains(err.Error(), s.Mirror+" has no pkg_summary, in any compression") {
		t.Errorf("the error is %v", err)
	}
}

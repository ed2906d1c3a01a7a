package fetch

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server has one file under every name, and faults.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	file  string
	etag  string
	cut   []int    // bytes after which the next answers break off; none: they don't
	asked []string // Range headers of the requests
	// odd, where set, answers instead, and reports whether it did.
	odd func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t testing.TB, file string) *server {
	t.Helper()
	s := &server{file: file, etag: `"one"`}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Header.Get("Range"))
	file, odd := s.file, s.odd
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	if len(s.cut) > 0 {
		w = &cutWriter{w, s.cut[0]}
		s.cut = s.cut[1:]
	}
	s.mu.Unlock()
	if odd == nil || !odd(w, r) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(file))
	}
}

// ranges returns what was asked for since the last call.
func (s *server) ranges() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// cutWriter breaks the connection after left bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

// Write implements io.Writer.
func (c *cutWriter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if c.left -= n; c.left == 0 {
		if err := http.NewResponseController(c.ResponseWriter).Flush(); err != nil {
			return n, err
		}
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func sha256Of(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }
func sha512Of(s string) string { return fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(s))) }

// client returns one with a folder of its own, that is patient enough for a
// slow machine.
func client(t testing.TB) *Client {
	t.Helper()
	return &Client{Dir: filepath.Join(t.TempDir(), "downloads"), Remedy: "use another --mirror"}
}

// left returns the names of the files in the client's folder.
func left(t testing.TB, c *Client) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(c.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		all[i] = filepath.Base(p)
	}
	return all
}

// content fails the test unless the file at path is want.
func content(t testing.TB, path, want string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != want {
		t.Errorf("%s has %d bytes, %v; want %d others", path, len(b), err, len(want))
	}
}

// trickle sends a byte at a time for as long as the client listens.
func trickle(w http.ResponseWriter, r *http.Request) bool {
	for {
		if _, err := io.WriteString(w, "x"); err != nil {
			return true
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return true
		}
		select {
		case <-r.Context().Done():
			return true
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

package fetch

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	s := newServer(t, file)
	c := client(t)
	stamp := func() string {
		t.Helper()
		got, err := c.Stamp(t.Context(), s.URL+"/x")
		if err != nil {
			t.Error(err)
		}
		return got
	}
	first := stamp()
	if first == "" || stamp() != first {
		t.Errorf("the stamp is %q, then %q", first, stamp())
	}
	set := func(etag string, odd func(http.ResponseWriter, *http.Request) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.etag, s.odd = etag, odd
	}
	if set(`"two"`, nil); stamp() == first {
		t.Error("another version has the same stamp")
	}
	if set("", nil); stamp() != "" {
		t.Errorf("a server that says nothing has the stamp %q", stamp())
	}
	c.Stall = 50 * time.Millisecond
	for name, odd := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"silent": silent, "no HTTP": noHTTP, "500": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
	} {
		if set("", odd); stamp() != "" {
			t.Errorf("%s: the stamp is %q", name, stamp())
		}
	}
	c.Stall = 0
	set("", func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true })
	if got, err := c.Stamp(t.Context(), s.URL+"/x"); !errors.Is(err, ErrNotThere) || !strings.HasPrefix(err.Error(), s.URL+"/x: not found (404 Not Found); use another") {
		t.Errorf("of a file that is not there: %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := c.Stamp(ctx, s.URL+"/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %q, %v", got, err)
	}
}

func TestStampOfFolder(t *testing.T) {
	c := client(t)
	p := filepath.Join(t.TempDir(), "x")
	if _, err := c.Stamp(t.Context(), p); !errors.Is(err, ErrNotThere) {
		t.Errorf("of a file that is not there: %v", err)
	}
	stamps := map[string]bool{}
	for i, text := range []string{"a", "ab", "ba"} {
		when := time.Unix(int64(i), 0)
		if err := errors.Join(os.WriteFile(p, []byte(text), 0o644), os.Chtimes(p, when, when)); err != nil {
			t.Fatal(err)
		}
		for _, addr := range []string{p, "file://" + p} {
			got, err := c.Stamp(t.Context(), addr)
			if err != nil {
				t.Error(err)
			}
			stamps[got] = true
		}
	}
	if len(stamps) != 3 || stamps[""] {
		t.Errorf("three versions have the stamps %v", stamps)
	}
}

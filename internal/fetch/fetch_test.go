package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var file = strings.Repeat("some bytes of a file\n", 1000)

func TestKeep(t *testing.T) {
	for _, digest := range []string{sha256Of(file), sha512Of(file)} {
		s := newServer(t, file)
		c := client(t)
		var name string
		var done, total int64
		c.Progress = func(n string, d, all int64) { name, done, total = n, d, all }
		for range 2 { // the second time without the server
			p, err := c.Keep(t.Context(), s.URL+"/sets/base.tar.xz", digest)
			if err != nil {
				t.Fatal(err)
			}
			content(t, p, file)
			s.Close()
		}
		if n := int64(len(file)); name != "base.tar.xz" || done != n || total != n {
			t.Errorf("progress ended at %d of %d of %q", done, total, name)
		}
		if diff := cmp.Diff([]string{strings.Replace(digest, ":", "-", 1)}, left(t, c)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFile(t *testing.T) {
	s := newServer(t, file)
	c := client(t)
	for _, digest := range []string{"", sha512Of(file)} {
		err := c.File(t.Context(), s.URL+"/x", digest, func(p string) error {
			content(t, p, file)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	stop := errors.New("stop")
	if err := c.File(t.Context(), s.URL+"/x", "", func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("File = %v", err)
	}
	if got := left(t, c); got != nil {
		t.Errorf("left behind: %v", got)
	}
}

func TestResumesAtOnce(t *testing.T) {
	s := newServer(t, file)
	s.cut = []int{100, 50}
	if _, err := client(t).Keep(t.Context(), s.URL+"/x", sha256Of(file)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "bytes=100-", "bytes=150-"}, s.ranges()); diff != "" {
		t.Error(diff)
	}
}

// TestResumesAsLongAsItGetsOn has a connection that breaks every 2 MiB.
func TestResumesAsLongAsItGetsOn(t *testing.T) {
	big := strings.Repeat("x", 13<<20)
	s := newServer(t, big)
	s.cut = []int{2 << 20, 2 << 20, 2 << 20, 2 << 20, 2 << 20, 2 << 20}
	p, err := client(t).Keep(t.Context(), s.URL+"/x", sha256Of(big))
	if err != nil {
		t.Fatal(err)
	}
	content(t, p, big)
}

func TestResumesLater(t *testing.T) {
	for _, tt := range []struct {
		name   string
		digest string
		change func(*server)
		want   []string // ranges of the second time
	}{
		{"the same", "", func(*server) {}, []string{"bytes=157-"}},
		{"the same with a digest", sha256Of(file), func(*server) {}, []string{"bytes=157-"}},
		// If-Range makes the server give the whole new file.
		{"another version", "", func(s *server) { s.etag, s.file = `"two"`, "new" }, []string{"bytes=157-"}},
		{"no version", sha256Of(file), func(s *server) { s.etag = "" }, []string{"bytes=157-"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, file)
			c := client(t)
			s.cut = []int{100, 50, 7}
			get := func() error {
				return c.File(t.Context(), s.URL+"/x", tt.digest, func(p string) error {
					content(t, p, s.file)
					return nil
				})
			}
			err := get()
			if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "/x: the connection broke at 157 of 21000 bytes") {
				t.Fatalf("File = %v", err)
			}
			s.ranges()
			tt.change(s)
			if err := get(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.ranges()); diff != "" {
				t.Error(diff)
			}
			if got := left(t, c); got != nil {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

// TestResumesFromAnotherMirror: the digest says that it is the same file.
func TestResumesFromAnotherMirror(t *testing.T) {
	first, second := newServer(t, file), newServer(t, file)
	first.cut, second.etag = []int{100, 50, 7}, `"other"`
	c := client(t)
	if _, err := c.Keep(t.Context(), first.URL+"/x", sha256Of(file)); !errors.Is(err, ErrBroken) {
		t.Fatalf("Keep = %v", err)
	}
	p, err := c.Keep(t.Context(), second.URL+"/y", sha256Of(file))
	if err != nil {
		t.Fatal(err)
	}
	content(t, p, file)
	if diff := cmp.Diff([]string{"bytes=157-"}, second.ranges()); diff != "" {
		t.Error(diff)
	}
}

// TestRepairs has parts whose bytes are not the file's, though the server
// thinks so.
func TestRepairs(t *testing.T) {
	for name, bad := range map[string]int{"shorter": 157, "as long": len(file), "longer": len(file) + 1} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, file)
			c := client(t)
			if err := os.MkdirAll(c.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			part := filepath.Join(c.Dir, partPrefix+strings.Replace(sha256Of(file), ":", "-", 1))
			if err := os.WriteFile(part, make([]byte, bad), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := c.Keep(t.Context(), s.URL+"/x", sha256Of(file))
			if err != nil {
				t.Fatal(err)
			}
			content(t, p, file)
		})
	}
}

// TestTakesWhatIsWhole has a part that lacks nothing but its name.
func TestTakesWhatIsWhole(t *testing.T) {
	s := newServer(t, file)
	c := client(t)
	part := filepath.Join(c.Dir, partPrefix+strings.Replace(sha256Of(file), ":", "-", 1))
	if err := errors.Join(os.MkdirAll(c.Dir, 0o755), os.WriteFile(part, []byte(file), 0o644)); err != nil {
		t.Fatal(err)
	}
	p, err := c.Keep(t.Context(), s.URL+"/x", sha256Of(file))
	if err != nil {
		t.Fatal(err)
	}
	content(t, p, file)
	if diff := cmp.Diff([]string{fmt.Sprintf("bytes=%d-", len(file))}, s.ranges()); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		}
	}
	const remedy = "; use another --mirror"
	for _, tt := range []struct {
		name   string
		change func(*server, *Client)
		want   string // after the address
		is     error
	}{
		{"404", func(s *server, _ *Client) { s.odd = status(404) }, ": not found (404 Not Found)" + remedy, ErrNotThere},
		{"410", func(s *server, _ *Client) { s.odd = status(410) }, ": not found (410 Gone)" + remedy, ErrNotThere},
		{"500", func(s *server, _ *Client) { s.odd = status(500) }, ": the server answers 500 Internal Server Error" + remedy, nil},
		{"no content", func(s *server, _ *Client) { s.odd = status(204) }, ": the server answers 204 No Content" + remedy, nil},
		{"garbage", func(s *server, _ *Client) { s.file = "<html>" }, " is damaged: its sha512 is ", ErrDamaged},
		{"damaged", func(s *server, _ *Client) { s.file = strings.Replace(file, "b", "c", 1) }, " is damaged: its sha512 is ", ErrDamaged},
		{"no HTTP", func(s *server, _ *Client) { s.odd = noHTTP }, ": the server can't be reached (", ErrUnreachable},
		{"stops half way", func(s *server, _ *Client) { s.cut = []int{100, 10, 10} }, ": the connection broke at 120 of 21000 bytes: unexpected EOF (the next try goes on there)" + remedy, ErrBroken},
		{"silent", func(s *server, c *Client) { s.odd, c.Stall = silent, 50*time.Millisecond }, ": the server can't be reached (no answer, or hardly any byte, for 50ms)" + remedy, ErrUnreachable},
		{"slow", func(s *server, c *Client) { s.odd, c.Stall = trickle, 50*time.Millisecond }, " bytes: no answer, or hardly any byte, for 50ms (the next try goes on there)" + remedy, ErrBroken},
		{"gone", func(s *server, _ *Client) { s.Close() }, ": the server can't be reached (connect: connection refused)" + remedy, ErrUnreachable},
		{"long", func(_ *server, c *Client) { c.MaxSize = 20999 }, ": it has 21000 bytes, more than such a file may have (20999 bytes)" + remedy, nil},
		{"long without saying so", func(s *server, c *Client) { s.odd, c.MaxSize = trickle, 10 }, ": it has more than such a file may have (10 bytes)" + remedy, nil},
		{"another range", func(s *server, _ *Client) { s.cut, s.odd = []int{100, 1000, 1000}, otherRange }, ": the connection broke at ", ErrBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, file)
			c := client(t)
			tt.change(s, c)
			p, err := c.Keep(t.Context(), s.URL+"/x", sha512Of(file))
			if err == nil {
				t.Fatalf("Keep = %s", p)
			}
			if text := err.Error(); !strings.HasPrefix(text, s.URL+"/x") || !strings.Contains(text, tt.want) || strings.Contains(text, "\n") {
				t.Errorf("Keep = %v\nwant %s", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v does not wrap %v", err, tt.is)
			}
			for _, name := range left(t, c) {
				if !strings.HasPrefix(name, partPrefix) || !errors.Is(err, ErrBroken) {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

// noHTTP answers with what is no HTTP.
func noHTTP(w http.ResponseWriter, _ *http.Request) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, err = conn.Write([]byte("SSH-2.0-OpenSSH\r\n"))
	}
	if err == nil {
		err = conn.Close()
	}
	return err == nil
}

// otherRange answers requests for a part with another one.
func otherRange(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Range") == "" {
		return false
	}
	w.Header().Set("Content-Range", "bytes 5-8/21000")
	w.WriteHeader(http.StatusPartialContent)
	return true
}

// TestGoesBackToAll has a server that answers with another range once.
func TestGoesBackToAll(t *testing.T) {
	s := newServer(t, file)
	s.cut, s.odd = []int{100}, otherRange
	p, err := client(t).Keep(t.Context(), s.URL+"/x", sha512Of(file))
	if err != nil {
		t.Fatal(err)
	}
	content(t, p, file)
	if diff := cmp.Diff([]string{"", "bytes=100-", ""}, s.ranges()); diff != "" {
		t.Error(diff)
	}
}

func TestSmall(t *testing.T) {
	s := newServer(t, "text")
	s.cut = []int{2, 1}
	c := client(t)
	if b, err := c.Small(t.Context(), s.URL+"/x", 4); err != nil || string(b) != "text" {
		t.Errorf("Small = %q, %v", b, err)
	}
	want := s.URL + "/x: it has more than such a file may have (3 bytes); use another --mirror"
	if _, err := c.Small(t.Context(), s.URL+"/x", 3); err == nil || err.Error() != want {
		t.Errorf("Small = %v; want %s", err, want)
	}
	s.cut = []int{1, 2, 3}
	want = s.URL + "/x: the connection broke at 3 of 4 bytes: unexpected EOF; use another --mirror"
	if _, err := c.Small(t.Context(), s.URL+"/x", 0); err == nil || err.Error() != want {
		t.Errorf("Small = %v; want %s", err, want)
	}
	if got := left(t, c); got != nil {
		t.Errorf("left behind: %v", got)
	}
}

func TestCancelled(t *testing.T) {
	s := newServer(t, file)
	for name, odd := range map[string]func(http.ResponseWriter, *http.Request) bool{"at the request": silent, "at the body": trickle} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := client(t)
			s.odd = func(w http.ResponseWriter, r *http.Request) bool {
				cancel()
				return odd(w, r)
			}
			if _, err := c.Keep(ctx, s.URL+"/x", sha256Of(file)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBroken) {
				t.Errorf("Keep = %v", err)
			}
		})
	}
}

// TestTogether has many get the same files at a time, as processes with
// clients of their own do. Each is downloaded once.
func TestTogether(t *testing.T) {
	s := newServer(t, file)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := &Client{Dir: dir}
			p, err := c.Keep(context.Background(), s.URL+"/x", sha256Of(file))
			if err != nil {
				t.Error(err)
				return
			}
			content(t, p, file)
			err = c.File(context.Background(), s.URL+"/y", sha256Of(file), func(p string) error {
				content(t, p, file)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.ranges()); n != 9 { // Keep once, File each time
		t.Errorf("%d requests, want 9", n)
	}
	if got := left(t, &Client{Dir: dir}); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestFolderMirror(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a mirror")
	name := filepath.Join(dir, "x")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(name, []byte(file), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{dir, "file://" + dir, "file://" + strings.ReplaceAll(dir, " ", "%20"), "file://localhost" + dir} {
		c := client(t)
		if b, err := c.Small(t.Context(), base+"/x", 1<<20); err != nil || string(b) != file {
			t.Errorf("%s: Small = %d bytes, %v", base, len(b), err)
		}
		if p, err := c.Keep(t.Context(), base+"/x", sha512Of(file)); err != nil || filepath.Dir(p) != c.Dir {
			t.Errorf("%s: Keep = %s, %v", base, p, err)
		} else {
			content(t, p, file)
		}
		var used string
		err := c.File(t.Context(), base+"/x", sha256Of(file), func(p string) error {
			used = p
			return nil
		})
		if err != nil || used != name {
			t.Errorf("%s: File used %s, %v", base, used, err)
		}
		content(t, name, file)
	}
}

func TestFolderMirrorErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := client(t)
	use := func(string) error { return errors.New("it was used") }
	for _, tt := range []struct {
		name string
		get  func() error
		want string
	}{
		{"not there", func() error { _, err := c.Small(t.Context(), dir+"/y", 0); return err }, dir + "/y: not found; use another --mirror"},
		{"folder", func() error { _, err := c.Small(t.Context(), dir, 0); return err }, dir + " is not a file"},
		{"long", func() error { _, err := c.Small(t.Context(), dir+"/x", 4); return err }, "it has 5 bytes, more than such a file may have (4 bytes)"},
		{"kept", func() error { _, err := c.Keep(t.Context(), dir+"/x", sha256Of(file)); return err }, dir + "/x is damaged: "},
		{"used", func() error { return c.File(t.Context(), dir+"/x", sha256Of(file), use) }, dir + "/x is damaged: "},
		{"no digest", func() error { _, err := c.Keep(t.Context(), dir+"/x", ""); return err }, `"" is no digest`},
		{"digest that climbs", func() error { _, err := c.Keep(t.Context(), dir+"/x", "sha256:../x"); return err }, "is no digest"},
		{"nowhere to", func() error { _, err := new(Client).Keep(t.Context(), dir+"/x", sha256Of(file)); return err }, "there is no folder for downloads"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.get(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %s", err, tt.want)
			}
		})
	}
	if got := left(t, c); got != nil {
		t.Errorf("left behind: %v", got)
	}
}

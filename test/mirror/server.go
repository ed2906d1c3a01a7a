// Package mirror makes and serves a mirror of NetBSD for tests: the sets of a
// release and of a daily build, and a repository of packages of pkgsrc, for
// i386 and amd64. All that is in it was written for the tests; its programs
// are those of test/userland. It is no part of the product.
//
// The layout is that of NetBSD's servers: see release(7) for the sets,
// pkg_summary(5) and pkg_create(1) for the packages.
package mirror

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault is what is wrong with the answer to a request.
type Fault string

// The faults that a server can be told to have.
const (
	NotFound   Fault = "404"        // the file is not there
	Failure    Fault = "500"        // the server is out of order
	Garbage    Fault = "garbage"    // other bytes than the file's, as many
	Slow       Fault = "slow"       // a little at a time, with pauses between
	Truncated  Fault = "truncated"  // the connection breaks half way
	Unresuming Fault = "unresuming" // half, then the connection breaks; requests for ranges get all from the start
	Endless    Fault = "endless"    // zeros that never end
	Stalled    Fault = "stalled"    // the head of an answer, and then nothing
	Silent     Fault = "silent"     // not even that
	Forbidden  Fault = "403"        // not for us
)

// A Server serves a mirror's tree over HTTP on loopback.
type Server struct {
	dir    string
	http   *http.Server
	url    string
	served sync.WaitGroup

	mu       sync.Mutex
	faults   map[string]fault
	requests []string
}

type fault struct {
	kind  Fault
	times int // how often it is still to happen; negative: always
}

// Serve serves the tree in dir. The caller closes the server.
func Serve(dir string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the mirror %s: %w", dir, err)
	}
	s := &Server{dir: dir, url: "http://" + l.Addr().String(), faults: map[string]fault{}}
	s.http = &http.Server{Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: time.Minute}
	s.served.Go(func() { _ = s.http.Serve(l) }) // ends with ErrServerClosed
	return s, nil
}

// Close breaks off what is being answered, and waits for it.
func (s *Server) Close() error {
	err := s.http.Close()
	s.served.Wait()
	return err
}

// URL is the server's address, without a slash at its end.
func (s *Server) URL() string { return s.url }

// ReleasesURL, DailyURL and PackagesURL are what stands for NetBSD's own
// addresses of releases, daily builds and packages.
func (s *Server) ReleasesURL() string { return s.url + "/" + Releases }

// DailyURL is the address of the daily builds.
func (s *Server) DailyURL() string { return s.url + "/" + Daily }

// PackagesURL is the address of the packages.
func (s *Server) PackagesURL() string { return s.url + "/" + Packages }

// Fault makes requests for paths that match pattern (path.Match, or the end
// of a path after a slash) go wrong in this way, so often; negative: always.
// An empty kind mends them.
func (s *Server) Fault(pattern string, kind Fault, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == "" {
		delete(s.faults, pattern)
		return
	}
	s.faults[pattern] = fault{kind, times}
}

// Requests are the methods and paths that were asked for since the last call,
// in order: "GET /pub/…", and "GET /pub/… bytes=5-" for a part.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.requests)
	s.requests = nil
	return all
}

// take notes the request and returns the fault that it meets.
func (s *Server) take(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	for pattern, f := range s.faults {
		if !matches(pattern, r.URL.Path) || f.times == 0 {
			continue
		}
		f.times--
		s.faults[pattern] = f
		return f.kind
	}
	return ""
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok || strings.HasSuffix(name, "/"+strings.TrimPrefix(pattern, "/"))
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	files := http.FileServer(http.Dir(s.dir))
	switch kind := s.take(r); kind {
	case "":
		files.ServeHTTP(w, r)
	case NotFound:
		http.NotFound(w, r)
	case Forbidden:
		http.Error(w, "not for you", http.StatusForbidden)
	case Silent:
		<-r.Context().Done()
	case Failure:
		http.Error(w, "out of order", http.StatusInternalServerError)
	default:
		s.spoil(w, r, kind)
	}
}

// spoil answers with the file and what is wrong with it.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, kind Fault) {
	name := filepath.Join(s.dir, filepath.FromSlash(path.Clean(r.URL.Path)))
	b, err := os.ReadFile(name)
	fi, serr := os.Stat(name)
	if err != nil || serr != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Last-Modified", fi.ModTime().UTC().Format(http.TimeFormat))
	if kind != Endless {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	if r.Method == http.MethodHead {
		return // what is wrong is with the file
	}
	switch kind {
	case Garbage:
		for i := range b {
			b[i] ^= 0x5a
		}
		_, _ = w.Write(b)
	case Slow:
		drip(r.Context(), w, b)
	case Truncated, Unresuming:
		if kind == Truncated {
			w.Header().Set("Accept-Ranges", "bytes")
		}
		_, _ = w.Write(b[:len(b)/2])
		flush(w)
		panic(http.ErrAbortHandler) // how net/http is told to break the connection
	case Endless:
		_, _ = io.Copy(w, zeros{r.Context()})
	case Stalled:
		flush(w)
		<-r.Context().Done()
	}
}

// pace is the pause of a slow answer, of which there are about ten.
const (
	pace  = 50 * time.Millisecond
	steps = 10
)

func drip(ctx context.Context, w http.ResponseWriter, b []byte) {
	for piece := range slices.Chunk(b, max(len(b)/steps, 1)) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace):
		}
		if _, err := w.Write(piece); err != nil {
			return
		}
		flush(w)
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// zeros are zeros until the context ends.
type zeros struct{ ctx context.Context }

func (z zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), z.ctx.Err()
}

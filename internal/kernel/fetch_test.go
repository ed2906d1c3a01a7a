package kernel

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
)

// mirror is a server with a release's kernel.
type mirror struct {
	*httptest.Server
	file []byte
	sums string
}

const (
	mirrorKernel = "/NetBSD-10.1/i386/binary/kernel/netbsd-GENERIC.gz"
	mirrorSums   = "/NetBSD-10.1/i386/binary/kernel/SHA512"
)

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{file: pack("gzip", netbsdI386().build())}
	m.sums = fmt.Sprintf("SHA512 (netbsd-INSTALL.gz) = %x\nSHA512 (netbsd-GENERIC.gz) = %x\n", sha512.Sum512(nil), sha512.Sum512(m.file))
	mux := http.NewServeMux()
	mux.HandleFunc(mirrorSums, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, m.sums) })
	mux.HandleFunc(mirrorKernel, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.file))
	})
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

// testStore returns a store and the options to fetch from m.
func testStore(t *testing.T, m *mirror) (Store, FetchOptions) {
	t.Helper()
	return Store{Dir: filepath.Join(t.TempDir(), "kernels")}, FetchOptions{Mirror: m.URL + "/"}
}

// wantNoParts checks that no download is left behind.
func wantNoParts(t *testing.T, s Store) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(filepath.Dir(s.Dir), "cache", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) > 0 {
		t.Errorf("unfinished downloads %v", parts)
	}
}

func TestFetch(t *testing.T) {
	m := newMirror(t)
	s, o := testStore(t, m)
	var done, total int64
	o.Progress = func(d, n int64) { done, total = d, n }
	k, err := s.Fetch(context.Background(), "netbsd-10.1-i386", o)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(m.file)); done != want || total != want {
		t.Errorf("progress ended at %d of %d, want %d", done, total, want)
	}
	if k.Digest != sum(netbsdI386().build()) || k.Origin != m.URL+mirrorKernel || k.Name() != "netbsd-10.1-i386" {
		t.Errorf("Fetch = %+v", k)
	}
	wantNoParts(t, s)
}

func TestFetchErrors(t *testing.T) {
	tests := []struct {
		name, kernel string
		change       func(*mirror, *FetchOptions)
		want         string
	}{
		{"damaged", "netbsd-10.1-i386", func(m *mirror, _ *FetchOptions) { m.file[200] ^= 1 }, "netbsd-GENERIC.gz is damaged: its sha512 is "},
		{"no checksum", "netbsd-10.1-i386", func(m *mirror, _ *FetchOptions) { m.sums = "<html>" }, "SHA512: look for the checksum of netbsd-GENERIC.gz: there is no SHA256 or SHA512 digest in it"},
		{"no release", "netbsd-10.7-i386", func(*mirror, *FetchOptions) {}, "/NetBSD-10.7/i386/binary/kernel/SHA512: not found (404 Not Found); use another --mirror, or: fakecracker kernel import FILE"},
		{"unknown", "netbsd-10.1-i368", func(*mirror, *FetchOptions) {}, `fetch kernel netbsd-10.1-i368: no such kernel of that name (did you mean "netbsd-10.1-i386"?)`},
		{"nothing like it", "plan9", func(*mirror, *FetchOptions) {}, "known are netbsd-11.0-i386, "},
		{"linux", "linux", func(*mirror, *FetchOptions) {}, "it comes from Debian packages, and no package sources are at hand"},
		{"no route", "netbsd-10.1-i386", func(m *mirror, _ *FetchOptions) { m.Close() }, "can't be reached (connect: connection refused); use another --mirror, or: fakecracker kernel import FILE"},
		{"no host", "netbsd-10.1-i386", func(_ *mirror, o *FetchOptions) { o.Mirror = "http://no.invalid" }, "fetch kernel netbsd-10.1-i386: http://no.invalid/NetBSD-10.1/i386/binary/kernel/SHA512: the server can't be reached ("},
		{"text for a kernel", "netbsd-10.1-i386", func(m *mirror, _ *FetchOptions) {
			m.file = []byte("hello\n")
			m.sums = fmt.Sprintf("SHA512 (netbsd-GENERIC.gz) = %x\n", sha512.Sum512(m.file))
		}, "not a kernel: a text file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMirror(t)
			s, o := testStore(t, m)
			tt.change(m, &o)
			_, err := s.Fetch(context.Background(), tt.kernel, o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Fetch = %v\nwant %s", err, tt.want)
			}
			if strings.Contains(tt.want, "can't be reached") && !errors.Is(err, fetch.ErrUnreachable) {
				t.Errorf("%v does not wrap fetch.ErrUnreachable", err)
			}
			wantNoParts(t, s)
			if ks, err := s.List(); err != nil || len(ks) != 0 {
				t.Errorf("List = %v, %v", ks, err)
			}
		})
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := newMirror(t)
	s, o := testStore(t, m)
	o.Progress = func(int64, int64) { cancel() }
	if _, err := s.Fetch(ctx, "netbsd-10.1-i386", o); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch = %v", err)
	}
}

// TestFetchTogether has two fetches of the same kernel, of which the second
// waits for the first.
func TestFetchTogether(t *testing.T) {
	m := newMirror(t)
	s, o := testStore(t, m)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := s.Fetch(context.Background(), "netbsd-10.1-i386", o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantNoParts(t, s)
}

func TestFetchLocalMirror(t *testing.T) {
	m := newMirror(t)
	dir := t.TempDir()
	for name, b := range map[string][]byte{mirrorKernel: m.file, mirrorSums: []byte(m.sums)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, base := range []string{dir, "file://" + dir} {
		s := Store{Dir: filepath.Join(t.TempDir(), "kernels")}
		k, err := s.Fetch(context.Background(), "netbsd-10.1-i386", FetchOptions{Mirror: base})
		if err != nil || k.Origin != filepath.Join(dir, mirrorKernel) {
			t.Errorf("Fetch = %+v, %v", k, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, mirrorKernel), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Store{Dir: t.TempDir()}
	if _, err := s.Fetch(context.Background(), "netbsd-10.1-i386", FetchOptions{Mirror: dir}); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("Fetch of a damaged file = %v", err)
	}
}

// packages is a source of one bundle.
type packages struct{ Bundle }

// LinuxKernel implements Packages.
func (p packages) LinuxKernel(_ context.Context, arch string) (Bundle, error) {
	if arch != "amd64" {
		return Bundle{}, errors.New("no " + arch)
	}
	return p.Bundle, nil
}

func TestFetchLinux(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "kernels")}
	k, err := s.Fetch(context.Background(), "linux", FetchOptions{Packages: packages{testBundle()}})
	if err != nil || k.Name() != "linux" || len(k.Modules) == 0 {
		t.Errorf("Fetch = %+v, %v", k, err)
	}
}

func TestLocate(t *testing.T) {
	release := []string{DefaultMirror, DefaultArchive}
	tests := []struct {
		name string
		o    FetchOptions
		want string
	}{
		{"netbsd-10.1-i386", FetchOptions{}, fmt.Sprint(release, " NetBSD-10.1/i386/binary/kernel/netbsd-GENERIC.gz")},
		{"netbsd-11.0-amd64-microvm", FetchOptions{}, fmt.Sprint(release, " NetBSD-11.0/amd64/binary/kernel/netbsd-MICROVM.gz")},
		{"netbsd-6.1.5-i386", FetchOptions{Mirror: "/m"}, "[/m] NetBSD-6.1.5/i386/binary/kernel/netbsd-GENERIC.gz"},
		{"netbsd-11-amd64-microvm", FetchOptions{}, "[" + DefaultDaily + "] netbsd-11/latest/amd64/binary/kernel/netbsd-MICROVM.gz"},
		{"smol-i386", FetchOptions{Mirror: "/m"}, "[" + DefaultSmolMirror + "] netbsd-SMOL386"},
		{"smol-amd64", FetchOptions{SmolMirror: "/s"}, "[/s] netbsd-SMOL"},
	}
	for _, tt := range tests {
		p, err := tt.o.locate(tt.name)
		if got := fmt.Sprint(p.bases, " ", p.file); err != nil || got != tt.want {
			t.Errorf("locate(%s) = %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	for _, r := range Catalog() {
		if _, err := (FetchOptions{}).locate(r.Name); err != nil && r.Name != linuxName {
			t.Errorf("%s of the catalog: %v", r.Name, err)
		}
	}
}

func TestFindSum(t *testing.T) {
	d256, d512 := strings.Repeat("ab", 32), strings.Repeat("cd", 64)
	tests := []struct {
		name, sums, want string
	}{
		{"its own", "SHA512 (g) = " + d256 + d256 + "\nSHA512 (f) = " + d512, "sha512:" + d512},
		{"in a folder", d256 + "  other\n" + d256[2:] + "ff *dir/f\n", "sha256:" + d256[2:] + "ff"},
		{"alone", d256 + "\n", "sha256:" + d256},
		{"another file", "SHA512 (g) = " + d512, ""},
		{"none", "<html>", ""},
	}
	for _, tt := range tests {
		got, err := findSum([]byte(tt.sums), "f")
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: findSum = %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

package netbsd_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestBadArchives has archives that are just what their checksums say.
func TestBadArchives(t *testing.T) {
	sound := tgz(t, tarOf(t, stock(t)...))
	for name, tt := range map[string]struct {
		archive []byte
		want    string
	}{
		"cut":               {sound[:len(sound)/2], "it ends in the middle"},
		"no archive":        {[]byte("<html>404</html>"), "it ends in the middle"},
		"without end":       {bomb(t, tar.Header{Typeflag: tar.TypeReg, Name: "./zeros", Size: 2 << 30, Mode: 0o644}), "its files have more than 1024 MiB"},
		"garbage":           {[]byte(strings.Repeat("garbage ", 200)), "it is damaged, or no tar archive"},
		"climbs":            {tgz(t, tarOf(t, member{tar.Header{Typeflag: tar.TypeReg, Name: "./../../etc/passwd", Mode: 0o644}, nil})), "has .. in it"},
		"links to nothing":  {tgz(t, tarOf(t, hardlink("/x", "/y"))), "/x is another name of /y, which is no file of it"},
		"links to itself":   {tgz(t, tarOf(t, hardlink("/x", "/x"))), "/x is another name of /x"},
		"links in a ring":   {tgz(t, tarOf(t, hardlink("/x", "/y"), hardlink("/y", "/x"))), "is another name of"},
		"links to a folder": {tgz(t, tarOf(t, dir("/y"), hardlink("/x", "/y"))), "/x is another name of /y, which is no file of it"},
		"links outside":     {tgz(t, tarOf(t, hardlink("/x", "/../y"))), "has .. in it"},
	} {
		s := newSource(t, newMirror(t, map[string][]byte{"base.tgz": tt.archive}))
		_, err := s.Open(t.Context(), []string{"base"})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "/base.tgz: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant … %s", name, err, tt.want)
		}
		left, err := filepath.Glob(filepath.Join(s.Dir, "*.index"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v is left", name, left, err)
		}
	}
}

// bomb is an archive of a member and more than 1 GiB of zeros, packed as zstd
// packs them: in some 30 KB.
func bomb(t *testing.T, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := tar.NewWriter(z).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 1<<10 + 1 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOddArchives has what is read with some good will.
func TestOddArchives(t *testing.T) {
	archive := tgz(t, tarOf(t,
		file("/a", 0o644, []byte("old")), file("/a", 0o600, []byte("newer")),
		symlink("/l", "a"), hardlink("/m", "/l"), hardlink("/n", "/o"), file("/o", 0o644, []byte("behind")),
		member{tar.Header{Typeflag: tar.TypeChar, Name: "./null", Devmajor: 2, Devminor: 2, Mode: 0o666, Uid: 3, Gid: 4}, nil},
	))
	sets := open(t, newSource(t, newMirror(t, map[string][]byte{"base.tgz": archive})), "base")
	got, err := sets.Get(t.Context(), []string{"/a", "/m", "/n", "/null"})
	if err != nil {
		t.Fatal(err)
	}
	if content(t, got[0]) != "newer" || got[0].Mode != 0o600 || content(t, got[2]) != "behind" {
		t.Errorf("/a and /n are %v and %v", got[0], got[2])
	}
	for i, want := range map[int]tree.Entry{
		1: {Path: "/m", Type: tree.Symlink, Link: "a"},
		3: {Path: "/null", Type: tree.Char, Mode: 0o666, Major: 2, Minor: 2, UID: 3, GID: 4},
	} {
		if d := diff(want, got[i]); d != "" {
			t.Error(d)
		}
	}
}

func TestBadChecksum(t *testing.T) {
	m := newMirror(t, small(t))
	m.files[folder+"base.tgz"] = tgz(t, tarOf(t, file("/evil", 0o644, nil)))
	s := newSource(t, m)
	for range 2 {
		_, err := s.Open(t.Context(), []string{"base"})
		if !errors.Is(err, fetch.ErrDamaged) || !strings.Contains(err.Error(), m.URL+folder+"base.tgz") {
			t.Errorf("error %v", err)
		}
	}
	delete(m.files, folder+"base.tgz")
	if _, err := s.Open(t.Context(), []string{"base"}); !errors.Is(err, fetch.ErrNotThere) {
		t.Errorf("a set that is listed and not there: %v", err)
	}
	m.files[folder+"SHA512"] = []byte("<html>hotel login</html>")
	if _, err := newSource(t, m).Open(t.Context(), []string{"base"}); err == nil || !strings.Contains(err.Error(), "SHA512") {
		t.Errorf("a page in place of checksums: %v", err)
	}
}

// TestNewSetsUnderOldNames: a release was made again after its checksums were
// kept.
func TestNewSetsUnderOldNames(t *testing.T) {
	m := newMirror(t, small(t))
	s := newSource(t, m)
	open(t, s, "base")
	m.put(folder, map[string][]byte{"base.tgz": tgz(t, tarOf(t, file("/new", 0o644, nil))), "etc.tgz": tgz(t, tarOf(t, file("/etc/new", 0o644, nil)))})
	sets := open(t, s, "base", "etc")
	for _, p := range []string{"/new", "/etc/new"} {
		if _, err := sets.Stat(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
}

func TestDailyBuilds(t *testing.T) {
	const daily = "/daily/HEAD/latest/amd64/binary/sets/"
	m := newMirror(t, nil)
	s := newSource(t, m)
	s.Release = "HEAD"
	for _, day := range []string{"/monday", "/tuesday"} {
		m.put(daily, map[string][]byte{"base.tgz": tgz(t, tarOf(t, file(day, 0o644, nil)))})
		if _, err := open(t, s, "base").Stat(t.Context(), day); err != nil {
			t.Error(err)
		}
	}
	s.Client.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network")
	}}}
	if _, err := open(t, s, "base").Stat(t.Context(), "/tuesday"); err != nil {
		t.Errorf("without a network: %v", err)
	}
	s.Release = "daily:netbsd-10"
	if _, err := s.Open(t.Context(), []string{"base"}); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("without a network: %v", err)
	}
}

// TestDamagedCache changes each byte that is kept about a set, one at a time.
func TestDamagedCache(t *testing.T) {
	m := newMirror(t, small(t))
	s := newSource(t, m)
	want := "/ /bin /bin/sh /etc /etc/release"
	open(t, s, "base")
	found, err := filepath.Glob(filepath.Join(s.Dir, "base-*.index"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	sound, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func(b []byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		func(b []byte) []byte { b[50] ^= 1; return b },
		func(b []byte) []byte { return append(b, 0) },
	} {
		write(t, found[0], damage(append([]byte(nil), sound...)))
		all, err := open(t, s, "base").Below(t.Context(), "/")
		if names(all) != want || err != nil {
			t.Errorf("got %s, %v", names(all), err)
		}
		if b, err := os.ReadFile(found[0]); string(b) != string(sound) {
			t.Errorf("the index was not made again: %v", err)
		}
	}
	testDamagedPack(t, func() (tree.Catalog, string) { return open(t, s, "base"), s.Dir })
}

func testDamagedPack(t *testing.T, reopen func() (tree.Catalog, string)) {
	t.Helper()
	for i := range 3 {
		sets, dir := reopen()
		got, err := sets.Get(t.Context(), []string{"/bin/sh"})
		if err != nil || content(t, got[0]) != "sh" {
			t.Errorf("round %d: %v, %v", i, got, err)
		}
		packs, err := filepath.Glob(filepath.Join(dir, "base-*.pack"))
		if err != nil || len(packs) != i+1 {
			t.Fatalf("round %d: packs %v, %v", i, packs, err)
		}
		write(t, packs[i], []byte("damaged"))
	}
}

// TestStopped ends the reading of a set in the middle.
func TestStopped(t *testing.T) {
	s := newSource(t, newMirror(t, small(t)))
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(string) { cancel() }
	if _, err := s.Open(ctx, []string{"base"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	s.Progress = nil
	open(t, s, "base")
	left, err := filepath.Glob(filepath.Join(s.Dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", left, err)
	}
}

// TestLocalFileThatChanges: what was kept of it is not used for its successor.
func TestLocalFileThatChanges(t *testing.T) {
	s := newSource(t, newMirror(t, nil))
	p := filepath.Join(t.TempDir(), "my.tgz")
	for _, text := range []string{"first", "the second"} {
		write(t, p, tgz(t, tarOf(t, file("/x", 0o644, []byte(text)))))
		sets := open(t, s, p)
		got, err := sets.Get(t.Context(), []string{"/x"})
		if err != nil || content(t, got[0]) != text {
			t.Errorf("%v, %v; want %q", got, err, text)
		}
		if digest := sets.Packages()[0].Digest; !strings.HasPrefix(digest, "sha256:") {
			t.Errorf("digest %q", digest)
		}
	}
	sets := open(t, s, p)
	write(t, p, tgz(t, tarOf(t, file("/y", 0o644, []byte("third")), file("/x", 0o644, []byte("third")))))
	packs, err := filepath.Glob(filepath.Join(s.Dir, "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := sets.Get(t.Context(), []string{"/x"}); err == nil || !strings.Contains(err.Error(), "it is not what it was") {
		t.Errorf("a file that was replaced meanwhile gives %v, %v", got, err)
	}
}

// TestLongProgram goes through a temporary file.
func TestLongProgram(t *testing.T) {
	long := append(program(t, "/ld", "", "libc.so.12"), make([]byte, 9<<20)...)
	m := newMirror(t, map[string][]byte{"base.tgz": tgz(t, tarOf(t, file("/a", 0o755, long), file("/b", 0o755, program(t, "/ld2", "")), file("/c", 0o755, long)))})
	s := newSource(t, m)
	sets := open(t, s, "base")
	for p, want := range map[string]string{"/a": "/ld", "/b": "/ld2", "/c": "/ld"} {
		n, err := sets.Needs(t.Context(), p)
		if err != nil || n.ELF == nil || n.ELF.Interp != want {
			t.Errorf("%s needs %v, %v", p, n.ELF, err)
		}
	}
}

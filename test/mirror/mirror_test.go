package mirror_test

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha512"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/test/mirror"
)

// TestSameBytes makes the mirror again of the same programs, which gives the
// same.
func TestSameBytes(t *testing.T) {
	again, dir := t.TempDir(), tree(t)
	o := mirror.Options{Arches: []string{"i386"}, Programs: filepath.Join(dir, mirror.Programs)}
	if err := mirror.Write(t.Context(), again, o); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := fs.WalkDir(os.DirFS(again), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		if !bytes.Equal(read(t, filepath.Join(again, p)), read(t, filepath.Join(dir, p))) {
			t.Errorf("%s differs", p)
		}
		return nil
	})
	if err != nil || n < 40 {
		t.Errorf("%d files compared, %v", n, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSums(t *testing.T) {
	for _, arch := range []string{"i386", "amd64"} {
		dir := filepath.Join(tree(t), mirror.Daily, "netbsd-11/latest", arch, "binary/sets")
		text := string(read(t, filepath.Join(dir, "SHA512")))
		sums := regexp.MustCompile(`(?m)^SHA512 \((.+)\) = ([0-9a-f]{128})$`).FindAllStringSubmatch(text, -1)
		if len(sums) != 5 {
			t.Errorf("%s: %d sets, want 5:\n%s", arch, len(sums), text)
		}
		for _, s := range sums {
			if got := fmt.Sprintf("%x", sha512.Sum512(read(t, filepath.Join(dir, s[1])))); got != s[2] {
				t.Errorf("%s/%s has another digest", arch, s[1])
			}
		}
	}
}

// TestLibraries reads programs and libraries by Go's own reader of ELF.
func TestLibraries(t *testing.T) {
	for _, m := range machines[:2] {
		f := files{}
		f.unpack(t, set(t, "base", m.arch, m.set), "/")
		for name, want := range map[string][]string{
			"/usr/bin/openssl":                {"libssl.so.15", "libcrypto.so.15", "libc.so.12"},
			"/usr/lib/libssl.so.15.0":         {"libcrypto.so.15", "libc.so.12"},
			"/lib/libc.so.12.221":             nil,
			"/usr/lib/security/pam_unix.so.4": {"libpam.so.4", "libcrypt.so.1", "libc.so.12"},
		} {
			r, err := f[name].Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			e, err := elf.NewFile(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.DynString(elf.DT_NEEDED)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s needs (-want +got):\n%s", m.arch, name, diff)
			}
		}
		if link := f["/lib/libc.so.12"]; link.Target != "libc.so.12.221" {
			t.Errorf("/lib/libc.so.12 is a link to %q", link.Target)
		}
	}
}

// TestIndex reads the index in each of its forms, and looks for the packages.
func TestIndex(t *testing.T) {
	dir := filepath.Join(tree(t), mirror.Packages, "NetBSD/x86_64/10.0/All")
	plain, err := gzip.NewReader(bytes.NewReader(read(t, filepath.Join(dir, "pkg_summary.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{"xz", "zst", "bz2"} {
		r, err := os.Open(filepath.Join(dir, "pkg_summary."+ending))
		if err != nil && ending == "bz2" {
			continue // made where there was no bzip2
		} else if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var same io.Reader
		if same, err = archive.Decompress(r); ending == "bz2" {
			_, err = r.Seek(0, io.SeekStart)
			same = bzip2.NewReader(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(same); err != nil || !bytes.Equal(b, text) {
			t.Errorf("pkg_summary.%s differs from pkg_summary.gz: %v", ending, err)
		}
	}
	zipped, err := gzip.NewReader(bytes.NewReader(read(t, filepath.Join(dir, "../SHA512.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := io.ReadAll(zipped)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for record := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		name := regexp.MustCompile(`(?m)^FILE_NAME=(.*)$`).FindStringSubmatch(record)[1]
		if strings.Contains(record, "FILE_CKSUM") {
			t.Errorf("%s has a digest in the index, which NetBSD's have not", name)
		}
		b := read(t, filepath.Join(dir, name))
		if same := strings.Contains(string(sums), fmt.Sprintf("SHA512 (./All/%s) = %x\n", name, sha512.Sum512(b))); same == (name == "badsum-1.0.tgz") {
			t.Errorf("%s: has the digest of the index: %v", name, same)
		}
		seen++
	}
	if seen < 30 {
		t.Errorf("%d packages in the index", seen)
	}
}

// TestPackage looks into the package that the article's ship asks for.
func TestPackage(t *testing.T) {
	f := files{}
	f.unpack(t, nginxPackage(t, "i386"), "/usr/pkg")
	contents := f.body(t, "/usr/pkg/+CONTENTS")
	sums := regexp.MustCompile(`(?m)^([^@].*)\n@comment MD5:(.*)$`).FindAllStringSubmatch(contents, -1)
	if len(sums) != 7 {
		t.Errorf("%d files, want 7:\n%s", len(sums), contents)
	}
	for _, s := range sums {
		if got := fmt.Sprintf("%x", md5.Sum([]byte(f.body(t, path.Join("/usr/pkg", s[1]))))); got != s[2] {
			t.Errorf("%s has the MD5 %s, +CONTENTS says %s", s[1], got, s[2])
		}
	}
	script := f.body(t, "/usr/pkg/+INSTALL")
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), "+INSTALL"); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"\n# USER: nginx:nginx::", "\n# GROUP: nginx\n", "\n# FILE: /etc/rc.d/nginx cr ", "\n# DIR: /var/log/nginx m\n"} {
		if strings.Count(script, want) != 1 {
			t.Errorf("+INSTALL should have %q once:\n%s", want, script)
		}
	}
}

func (f files) body(t *testing.T, name string) string {
	t.Helper()
	e, ok := f[name]
	if !ok {
		t.Fatalf("%s is not there", name)
	}
	r, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFaults(t *testing.T) {
	s := mirror.New(t)
	const file = "/NetBSD-10.1/i386/binary/sets/etc.tgz"
	get := func() (int, []byte, error) {
		resp, err := http.Get(s.ReleasesURL() + file)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return resp.StatusCode, b, err
	}
	_, whole, err := get()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind   mirror.Fault
		status int
		whole  bool // the body is the file
		size   int
		broken bool
	}{
		{mirror.NotFound, 404, false, -1, false},
		{mirror.Failure, 500, false, -1, false},
		{mirror.Garbage, 200, false, len(whole), false},
		{mirror.Slow, 200, true, len(whole), false},
		{mirror.Truncated, 200, false, len(whole) / 2, true},
		{mirror.Endless, 200, false, 1 << 20, false},
	} {
		s.Fault("etc.tgz", c.kind, 1)
		status, b, err := get()
		if status != c.status || bytes.Equal(b, whole) != c.whole || c.size >= 0 && len(b) != c.size || (err != nil) != c.broken {
			t.Errorf("%s: status %d, %d bytes of %d, %v", c.kind, status, len(b), len(whole), err)
		}
		if _, b, err := get(); err != nil || !bytes.Equal(b, whole) {
			t.Errorf("%s happened twice: %v", c.kind, err)
		}
	}
	want := slices.Repeat([]string{"GET /pub/NetBSD" + file}, 13)
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

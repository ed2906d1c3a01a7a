package pkgsrc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

const summaryText = `PKGNAME=nginx-1.26.2nb1
DEPENDS=pcre2>=10.42
DEPENDS=
COMMENT=Lightweight HTTP server
SIZE_PKG=123456
BUILD_DATE=2024-11-05 12:00:00 +0000
CATEGORIES=www
HOMEPAGE=https://nginx.org/
LICENSE=2-clause-bsd
MACHINE_ARCH=i386
OPSYS=NetBSD
OS_VERSION=10.0
PKGPATH=www/nginx
FILE_NAME=nginx-1.26.2nb1.tgz
FILE_SIZE=4711
FILE_CKSUM=SHA1 DA39A3EE5E6B4B0D3255BFEF95601890AFD80709
DESCRIPTION=A server.
DESCRIPTION=
DESCRIPTION=PKGNAME=not-1.0 is only in a description
CONFLICTS=nginx-devel-[0-9]*
SUPERSEDES=nginx-old-[0-9]*
REQUIRES=/usr/lib/libc.so.12
PROVIDES=/usr/pkg/lib/libx.so.1


PKGNAME=zlib-1.3
FILE_NAME=zlib-1.3.txz
FILE_CKSUM=tiger 0123`

func TestReadSummary(t *testing.T) {
	var got []entry
	if err := readSummary(strings.NewReader(summaryText), func(e *entry) error { got = append(got, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{
			Base: "nginx", Version: "1.26.2nb1", Size: 4711, Sum: "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
			Built: "2024-11-05 12:00:00 +0000", OS: "NetBSD", Arch: "i386", License: "2-clause-bsd", Homepage: "https://nginx.org/",
			Depends: []string{"pcre2>=10.42"}, Conflicts: []string{"nginx-devel-[0-9]*"}, Supersedes: []string{"nginx-old-[0-9]*"},
			Requires: []string{"/usr/lib/libc.so.12"}, Provides: []string{"/usr/pkg/lib/libx.so.1"},
		},
		{Base: "zlib", Version: "1.3", File: "zlib-1.3.txz"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadSummaryRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":           "",
		"no variable":       "PKGNAME=a-1\nhello\n",
		"no version":        "PKGNAME=nginx\n",
		"a path as a name":  "PKGNAME=../a-1\n",
		"a file elsewhere":  "PKGNAME=a-1\nFILE_NAME=../../etc/passwd\n",
		"a hidden file":     "PKGNAME=a-1\nFILE_NAME=.x\n",
		"a negative size":   "PKGNAME=a-1\nFILE_SIZE=-1\n",
		"a long line":       "PKGNAME=a-1\nCOMMENT=" + strings.Repeat("x", maxSummaryLine) + "\n",
		"too many values":   "PKGNAME=a-1\n" + strings.Repeat("REQUIRES=/x\n", maxValues+1),
		"only descriptions": "DESCRIPTION=x\n",
	} {
		if err := readSummary(strings.NewReader(text), func(*entry) error { return nil }); err == nil {
			t.Errorf("%s: it is taken for a summary", name)
		}
	}
	stop := errors.New("stop")
	if err := readSummary(strings.NewReader(summaryText), func(*entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of add is lost: %v", err)
	}
}

func FuzzReadSummary(f *testing.F) {
	f.Add(summaryText)
	f.Add("PKGNAME=a-1\nFILE_SIZE=9223372036854775808\n\n\nPKGNAME=a-1\nFILE_CKSUM=md5 x\n")
	f.Fuzz(func(t *testing.T, text string) {
		var all []entry
		err := readSummary(strings.NewReader(text), func(e *entry) error {
			if strings.ContainsAny(e.name()+e.file(), "/ \x00") || e.Base == "" || e.Version == "" || e.Size < 0 {
				t.Errorf("the package %q in the file %q", e.name(), e.file())
			}
			x := indexWith(t, header{}, []entry{*e})
			again, err := x.entry(x.packages[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, again); diff != "" {
				t.Error(diff)
			}
			all = append(all, *e)
			return nil
		})
		if err == nil && len(all) == 0 {
			t.Error("there is no package in it, and no error")
		}
	})
}

// TestIndexFile writes an index and reads it back, whole and in parts.
func TestIndexFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pkg_summary.zst")
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, enc.EncodeAll([]byte(summaryText), nil), 0o644); err != nil {
		t.Fatal(err)
	}
	x, err := parseSummary(t.Context(), file, header{Address: "a", Stamp: "b"}, map[string]string{"zlib-1.3.txz": "sha512:00"})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "index")
	if err := x.save(at); err != nil {
		t.Fatal(err)
	}
	got, err := openIndex(at)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := readHeader(at); err != nil || h != x.header || got.header != h {
		t.Errorf("the header is %+v, %v", h, err)
	}
	for i, l := range x.packages {
		want, werr := x.entry(l)
		e, err := got.entry(got.packages[i])
		if diff := cmp.Diff(want, e); diff != "" || err != nil || werr != nil {
			t.Errorf("%v, %v\n%s", err, werr, diff)
		}
	}
	if e, err := got.entry(got.named("zlib")[0]); err != nil || e.Sum != "sha512:00" {
		t.Errorf("zlib is %+v, %v", e, err)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		spoiled := append([]byte(nil), b...)
		spoiled[n] ^= 1
		for what, bad := range map[string][]byte{"cut off": b[:n], "spoiled": spoiled} {
			if x, err := decodeIndex(bytes.NewReader(bad), int64(len(bad))); err == nil && readAll(x) == nil {
				t.Errorf("an index that is %s at %d of %d bytes is not noticed", what, n, len(b))
			}
		}
	}
}

// readAll reads every package.
func readAll(x *index) error {
	for _, l := range x.packages {
		if _, err := x.entry(l); err != nil {
			return err
		}
	}
	return nil
}

func FuzzDecodeIndex(f *testing.F) {
	at := filepath.Join(f.TempDir(), "index")
	if err := indexOf(f, "nginx-1.26.2 pcre2>=10.40", "pcre2-10.42").save(at); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(at)
	if err != nil {
		f.Fatal(err)
	}
	end := len(b)
	f.Add(b[headAt:end])
	f.Fuzz(func(t *testing.T, b []byte) {
		x := &index{records: bytes.NewReader(b)}
		if x.decodeHead(string(b), int64(len(b))) != nil {
			return
		}
		for i := range x.packages {
			x.packages[i].sum = checksumOf(b[x.packages[i].offset:][:x.packages[i].size])
		}
		_ = readAll(x) // it may be wrong, and must end
	})
}

// bigIndex has as many packages as a large repository.
func bigIndex(b *testing.B) *index {
	b.Helper()
	var all []entry
	for i := range 25000 {
		e := entry{Base: fmt.Sprintf("p%d-package-%d", i%97, i), Version: "1.2.3nb4", Size: 123456, Built: "2024-11-05 12:00:00 +0000", OS: "NetBSD", Arch: "x86_64", License: "modified-bsd", Homepage: "https://example.org/"}
		for j := range 8 {
			e.Depends = append(e.Depends, fmt.Sprintf("p%d-package-%d>=1.0nb%d", (i+j*31)%97, i/2+j*31, j))
			e.Requires = append(e.Requires, fmt.Sprintf("/usr/pkg/lib/libsomething%d.so.%d", i+j, j))
		}
		e.Provides = []string{fmt.Sprintf("/usr/pkg/lib/libsomething%d.so.1", i)}
		all = append(all, e)
	}
	return indexWith(b, header{Digest: "sha256:00"}, all)
}

func BenchmarkOpenIndex(b *testing.B) {
	at := filepath.Join(b.TempDir(), "index")
	if err := bigIndex(b).save(at); err != nil {
		b.Fatal(err)
	}
	fi, err := os.Stat(at)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(fi.Size())
	for b.Loop() {
		x, err := openIndex(at)
		if err != nil {
			b.Fatal(err)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSummary(b *testing.B) {
	one := summaryText + "\n" + strings.Repeat("DESCRIPTION=Some seventy bytes of text are in every line of a description, say.\n", 15) + "\n"
	text := strings.Repeat(one, 12500)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := readSummary(strings.NewReader(text), func(e *entry) error { appendRecord(nil, e); return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

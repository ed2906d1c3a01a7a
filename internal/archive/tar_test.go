package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1700000000, 0).UTC()

// makeTar writes an archive of headers, with bodies of their Size.
func makeTar(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// list reads an archive into a line for each entry.
func list(b []byte, l Limits) ([]string, error) {
	var lines []string
	err := ReadTar(context.Background(), bytes.NewReader(b), l, func(e tree.Entry, body io.Reader) error {
		n, err := io.Copy(io.Discard, body)
		if err == nil && n != e.Size {
			err = fmt.Errorf("%d bytes of %d", n, e.Size)
		}
		line := fmt.Sprintf("%s %s %04o %d:%d", e.Path, e.Type, e.Mode, e.UID, e.GID)
		if e.Link != "" {
			line += " -> " + e.Link
		}
		if e.Type == tree.Char || e.Type == tree.Block {
			line += fmt.Sprintf(" %d,%d", e.Major, e.Minor)
		}
		lines = append(lines, line)
		return err
	})
	return lines, err
}

func TestReadTar(t *testing.T) {
	got, err := list(makeTar(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "a commit"}},
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o40755},
		tar.Header{Name: "./bin/sh", Typeflag: tar.TypeReg, Mode: 0o104755, Size: 513, Uid: 1, Gid: 5000000, Format: tar.FormatPAX},
		tar.Header{Name: "/etc//motd", Typeflag: tar.TypeReg},
		tar.Header{Name: "bin/./ash", Typeflag: tar.TypeLink, Linkname: "/bin/sh"},
		tar.Header{Name: "bin/ksh", Typeflag: tar.TypeSymlink, Linkname: "../../bin/sh", Mode: 0o755},
		tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Devmajor: 2, Devminor: 2, Mode: 0o666},
		tar.Header{Name: "dev/wd0a", Typeflag: tar.TypeBlock, Devmajor: 3, Devminor: 1 << 20},
		tar.Header{Name: "dev/far", Typeflag: tar.TypeChar, Devminor: 7, PAXRecords: map[string]string{majorRecord: "4294967295"}},
		tar.Header{Name: "dev/log", Typeflag: tar.TypeFifo},
		tar.Header{Name: strings.Repeat("long/", 40) + "x", Typeflag: tar.TypeReg, Format: tar.FormatGNU},
		tar.Header{Name: "bin/sh", Typeflag: tar.TypeReg, Size: 1, ModTime: time.Unix(-5, 7), Format: tar.FormatPAX},
	), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/ dir 0755 0:0",
		"/bin/sh file 4755 1:5000000",
		"/etc/motd file 0000 0:0",
		"/bin/ash hardlink 0000 0:0 -> /bin/sh",
		"/bin/ksh link 0755 0:0 -> ../../bin/sh",
		"/dev/null char 0666 0:0 2,2",
		"/dev/wd0a block 0000 0:0 3,1048576",
		"/dev/far char 0000 0:0 4294967295,7",
		"/dev/log fifo 0000 0:0",
		"/" + strings.Repeat("long/", 40) + "x file 0000 0:0",
		"/bin/sh file 0000 0:0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadTarRefuses(t *testing.T) {
	file := tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 5000}
	one := func(h tar.Header) []byte { return makeTar(t, file, h) }
	whole := makeTar(t, file)
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"text", []byte(strings.Repeat("This is no archive. ", 100)), "after 0 entries, at byte 512: it is damaged, or no tar archive"},
		{"cut", whole[:2000], `entry 1, "x": it ends in the middle (unexpected EOF)`},
		{"cut in a header", whole[:100], "after 0 entries, at byte 100: it ends in the middle"},
		{"climbs", one(tar.Header{Name: "usr/../../x", Typeflag: tar.TypeReg}), `entry 2, "usr/../../x": the path "usr/../../x" has .. in it`},
		{"climbs from the root", one(tar.Header{Name: "/..", Typeflag: tar.TypeDir}), "has .. in it"},
		{"hard link climbs", one(tar.Header{Name: "y", Typeflag: tar.TypeLink, Linkname: "../etc/shadow"}), `"../etc/shadow" has .. in it`},
		{"hard link to nothing", one(tar.Header{Name: "y", Typeflag: tar.TypeLink}), "is empty"},
		{"link to nothing", one(tar.Header{Name: "y", Typeflag: tar.TypeSymlink}), "is empty"},
		{"long path", one(tar.Header{Name: strings.Repeat("x", 5000), Typeflag: tar.TypeReg}), "a path or link of 5000 bytes, more than 4096"},
		{"long link", one(tar.Header{Name: "y", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("x", 5000)}), "a path or link of 5000 bytes"},
		{"owner", one(tar.Header{Name: "y", Typeflag: tar.TypeReg, Uid: 1 << 32, Format: tar.FormatPAX}), "its owner is 4294967296"},
		{"negative group", one(tar.Header{Name: "y", Typeflag: tar.TypeReg, Gid: -1, Format: tar.FormatGNU}), "its group is -1"},
		{"device", one(tar.Header{Name: "y", Typeflag: tar.TypeChar, PAXRecords: map[string]string{minorRecord: "x"}}), `its SCHILY.devminor is "x"`},
		{"attribute without a name", one(tar.Header{Name: "y", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattrRecord: "x"}}), `its extended attribute "" of 1 bytes`},
		{"long attribute", one(tar.Header{Name: "y", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattrRecord + "user.x": strings.Repeat("x", 1<<16+1)}}), `its extended attribute "user.x" of 65537 bytes`},
		{"huge header", hugeHeader(t), "an entry's extended header or long name has more than 1 MiB"},
		{"another type", one(tar.Header{Name: "y", Typeflag: 'M'}), `it is of the type 'M'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := list(tt.b, Limits{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("ReadTar = %v; want %q", err, tt.want)
			}
		})
	}
}

// hugeHeader is an archive with an extended header of 2 MiB.
func hugeHeader(t testing.TB) []byte {
	t.Helper()
	b := makeTar(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 2 << 20})
	const flagAt, sumAt = 156, 148
	b[flagAt] = tar.TypeXHeader
	copy(b[sumAt:], "        ") // as it counts in the sum of the header's bytes
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[sumAt:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// TestReadTarBoundsXattrs: what is kept in memory of an archive has a bound.
func TestReadTarBoundsXattrs(t *testing.T) {
	value := strings.Repeat("x", maxXattrValue)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h := tar.Header{Name: "x", Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{}}
	for i := range 15 {
		h.PAXRecords[fmt.Sprintf("%suser.%d", xattrRecord, i)] = value
	}
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	n := 0
	var many []io.Reader
	for range maxXattrs/(15*maxXattrValue) + 1 {
		many = append(many, bytes.NewReader(b.Bytes()))
	}
	err := ReadTar(t.Context(), io.MultiReader(many...), Limits{}, func(tree.Entry, io.Reader) error { n++; return nil })
	if err == nil || !strings.Contains(err.Error(), "the extended attributes so far have more than 256 MiB") {
		t.Errorf("ReadTar = %v after %d entries", err, n)
	}
}

func TestReadTarLimits(t *testing.T) {
	b := makeTar(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 600}, tar.Header{Name: "b/c", Typeflag: tar.TypeReg, Size: 600})
	for _, tt := range []struct {
		name string
		l    Limits
		want string
	}{
		{"just enough", Limits{Bytes: int64(len(b)), Entries: 2, Path: 3}, ""},
		{"bytes of the archive", Limits{Bytes: int64(len(b)) - 1024 - 512}, "unpacks to more than 2560 bytes"},
		{"bytes of files", Limits{Bytes: 599}, `entry 1, "a": its files have more than 599 bytes`},
		{"entries", Limits{Entries: 1}, "more than 1 entries"},
		{"path", Limits{Path: 2}, "a path or link of 3 bytes, more than 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := list(b, tt.l)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("ReadTar = %v; want %q", err, tt.want)
			}
		})
	}
}

// TestReadTarStopsInflation has few bytes that unpack to many: a long file, one
// of holes only, and empty files by the thousand.
func TestReadTarStopsInflation(t *testing.T) {
	for name, b := range map[string][]byte{
		"a long file": compressed(t, makeTar(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 8 << 20})),
		"holes":       sparse(t, 1<<40),
		"empty files": compressed(t, bytes.Repeat(makeTar(t, tar.Header{Name: "x", Typeflag: tar.TypeReg})[:512], 9000)),
	} {
		t.Run(name, func(t *testing.T) {
			z, err := Decompress(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var got int64
			err = ReadTar(t.Context(), z, Limits{Bytes: 1 << 20}, func(_ tree.Entry, body io.Reader) error {
				n, err := io.Copy(io.Discard, body)
				got += n
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "more than 1 MiB") || got > 1<<20 {
				t.Errorf("ReadTar = %v after %d bytes", err, got)
			}
			if err := z.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// compressed returns an archive in gzip's form.
func compressed(t testing.TB, archive []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzipWriter(&b)
	if _, err := w.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sparse returns an archive with a file of n bytes that takes none (GNU's
// format 1.0 in PAX records).
func sparse(t testing.TB, n int64) []byte {
	t.Helper()
	records := fmt.Sprintf("GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=x\nGNU.sparse.realsize=%d\n", n)
	var pax string
	for l := range strings.Lines(records) {
		length := len(l) + 3
		pax += fmt.Sprintf("%d %s", length, l)
	}
	block := func(h tar.Header, body string) []byte {
		b := makeTar(t, h)
		copy(b[512:], body)
		return b[:512+(len(body)+511)/512*512]
	}
	head := block(tar.Header{Name: "p", Typeflag: tar.TypeReg, Size: int64(len(pax))}, pax)
	head[156] = tar.TypeXHeader
	sum(head)
	return append(head, block(tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 512}, "0\n"+strings.Repeat("\x00", 510))...)
}

// sum sets the checksum of a header.
func sum(b []byte) {
	copy(b[148:156], "        ")
	n := 0
	for _, c := range b[:512] {
		n += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", n))
}

// gnuSparse is of GNU tar: a file of 100 KiB with one byte that is not zero.
func gnuSparse(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "gnu-sparse.tar"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadTarFillsHoles(t *testing.T) {
	want := make([]byte, 100<<10)
	want[50000] = 'x'
	err := ReadTar(t.Context(), bytes.NewReader(gnuSparse(t)), Limits{}, func(e tree.Entry, body io.Reader) error {
		got, err := io.ReadAll(body)
		if e.Path != "/holes" || e.Type != tree.File || !bytes.Equal(got, want) {
			t.Errorf("%+v, %d bytes", e, len(got))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReadTarStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := makeTar(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 1 << 20}, tar.Header{Name: "y", Typeflag: tar.TypeReg})
	err := ReadTar(ctx, bytes.NewReader(b), Limits{}, func(tree.Entry, io.Reader) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ReadTar = %v", err)
	}
}

func FuzzReadTar(f *testing.F) {
	var b bytes.Buffer
	if err := WriteTar(f.Context(), &b, every(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(sparse(f, 1<<20))
	f.Add(makeTar(f, tar.Header{Name: strings.Repeat("long/", 40) + "x", Typeflag: tar.TypeReg, Format: tar.FormatGNU, Size: 3}))
	f.Add(gnuSparse(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n int64
		_ = ReadTar(context.Background(), bytes.NewReader(b), Limits{Bytes: 1 << 22}, func(e tree.Entry, body io.Reader) error {
			if e.Path[0] != '/' || strings.Contains(e.Path+"/", "/../") || strings.ContainsRune(e.Path+e.Link, 0) {
				t.Errorf("path %q, link %q", e.Path, e.Link)
			}
			m, err := io.Copy(io.Discard, body)
			if n += m; n > 1<<22 {
				t.Errorf("%d bytes", n)
			}
			return err
		})
	})
}

// small returns the entries of 70,000 small files.
func small() []tree.Entry {
	var all []tree.Entry
	for i := range 70000 {
		p := fmt.Sprintf("/usr/share/folder-%d/some-file-%d", i/100, i)
		all = append(all, tree.NewFile(p, 0o644, []byte(p), t0, "package share 1.2.3"))
	}
	return all
}

func BenchmarkReadTar(b *testing.B) {
	var archive bytes.Buffer
	if err := WriteTar(b.Context(), &archive, small()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := list(archive.Bytes(), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteTar(b *testing.B) {
	all := small()
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteTar(b.Context(), io.Discard, all); err != nil {
			b.Fatal(err)
		}
	}
}

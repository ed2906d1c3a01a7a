package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// file is a member of a tar archive.
type file struct {
	name string // as it is written, such as "./usr/bin/x"
	body string
	link string
	typ  byte // 0: a file; with "/" at the name's end, a folder
	mode int64
	gid  int
}

// makeTar writes files in order.
func makeTar(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.typ, Linkname: f.link, Mode: f.mode, Size: int64(len(f.body)), Gid: f.gid}
		switch {
		case h.Typeflag == 0 && f.name[len(f.name)-1] == '/':
			h.Typeflag = tar.TypeDir
		case h.Typeflag == 0:
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compress packs b as a member whose name ends in ext is.
func compress(t testing.TB, ext string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ext {
	case "":
		return b
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		t.Fatalf("compress %q", ext)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// member is one of an ar archive.
type member struct {
	name string
	body []byte
}

func makeAr(members ...member) []byte {
	b := []byte("!<arch>\n")
	for _, m := range members {
		b = append(b, fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n", m.name, 0, 0, 0, 0o100644, len(m.body))...)
		b = append(b, m.body...)
		if len(m.body)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

// makeDeb makes a package of control files by name, and files.
func makeDeb(t testing.TB, ext string, ctl map[string]string, files []file) []byte {
	t.Helper()
	var c []file
	for name, text := range ctl {
		c = append(c, file{name: "./" + name, body: text})
	}
	return makeAr(
		member{"debian-binary", []byte("2.0\n")},
		member{"control.tar" + ext, compress(t, ext, makeTar(t, c))},
		member{"data.tar" + ext, compress(t, ext, makeTar(t, files))},
	)
}

// download puts a package where Fetch would have, and returns it.
func download(t testing.TB, s *Source, name string, deb []byte) source.Package {
	t.Helper()
	if err := os.MkdirAll(s.debs(), 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(deb)
	p := source.Package{
		Name: name, Version: "1.0", Arch: "amd64", File: name + "_1.0_amd64.deb",
		Size: int64(len(deb)), Digest: digestPrefix + hex.EncodeToString(sum[:]),
	}
	if err := os.WriteFile(s.deb(p), deb, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// install returns the tree of one package with these scripts and files.
func install(t testing.TB, ctl map[string]string, files []file) (tree.Tree, source.Report) {
	t.Helper()
	s := &Source{Dir: t.TempDir()}
	if ctl["control"] == "" {
		ctl["control"] = "Package: x\nVersion: 1.0\n"
	}
	p := download(t, s, "x", makeDeb(t, ".gz", ctl, files))
	tr, r, err := s.Tree(t.Context(), []source.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	return tr, r
}

// line says all of an entry that tests look at.
func line(e tree.Entry) string {
	s := fmt.Sprintf("%s %s %04o %d:%d", e.Path, e.Type, e.Mode, e.UID, e.GID)
	if e.Link != "" {
		s += " -> " + e.Link
	}
	return s
}

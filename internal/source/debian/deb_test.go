package debian

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listDeb reads a package into a line for each of its files.
func listDeb(b []byte) (control, []string, error) {
	var all []string
	c, err := readDeb(bytes.NewReader(b), func(h *tar.Header, r io.Reader) error {
		body, err := io.ReadAll(r)
		all = append(all, fmt.Sprintf("%c %s %s%s", h.Typeflag, h.Name, h.Linkname, body))
		return err
	})
	return c, all, err
}

func TestReadDeb(t *testing.T) {
	ctl := map[string]string{"control": "Package: x\nEssential: yes\n", "postinst": "#!/bin/sh\n", "md5sums": "0"}
	files := []file{
		{name: "./"},
		{name: "./usr/bin/x", body: "odd"},
		{name: "./usr/bin/y", typ: tar.TypeLink, link: "./usr/bin/x"},
		{name: "./usr/bin/z", typ: tar.TypeSymlink, link: "../x"},
	}
	want := []string{"5 / ", "0 /usr/bin/x odd", "1 /usr/bin/y /usr/bin/x", "2 /usr/bin/z ../x"}
	for _, ext := range []string{"", ".gz", ".zst"} {
		t.Run("tar"+ext, func(t *testing.T) {
			c, got, err := listDeb(makeDeb(t, ext, ctl, files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if c.field("essential") != "yes" || c["postinst"] == "" || c["md5sums"] != "" {
				t.Errorf("control files %q", c)
			}
		})
	}
}

// TestReadDebOfDpkg reads a package that dpkg-deb made, with xz inside.
func TestReadDebOfDpkg(t *testing.T) {
	b, err := os.ReadFile("testdata/sample-xz.deb")
	if err != nil {
		t.Fatal(err)
	}
	c, got, err := listDeb(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"5 / ", "5 /usr ", "5 /usr/bin ", "0 /usr/bin/hello hello\n", "1 /usr/bin/hi /usr/bin/hello", "2 /usr/bin/hallo hello",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := c.field("Version"); got != "1:2.0-1" {
		t.Errorf("version %q", got)
	}
}

func TestReadDebRefuses(t *testing.T) {
	ctl := map[string]string{"control": "Package: x\n"}
	one := func(f file) []byte { return makeDeb(t, ".gz", ctl, []file{f}) }
	whole := one(file{name: "./x", body: strings.Repeat("x", 5000)})
	version := member{"debian-binary", []byte("2.0\n")}
	for _, tt := range []struct {
		name string
		deb  []byte
		want string
	}{
		{"nothing", nil, "not an ar archive"},
		{"text", []byte("hello, this is no package"), "not an ar archive"},
		{"other archive", makeAr(member{"x.o", nil}), "debian-binary is not its first member"},
		{"other format", makeAr(member{"debian-binary", []byte("3.0\n")}), `format "3.0"`},
		{"no data", makeAr(version), "no data.tar"},
		{"data before control", makeAr(version, member{"data.tar", nil}), `unexpected member "data.tar"`},
		{"no control file", makeAr(version, member{"control.tar", makeTar(t, nil)}), "no control file"},
		{"unknown compression", makeAr(version, member{"control.tar.bz2", nil}), `compression ".bz2"`},
		{"truncated", whole[:len(whole)-300], "EOF"},
		{"size", bytes.Replace(whole, []byte("4         `"), []byte("-4        `"), 1), `size "-4`},
		{"absolute path", one(file{name: "/etc/passwd"}), "is absolute"},
		{"path out of the root", one(file{name: "./usr/../../x"}), "leads out of the root"},
		{"hard link out of the root", one(file{name: "./x", typ: tar.TypeLink, link: "../../etc/passwd"}), "leads out of the root"},
		{"absolute hard link", one(file{name: "./x", typ: tar.TypeLink, link: "/etc/passwd"}), "is absolute"},
		{"link to nothing", one(file{name: "./x", typ: tar.TypeSymlink}), "symbolic link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := listDeb(tt.deb)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("readDeb = %v; want %q", err, tt.want)
			}
		})
	}
}

func TestDecompressStopsAtLimit(t *testing.T) {
	b := compress(t, ".gz", make([]byte, 1<<20))
	z, err := decompress("data.tar.gz", bytes.NewReader(b), 1000)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, z)
	if err == nil || n > 1000 {
		t.Errorf("read %d bytes and %v; want at most 1000 and an error", n, err)
	}
	if err := z.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzReadDeb(f *testing.F) {
	b, err := os.ReadFile("testdata/sample-xz.deb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	ctl := map[string]string{"control": "Package: x\n"}
	for _, ext := range []string{"", ".gz", ".zst"} {
		f.Add(makeDeb(f, ext, ctl, []file{{name: "./x", body: "x"}, {name: "./y", typ: tar.TypeLink, link: "./x"}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = readDeb(bytes.NewReader(b), func(h *tar.Header, r io.Reader) error {
			if h.Name[0] != '/' || strings.Contains(h.Name+"/", "/../") {
				t.Errorf("path %q", h.Name)
			}
			_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			return err
		})
	})
}

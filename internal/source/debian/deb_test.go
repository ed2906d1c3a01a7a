package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// listDeb reads a package into a line for each of its files.
func listDeb(b []byte) (control, []string, error) {
	var all []string
	c, err := readDeb(context.Background(), bytes.NewReader(b), func(e tree.Entry, r io.Reader) error {
		body, err := io.ReadAll(r)
		all = append(all, fmt.Sprintf("%s %s %s%s", e.Type, e.Path, e.Link, body))
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
	want := []string{"dir / ", "file /usr/bin/x odd", "hardlink /usr/bin/y /usr/bin/x", "link /usr/bin/z ../x"}
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
		"dir / ", "dir /usr ", "dir /usr/bin ", "file /usr/bin/hello hello\n", "hardlink /usr/bin/hi /usr/bin/hello", "link /usr/bin/hallo hello",
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
		{"path out of the root", one(file{name: "./usr/../../x"}), "could lead out of the root"},
		{"hard link out of the root", one(file{name: "./x", typ: tar.TypeLink, link: "../../etc/passwd"}), "could lead out of the root"},
		{"link to nothing", one(file{name: "./x", typ: tar.TypeSymlink}), "link in it is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := listDeb(tt.deb)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("readDeb = %v; want %q", err, tt.want)
			}
		})
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
		_, _ = readDeb(context.Background(), bytes.NewReader(b), func(e tree.Entry, r io.Reader) error {
			if e.Path[0] != '/' || strings.Contains(e.Path+"/", "/../") {
				t.Errorf("path %q", e.Path)
			}
			_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			return err
		})
	})
}

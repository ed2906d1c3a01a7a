package initramfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/initramfs"
)

// list reads an archive back and describes each entry in a line.
func list(archive []byte) ([]string, error) {
	var lines []string
	for at := 0; ; {
		if len(archive) < at+110 || string(archive[at:at+6]) != "070701" {
			return lines, fmt.Errorf("no header at %d", at)
		}
		var h [13]int
		for i := range h {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				return lines, err
			}
			h[i] = int(n)
		}
		name := string(archive[at+110 : at+110+h[11]-1])
		at = (at + 110 + h[11] + 3) &^ 3
		if name == "TRAILER!!!" {
			return lines, nil
		}
		content := archive[at : at+h[6]]
		at = (at + h[6] + 3) &^ 3
		lines = append(lines, fmt.Sprintf("%s %06o links=%d dev=%d,%d %q", name, h[1], h[4], h[9], h[10], content))
	}
}

func TestWrite(t *testing.T) {
	files := []initramfs.File{
		{Path: "a", Mode: fs.ModeDir | 0o755},
		{Path: "a/b", Mode: fs.ModeDir | 0o700},
		{Path: "a/b/file", Mode: 0o640, Data: []byte("hello")},
		{Path: "a/big", Mode: 0o755, Size: 3, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("abc")), nil
		}},
		{Path: "empty", Mode: 0o600},
		{Path: "console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
	}
	want := []string{
		`a 040755 links=2 dev=0,0 ""`,
		`a/b 040700 links=2 dev=0,0 ""`,
		`a/b/file 100640 links=1 dev=0,0 "hello"`,
		`a/big 100755 links=1 dev=0,0 "abc"`,
		`empty 100600 links=1 dev=0,0 ""`,
		`console 020600 links=1 dev=5,1 ""`,
	}
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := initramfs.Write(w, files); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of the same files differ")
	}
	got, err := list(first.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestCpio has another program read an archive.
func TestCpio(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("cpio is not installed")
	}
	var archive bytes.Buffer
	files := []initramfs.File{{Path: "a", Mode: fs.ModeDir | 0o755}, {Path: "a/file", Mode: 0o644, Data: []byte("x")}}
	if err := initramfs.Write(&archive, files); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("cpio", "-t", "--quiet")
	c.Stdin = &archive
	out, err := c.CombinedOutput()
	if err != nil || string(out) != "a\na/file\n" {
		t.Errorf("cpio: %v: %q", err, out)
	}
}

func TestWriteErrors(t *testing.T) {
	closed := errors.New("closed")
	tests := []struct {
		name  string
		files []initramfs.File
		want  string
	}{
		{"absolute", []initramfs.File{{Path: "/init"}}, "not a clean relative path"},
		{"upwards", []initramfs.File{{Path: "../init"}}, "not a clean relative path"},
		{"the root", []initramfs.File{{Path: "."}}, "not a clean relative path"},
		{"NUL", []initramfs.File{{Path: "a\x00"}}, "not a clean relative path"},
		{"twice", []initramfs.File{{Path: "a"}, {Path: "a", Mode: fs.ModeDir}}, "was there already"},
		{"without its folder", []initramfs.File{{Path: "a/b"}}, "does not stand before it"},
		{"in a file", []initramfs.File{{Path: "a"}, {Path: "a/b"}}, "does not stand before it"},
		{"a link", []initramfs.File{{Path: "s", Mode: fs.ModeSymlink | 0o777}}, "only regular files, folders"},
		{"too large", []initramfs.File{{Path: "f", Size: 1 << 32, Open: func() (io.ReadCloser, error) { return nil, closed }}}, "less than 4 GiB"},
		{"can't be opened", []initramfs.File{{Path: "f", Open: func() (io.ReadCloser, error) { return nil, closed }}}, "closed"},
		{"shorter than said", []initramfs.File{{Path: "f", Size: 2, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("1")), nil
		}}}, "1 of 2 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := initramfs.Write(io.Discard, tt.files)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v: want %q in it", err, tt.want)
			}
		})
	}
}

func TestLinux(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "virtio.ko")
	if err := os.WriteFile(module, []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := initramfs.Linux(&archive, []byte("agent"), []string{module, module}); err != nil {
		t.Fatal(err)
	}
	got, err := list(archive.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`dev 040755 links=2 dev=0,0 ""`,
		`dev/console 020600 links=1 dev=5,1 ""`,
		`dev/null 020666 links=1 dev=1,3 ""`,
		`proc 040755 links=2 dev=0,0 ""`,
		`sys 040755 links=2 dev=0,0 ""`,
		`root 040755 links=2 dev=0,0 ""`,
		`init 100755 links=1 dev=0,0 "agent"`,
		`modules 040755 links=2 dev=0,0 ""`,
		`modules/000-virtio.ko 100644 links=1 dev=0,0 "code"`,
		`modules/001-virtio.ko 100644 links=1 dev=0,0 "code"`,
		`modules.list 100644 links=1 dev=0,0 "000-virtio.ko\n001-virtio.ko\n"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if err := initramfs.Linux(io.Discard, nil, []string{filepath.Join(dir, "none.ko")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing module: %v; want ErrNotExist", err)
	}
}

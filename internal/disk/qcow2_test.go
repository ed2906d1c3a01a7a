package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordSizes(t *testing.T) {
	for _, r := range []struct {
		name   string
		record any
		want   int
	}{
		{"qcowHeader", qcowHeader{}, 104},
		{"super", super{}, 0x78},
		{"groupDesc", groupDesc{}, 32},
	} {
		if got := binary.Size(r.record); got != r.want {
			t.Errorf("%s has %d bytes; want %d", r.name, got, r.want)
		}
	}
}

// named copies an unnamed file to where a tool can open it.
func named(t *testing.T, f *os.File) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, io.NewSectionReader(f, 0, 1<<40)); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func qemuImg(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("no qemu-img here")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-img %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestLayer(t *testing.T) {
	for _, size := range []int64{512, 512 << 20, 512<<20 + 512, 3 << 40} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			f, err := NewLayer(dir, size)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if left := names(t, dir); len(left) != 0 {
				t.Errorf("the layer has a name: %q", left)
			}
			path := named(t, f)
			info := qemuImg(t, "info", "--output=json", path)
			for _, want := range []string{`"format": "qcow2"`, fmt.Sprintf(`"virtual-size": %d,`, size), `"corrupt": false`} {
				if !strings.Contains(info, want) {
					t.Errorf("qemu-img info has no %s:\n%s", want, info)
				}
			}
			if strings.Contains(info, "backing") {
				t.Errorf("the layer names what is below it:\n%s", info)
			}
			qemuImg(t, "check", path)
		})
	}
}

// What is below shows through, and what is written stays above.
func TestLayerOverDisk(t *testing.T) {
	base := append(random(1<<20), make([]byte, 1<<20)...)
	basePath := filepath.Join(t.TempDir(), "base.raw")
	if err := os.WriteFile(basePath, base, 0o444); err != nil {
		t.Fatal(err)
	}
	f, err := NewLayer(t.TempDir(), int64(len(base)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	opts := "driver=qcow2,file.driver=file,file.filename=" + named(t, f) +
		",backing.driver=raw,backing.file.driver=file,backing.file.filename=" + basePath
	out := filepath.Join(t.TempDir(), "out.raw")
	qemuImg(t, "convert", "--image-opts", "-O", "raw", opts, out)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, base) {
		t.Error("the disk below doesn't show through an empty layer")
	}
}

func TestLayerErrors(t *testing.T) {
	for _, size := range []int64{0, -512, 100, 1 << 60} {
		if _, err := NewLayer(t.TempDir(), size); err == nil {
			t.Errorf("NewLayer of %d bytes succeeds", size)
		}
	}
	if _, err := NewLayer(filepath.Join(t.TempDir(), "none"), 512); err == nil {
		t.Error("NewLayer in a missing folder succeeds")
	}
}

func TestUnnamed(t *testing.T) {
	dir := t.TempDir()
	f, err := unnamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 4096); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("it has a name: %q", left)
	}
}

func TestConfigDisk(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 100_000} {
		content := random(n)
		f, err := ConfigDisk(t.TempDir(), content)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(got)%512 != 0 || len(got) == 0 || len(got) >= n+512 && n > 0 {
			t.Errorf("%d bytes give a disk of %d", n, len(got))
		}
		want := append(content, make([]byte, len(got)-n)...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("content of %d bytes (-want +got):\n%s", n, diff)
		}
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("the disk can be written to")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

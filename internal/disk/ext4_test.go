package disk

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// e2 runs a tool of e2fsprogs, which is the judge of what we write.
func e2(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name)) // not in everyone's PATH
	}
	if err != nil {
		t.Skipf("no %s here", name)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestExt4Clean(t *testing.T) {
	tests := []struct {
		name  string
		files int
		free  int64
	}{
		{"default", 0, 0},
		{"hardly any free", 0, 1},
		{"one group, many files", 3000, 64 << 20},
		{"two groups", 100, 200 << 20},
		{"just above a group", 0, 125 << 20},
		{"many groups", 50, 3 << 30},
		{"two blocks of descriptors", 10, 20 << 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := testImage(t, "linux")
			for i := range tt.files {
				put(t, &img, data(t, fmt.Sprintf("/srv/%d/file-%d", i%7, i), 0o644, []byte(fmt.Sprint(i))))
			}
			d := derived(t, img, Options{Dir: t.TempDir(), Free: Free{Bytes: tt.free}})
			e2(t, "e2fsck", "-fn", d.Path)
			f, err := os.Open(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			sb, err := readSuper(f)
			if err != nil {
				t.Fatal(err)
			}
			if got := int64(sb.FreeBlocksCount) * blockSize; got < tt.free || sb.FreeInodesCount < 1024 {
				t.Errorf("%d bytes and %d inodes free; want %d and 1024", got, sb.FreeInodesCount, tt.free)
			}
		})
	}
}

func TestExt4Contents(t *testing.T) {
	img := testImage(t, "linux")
	d := derived(t, img, Options{Dir: t.TempDir()})
	for _, e := range img.Tree.All() {
		if e.Type != tree.File || strings.Contains(e.Path, "odd") { // debugfs's own quoting
			continue
		}
		out := filepath.Join(t.TempDir(), "out")
		e2(t, "debugfs", "-R", fmt.Sprintf("dump %q %s", e.Path, out), d.Path)
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if digest, _, _ := tree.DigestOf(bytes.NewReader(got)); digest != e.Digest {
			t.Errorf("%s: other bytes on the disk (%d of them)", e.Path, len(got))
		}
	}
	for path, want := range map[string][]string{
		"/bin/other":     {"Links: 2", "User:    33", "Group:    44", "Mode:  0755", "Size: 3000000"},
		"/etc/su":        {"Mode:  04755"},
		"/sbin":          {"Type: symlink", `Fast link dest: "bin"`},
		"/dev/console":   {"Type: character special", "Device major/minor number: 05:01"},
		"/var/fifo":      {"Type: FIFO", "Mode:  0620"},
		"/var/tmp":       {"Type: directory", "Mode:  01777"},
		"/tmp":           {"Type: directory", "Mode:  01777"},
		"/proc":          {"Type: directory", "Mode:  0555"},
		"/etc/motd":      {"0x6553f100:1d535300"}, // its time, with nanoseconds
		"/var/long link": {"Type: symlink", "Size: 161"},
	} {
		got := e2(t, "debugfs", "-R", fmt.Sprintf("stat %q", path), d.Path)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in what debugfs says:\n%s", path, w, got)
			}
		}
	}
}

// The same tree gives the same bytes.
func TestExt4Reproducible(t *testing.T) {
	img := testImage(t, "linux")
	var disks [2][]byte
	for i := range disks {
		b, err := os.ReadFile(derived(t, img, Options{Dir: t.TempDir(), Free: Free{Bytes: 1 << 20}}).Path)
		if err != nil {
			t.Fatal(err)
		}
		disks[i] = b
	}
	if !bytes.Equal(disks[0], disks[1]) {
		t.Error("two disks of one tree differ")
	}
}

func TestExt4Socket(t *testing.T) {
	img := image.Image{Guest: image.Guest{OS: "linux"}}
	put(t, &img, tree.Entry{Path: "/run/x", Type: tree.Socket})
	_, err := Derive(t.Context(), img, Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "/run/x: a socket") {
		t.Errorf("error %v; want one about /run/x", err)
	}
}

// TestExt4Attributes has a file's capabilities on the disk.
func TestExt4Attributes(t *testing.T) {
	img := testImage(t, "linux")
	e := data(t, "/usr/bin/ping", 0o755, []byte("ping"))
	capability := []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	e.Xattrs = map[string][]byte{"security.capability": capability, "user.note": []byte("hello")}
	put(t, &img, e)
	d := derived(t, img, Options{Dir: t.TempDir()})
	e2(t, "e2fsck", "-fn", d.Path)
	out := e2(t, "debugfs", "-R", "ea_list /usr/bin/ping", d.Path)
	for _, want := range []string{"security.capability (20)", `user.note (5) = "hello"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
}

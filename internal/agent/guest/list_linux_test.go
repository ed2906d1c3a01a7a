package guest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

func TestListFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		os.Mkdir(at("d"), 0o700), os.WriteFile(at("d/b"), []byte("hello"), 0o640), os.Link(at("d/b"), at("d-a")),
		os.Symlink("nowhere", at("l")), syscall.Mkfifo(at("p"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	files, err := listFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		Path   string
		Mode   uint32
		Links  uint32
		Size   int64
		Target string
	}
	var got []line
	inodes := map[string]uint64{}
	for _, f := range files {
		l := line{strings.TrimPrefix(f.Path, dir), f.Mode, f.Links, f.Size, f.Target}
		if f.Type() == wire.TypeDir {
			l.Links = 0 // not all file systems count folders
		}
		got = append(got, l)
		inodes[l.Path] = f.Inode
		if f.UID != uint32(os.Getuid()) || f.Mounted || f.ModTime.IsZero() || f.ChangeTime.IsZero() {
			t.Errorf("%+v", f)
		}
	}
	want := []line{
		{"", wire.TypeDir | 0o755, 0, 0, ""},
		{"/d", wire.TypeDir | 0o700, 0, 0, ""},
		{"/d/b", wire.TypeFile | 0o640, 2, 5, ""},
		{"/d-a", wire.TypeFile | 0o640, 2, 5, ""},
		{"/l", wire.TypeSymlink | 0o777, 1, 0, "nowhere"},
		{"/p", wire.TypeFIFO | 0o600, 1, 0, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if inodes["/d/b"] != inodes["/d-a"] {
		t.Errorf("inodes %v", inodes)
	}
}

// TestListMounted meets another file system.
func TestListMounted(t *testing.T) {
	var root, proc syscall.Stat_t
	if err := errors.Join(syscall.Stat("/", &root), syscall.Stat("/proc", &proc)); err != nil {
		t.Fatal(err)
	}
	l := &lister{device: root.Dev, files: []wire.File{{Path: "/"}}}
	if err := l.add("/proc"); err != nil {
		t.Fatal(err)
	}
	if len(l.files) != 2 || l.files[1].Mounted != (proc.Dev != root.Dev) {
		t.Errorf("%d files, the last %+v", len(l.files), l.files[len(l.files)-1])
	}
}

func TestDeviceNumbers(t *testing.T) {
	// As glibc's makedev(259, 0x12345) and makedev(0x1234, 1) have them.
	for dev, want := range map[uint64][2]uint32{0x12310345: {259, 0x12345}, 0x100000023401: {0x1234, 1}} {
		if major, minor := deviceNumbers(dev); [2]uint32{major, minor} != want {
			t.Errorf("deviceNumbers(%#x) = %#x, %#x; want %#x", dev, major, minor, want)
		}
	}
}

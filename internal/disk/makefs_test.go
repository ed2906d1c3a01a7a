package disk

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestSpecLine(t *testing.T) {
	tests := []struct {
		entry tree.Entry
		want  string
	}{
		{tree.Entry{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: when}, ". type=dir mode=0755 uid=0 gid=0 time=1700000000.123000000"},
		{tree.Entry{Path: "/a b", Type: tree.File, Mode: 0o4755, UID: 1, GID: 2, ModTime: epoch}, `./a\040b type=file mode=04755 uid=1 gid=2 time=0.000000000`},
		{tree.Entry{Path: "/l", Type: tree.Symlink, Mode: 0o777, Link: "x #1\n", ModTime: epoch}, `./l type=link mode=0777 uid=0 gid=0 time=0.000000000 link=x\040\0431\012`},
		{tree.Entry{Path: "/dev/ld0a", Type: tree.Block, Major: 19, Minor: 8, ModTime: epoch}, "./dev/ld0a type=block mode=0 uid=0 gid=0 time=0.000000000 device=netbsd,19,8"},
	}
	for _, tt := range tests {
		var b strings.Builder
		specLine(&b, tt.entry)
		if diff := cmp.Diff(tt.want+"\n", b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.entry.Path, diff)
		}
	}
}

// The room that was asked for is there, by the superblock's own sums
// (struct csum_total at byte 1008: int64 folders, blocks, inodes, fragments).
func TestFFSFreeSpace(t *testing.T) {
	if _, err := lookTool("makefs"); err != nil {
		t.Skip("no makefs here")
	}
	for _, free := range []int64{1, 64 << 20, 500 << 20} {
		img := testImage(t, "netbsd")
		put(t, &img, data(t, "/big", 0o644, random(20<<20)))
		d := derived(t, img, Options{Dir: t.TempDir(), Free: Free{Bytes: free}})
		f, err := os.Open(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, ffsLength)
		if _, err := f.ReadAt(b, 8192); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		le := binary.LittleEndian
		blocks, inodes, frags := le.Uint64(b[1016:]), le.Uint64(b[1024:]), le.Uint64(b[1032:])
		if got := int64(blocks*16384 + frags*2048); got < free || int64(inodes) < free/(16<<10) {
			t.Errorf("asked for %d bytes, got %d and %d inodes", free, got, inodes)
		}
	}
}

func TestFFSTooBig(t *testing.T) {
	if _, err := lookTool("makefs"); err != nil {
		t.Skip("no makefs here")
	}
	dir := t.TempDir()
	_, err := Derive(t.Context(), testImage(t, "netbsd"), Options{Dir: dir, Free: Free{Bytes: 2 << 30}})
	if err == nil || !strings.Contains(err.Error(), "2 GiB") {
		t.Errorf("error %v; want one about makefs's limit", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A damaged cache entry is made again.
func TestDamagedEntry(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		dir := t.TempDir()
		img := testImage(t, guest)
		d := derived(t, img, Options{Dir: dir})
		for name, damage := range map[string]int64{"empty": 0, "cut short": 1 << 20} {
			if err := os.Chmod(d.Path, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(d.Path, damage); err != nil {
				t.Fatal(err)
			}
			if again := derived(t, img, Options{Dir: dir}); again.Cached || again.Size != d.Size {
				t.Errorf("%s: Derive = %+v; want it made again", name, again)
			}
		}
	})
}

func TestNodes(t *testing.T) {
	plan := func(os, arch string, entries ...tree.Entry) map[string]tree.Entry {
		img := image.Image{Guest: image.Guest{OS: os, Arch: arch}}
		put(t, &img, entries...)
		p, err := newPlan(key{}, img, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]tree.Entry)
		for _, e := range p.entries {
			all[e.Path] = e
		}
		return all
	}
	for arch, minor := range map[string]uint32{"i386": 8 + 3, "amd64": 16 + 3} {
		if e := plan("netbsd", arch)["/dev/rld1d"]; e.Type != tree.Char || e.Major != 69 || e.Minor != minor {
			t.Errorf("netbsd/%s: rld1d is %+v; want minor %d", arch, e, minor)
		}
	}
	t.Run("netbsd", func(t *testing.T) {
		all := plan("netbsd", "i386")
		for _, want := range []string{"/dev/console", "/dev/null", "/dev/rld1d", "/dev/pts", "/kern", "/proc", "/tmp", "/"} {
			if _, ok := all[want]; !ok {
				t.Errorf("no %s", want)
			}
		}
	})
	t.Run("a /dev of its own", func(t *testing.T) {
		all := plan("netbsd", "i386", tree.Entry{Path: "/dev/console", Type: tree.Char, Major: 0})
		if _, ok := all["/dev/null"]; ok {
			t.Error("nodes were added to a ship that brings its own")
		}
	})
	t.Run("links in the way", func(t *testing.T) {
		all := plan("linux", "amd64", tree.Entry{Path: "/tmp", Type: tree.Symlink, Link: "var/tmp"}, tree.Entry{Path: "/dev", Type: tree.Symlink, Link: "x"})
		if all["/tmp"].Type != tree.Symlink || all["/dev"].Type != tree.Symlink {
			t.Error("a link of the ship's was replaced")
		}
	})
}

func FuzzFFSSize(f *testing.F) {
	b := make([]byte, 8192+ffsLength)
	binary.LittleEndian.PutUint32(b[8192+ffsMagicAt:], ffs2Magic)
	binary.LittleEndian.PutUint64(b[8192+ffsPlace:], 8192)
	binary.LittleEndian.PutUint64(b[8192+ffsFrags:], 10)
	binary.LittleEndian.PutUint32(b[8192+ffsFragSize:], 2048)
	b[8192+ffsClean] = 1
	f.Add(b[8192:])
	f.Fuzz(func(t *testing.T, sb []byte) {
		b := append(make([]byte, 8192), sb...)
		size, err := ffsSize(strings.NewReader(string(b)))
		if err == nil && (size <= 0 || size > maxSize) {
			t.Errorf("a size of %d", size)
		}
	})
}

func TestWriteSpecHardlink(t *testing.T) {
	name := filepath.Join(t.TempDir(), "spec")
	err := writeSpec(name, []tree.Entry{
		{Path: "/a", Type: tree.Hardlink, Link: "/b", ModTime: when},
		{Path: "/b", Type: tree.File, Mode: 0o711, UID: 7, ModTime: epoch},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const attrs = " type=file mode=0711 uid=7 gid=0 time=0.000000000\n"
	if diff := cmp.Diff("./a"+attrs+"./b"+attrs, string(got)); diff != "" {
		t.Errorf("specification (-want +got):\n%s", diff)
	}
}

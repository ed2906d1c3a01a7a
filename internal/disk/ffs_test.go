package disk

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// rootOf opens the part of a disk that has its file system.
func rootOf(t *testing.T, d Disk) (*io.SectionReader, partition.Scheme) {
	t.Helper()
	f, err := os.Open(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	table, err := partition.Find(f, d.Size)
	if err != nil {
		t.Fatal(err)
	}
	p, err := table.Pick("")
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(f, p.Offset, p.Size), table.Scheme
}

// openFFS opens the file system of a disk.
func openFFS(t *testing.T, d Disk) (*ffs.FS, partition.Scheme) {
	t.Helper()
	root, scheme := rootOf(t, d)
	fsys, err := ffs.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return fsys, scheme
}

// checkClean has package ffs check the file system of a disk.
func checkClean(t *testing.T, d Disk) {
	t.Helper()
	root, _ := rootOf(t, d)
	found, err := ffs.Check(t.Context(), root, root.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("the file system is not clean: %v", f)
	}
}

// A held is what a disk says of one path.
type held struct {
	Mode         fs.FileMode
	UID, GID     uint32
	Time         string
	Link, Digest string
	Major, Minor uint32
	Size         int64
}

// wanted returns what the disk should hold of img.
func wanted(t *testing.T, img image.Image) map[string]held {
	t.Helper()
	whole, err := compose(img, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]held)
	for _, e := range whole.All() {
		p := e.Path
		if e.Type == tree.Hardlink {
			e, _ = whole.Get(e.Link)
		}
		h := held{Mode: fileMode(e), UID: e.UID, GID: e.GID, Time: stamp(e.ModTime), Link: e.Link, Digest: e.Digest, Major: e.Major, Minor: e.Minor}
		if e.Type == tree.File {
			h.Size = e.Size
		}
		all[p] = h
	}
	return all
}

func stamp(when time.Time) string { return when.UTC().Format(time.RFC3339Nano) }

func holds(t *testing.T, fsys *ffs.FS) map[string]held {
	t.Helper()
	all := make(map[string]held)
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		i := fi.Sys().(*ffs.Inode)
		h := held{Mode: fi.Mode(), UID: i.UID, GID: i.GID, Time: stamp(fi.ModTime())}
		switch {
		case fi.Mode()&fs.ModeDevice != 0:
			h.Major, h.Minor = i.Device()
		case fi.Mode()&fs.ModeSymlink != 0:
			h.Link, err = fsys.ReadLink(p)
		case fi.Mode().IsRegular():
			var f fs.File
			if f, err = fsys.Open(p); err == nil {
				h.Digest, h.Size, err = tree.DigestOf(f)
				_ = f.Close() // only read from
			}
		}
		all["/"+strings.TrimPrefix(p, ".")] = h
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var layouts = []struct {
	name   string
	l      Layout
	scheme partition.Scheme
	root   string
}{
	{"default", Layout{}, partition.Bare, "ld0a"},
	{"version 1", Layout{Version: 1, Scheme: partition.Bare}, partition.Bare, "ld0a"},
	{"big-endian, small blocks", Layout{BigEndian: true, BlockSize: 4096}, partition.Bare, "ld0a"},
	{"disklabel", Layout{Scheme: partition.Disklabel, BlockSize: 65536}, partition.Disklabel, "ld0a"},
	{"disklabel, version 1", Layout{Scheme: partition.Disklabel, Version: 1}, partition.Disklabel, "ld0a"},
	{"GPT", Layout{Scheme: partition.GPT}, partition.GPT, "NAME=testroot"},
	{"GPT with a label", Layout{Scheme: partition.GPT, Label: "web"}, partition.GPT, "NAME=web"},
}

// What goes onto a disk is on it, by our reader; package ffs has others look.
func TestFFSHoldsTheTree(t *testing.T) {
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			img := testImage(t, "netbsd")
			d := derived(t, img, Options{Dir: t.TempDir(), Layout: tt.l})
			if d.Root != tt.root {
				t.Errorf("root=%s; want root=%s", d.Root, tt.root)
			}
			checkClean(t, d)
			fsys, scheme := openFFS(t, d)
			if scheme != tt.scheme || d.Size%512 != 0 {
				t.Errorf("a %s disk of %d bytes; want a %s of whole sectors", scheme, d.Size, tt.scheme)
			}
			sb := fsys.Superblock()
			if want := cmp.Or(tt.l.Version, 2); sb.Version() != want {
				t.Errorf("version %d; want %d", sb.Version(), want)
			}
			if big := fsys.ByteOrder() == binary.BigEndian; big != tt.l.BigEndian {
				t.Errorf("big-endian: %v", big)
			}
			if diff := gocmp.Diff(wanted(t, img), holds(t, fsys)); diff != "" {
				t.Errorf("the disk (-want +got):\n%s", diff)
			}
		})
	}
}

// The same image gives the same bytes.
func TestFFSReproducible(t *testing.T) {
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			var digests []string
			for range 2 {
				d := derived(t, testImage(t, "netbsd"), Options{Dir: t.TempDir(), Layout: tt.l})
				f, err := os.Open(d.Path)
				if err != nil {
					t.Fatal(err)
				}
				digest, _, err := tree.DigestOf(f)
				_ = f.Close() // only read from
				if err != nil {
					t.Fatal(err)
				}
				digests = append(digests, digest)
			}
			if digests[0] != digests[1] {
				t.Errorf("two disks: %s and %s", digests[0], digests[1])
			}
		})
	}
}

// The room that was asked for is there, by the superblock's own sums; also
// beyond 2 GiB, where makefs ended.
func TestFFSFreeSpace(t *testing.T) {
	for _, free := range []int64{1, 64 << 20, 500 << 20, 5 << 30} {
		img := testImage(t, "netbsd")
		put(t, &img, data(t, "/big", 0o644, random(20<<20)))
		d := derived(t, img, Options{Dir: t.TempDir(), Free: Free{Bytes: free}})
		fsys, _ := openFFS(t, d)
		sb := fsys.Superblock()
		got := sb.Total.FreeBlocks*int64(sb.BlockSize) + sb.Total.FreeFrags*int64(sb.FragmentSize)
		if got < free || sb.Total.FreeInodes < free/(16<<10) {
			t.Errorf("asked for %d bytes, got %d and %d inodes", free, got, sb.Total.FreeInodes)
		}
		if sb.MinFree != 0 {
			t.Errorf("%d %% are kept for root", sb.MinFree)
		}
		if n := allocated(t, d.Path); n > 40<<20 {
			t.Errorf("takes %d bytes on the host; want a sparse file", n)
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	tests := []struct {
		name, guest string
		l           Layout
		want        string
	}{
		{"scheme", "netbsd", Layout{Scheme: "lvm"}, `scheme "lvm"`},
		{"MBR alone", "netbsd", Layout{Scheme: partition.MBR}, `scheme "mbr"`},
		{"blank", "netbsd", Layout{Scheme: partition.GPT, Label: "my root"}, "can't have blanks"},
		{"long name", "netbsd", Layout{Scheme: partition.GPT, Label: strings.Repeat("n", 40)}, "1 to 36 letters"},
		{"version", "netbsd", Layout{Version: 3}, "version 3"},
		{"block size", "netbsd", Layout{BlockSize: 5000}, "block size 5000"},
		{"Linux", "linux", Layout{Scheme: partition.GPT}, "has no other layout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Derive(t.Context(), testImage(t, tt.guest), Options{Dir: dir, Layout: tt.l})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with %q", err, tt.want)
			}
			if left := names(t, dir); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// What is too big for a layout is refused before anything is written.
func TestLayoutTooBig(t *testing.T) {
	for want, l := range map[string]Layout{
		"disklabels end at 2 TiB": {Scheme: partition.Disklabel},
		"take version 2":          {Version: 1, BlockSize: 4096},
	} {
		dir := t.TempDir()
		_, err := Derive(t.Context(), testImage(t, "netbsd"), Options{
			Dir: dir, Layout: l, Free: Free{Bytes: 3 << 40},
			Progress: func(int64, int64) { t.Error("something was copied") },
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %q", err, want)
		}
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// A file that is written to after its digest was taken doesn't get past.
func TestSourcesChanged(t *testing.T) {
	e := hosted(t, "/x", 0, random(5000))
	src := &sources{ctx: context.Background()}
	r, err := src.open(e)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok := r.(*os.File); !ok {
		t.Errorf("a whole file of the host is opened as %T; want *os.File", r)
	}
	if err := src.unchanged(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(host string) error{
		"written to": func(host string) error { return os.WriteFile(host, random(5000), 0o600) },
		"replaced":   func(host string) error { return os.Rename(replacement(t, e), host) },
		"removed":    os.Remove,
	} {
		if err := change(e.Content.Host); err != nil {
			t.Fatal(err)
		}
		if err := src.unchanged(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// replacement returns a file with the bytes and times of e's.
func replacement(t *testing.T, e tree.Entry) string {
	t.Helper()
	fi, err := os.Stat(e.Content.Host)
	if err != nil {
		t.Fatal(err)
	}
	other := fmt.Sprint(e.Content.Host, ".new")
	if err := os.WriteFile(other, random(5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(other, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
	return other
}

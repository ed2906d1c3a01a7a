package ffs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests here have images read by programs that share nothing with this
// package: The Sleuth Kit and GRUB. scripts/setup installs them.

// others are the images that they read.
var others = []struct {
	name string
	Options
}{
	{"v2", Options{}},
	{"v2 big-endian", Options{Order: binary.BigEndian}},
	{"v2 4k", Options{BlockSize: 4096, MaxBlocksPerGroup: 1000}},
	{"v2 64k", Options{BlockSize: 65536, Free: 1 << 30}},
	{"v1", Options{Version: 1}},
	{"v1 big-endian", Options{Version: 1, Order: binary.BigEndian}},
	{"v1 4k", Options{Version: 1, BlockSize: 4096}},
	{"v1 64k", Options{Version: 1, BlockSize: 65536, FragmentSize: 16384}},
}

// otherTree has contents that differ from file to file, of sizes with no, one,
// two and three levels of indirect blocks, and holes.
func otherTree() []Entry {
	entries := []Entry{{Path: "/d", Mode: fs.ModeDir | 0o750, UID: 7, GID: 70_000, ModTime: time.Unix(1e9, 0)}}
	add := func(size int64, data []Range) {
		n := len(entries)
		entries = append(entries, Entry{
			Path: fmt.Sprintf("/d/file-%03d-%d", n, size), Mode: fs.FileMode(0o600 + n%64), UID: uint32(n), GID: uint32(1000 + n),
			ModTime: time.Unix(int64(1_500_000_000+n), 0), Size: size, Data: data,
			Open: func() (io.ReadCloser, error) { return newStatic(uint64(n), size, data), nil },
		})
	}
	// icat refuses holes that are longer than the volume.
	add(37<<20, []Range{{0, 1}, {9 << 20, 70_000}, {18 << 20, 1}, {27 << 20, 1}, {36 << 20, 1 << 20}})
	for _, size := range []int64{0, 1, 512, 2047, 2048, 2049, 16_384, 16_385, 65_536, 98_304, 196_608, 196_609, 1 << 20, 9 << 20} {
		add(size, nil)
	}
	for i := range 300 {
		entries = append(entries, Entry{Path: fmt.Sprintf("/d/%s-%d", strings.Repeat("name", i%50), i), Mode: fs.ModeSymlink | 0o777, Target: strings.Repeat("x", 1+i*3)})
	}
	return append(entries,
		Entry{Path: "/null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, Major: 2, Minor: 2},
		Entry{Path: "/ld0a", Mode: fs.ModeDevice | 0o640, Major: 19},
		Entry{Path: "/fifo", Mode: fs.ModeNamedPipe | 0o600},
		Entry{Path: "/su", Mode: fs.ModeSetuid | 0o755},
	)
}

// static is a file of random bytes, the same for the same seed, with zeros
// outside of data.
type static struct{ *bytes.Reader }

func newStatic(seed uint64, size int64, data []Range) static {
	b := make([]byte, size)
	if data == nil {
		data = []Range{{0, size}}
	}
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	for _, d := range data {
		_, _ = r.Read(b[d.Off : d.Off+d.Len]) // never fails
	}
	return static{bytes.NewReader(b)}
}

func (static) Close() error { return nil }

func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s (Debian: sleuthkit, grub-common)", name)
	}
}

func runTool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return out
}

// TestSleuthKit compares names, modes, owners, sizes, times and contents with
// what The Sleuth Kit finds.
func TestSleuthKit(t *testing.T) {
	needTool(t, "fls")
	for _, o := range others {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			image := imageFile(t, otherTree(), o.Options).Name()
			runTool(t, "fsstat", image)
			inodes := map[string]string{}
			var got, want []string
			for line := range strings.Lines(string(runTool(t, "fls", "-r", "-p", "-m", "", image))) {
				f := strings.Split(strings.TrimSuffix(line, "\n"), "|") // MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime
				f[1] = strings.TrimPrefix(f[1], "/")
				name, _, _ := strings.Cut(f[1], " -> ")
				if name == "$OrphanFiles" { // its own
					continue
				}
				inodes[name] = f[2]
				got = append(got, fmt.Sprint(name, " ", f[3], " ", f[4], " ", f[5], " ", f[6], " ", f[8]))
			}
			for _, e := range otherTree() {
				size, mtime := e.Size, max(e.ModTime.Unix(), 0)
				switch {
				case e.Mode.IsDir():
					size = 40448 // 319 names
				case e.Mode.Type() == fs.ModeSymlink:
					size = int64(len(e.Target))
				}
				want = append(want, fmt.Sprint(e.Path[1:], " ", sleuthMode(e.Mode), " ", e.UID, " ", e.GID, " ", size, " ", mtime))
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fls (-want +got):\n%s", diff)
			}
			for _, e := range otherTree() {
				if e.Open != nil && !bytes.Equal(runTool(t, "icat", image, inodes[e.Path[1:]]), contentsOf(t, e)) {
					t.Errorf("icat: %s has other contents", e.Path)
				}
			}
		})
	}
}

func contentsOf(t *testing.T, e Entry) []byte {
	t.Helper()
	r, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGRUB has GRUB compare each file. It does not know FFSv2 big-endian, and
// in FFSv1 big-endian it does not find indirect blocks, in makefs's images
// neither.
func TestGRUB(t *testing.T) {
	needTool(t, "grub-fstest")
	dir := t.TempDir()
	for _, e := range otherTree() {
		if e.Open == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(e.Path)), contentsOf(t, e), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range others {
		if o.Version != 1 && o.Order == binary.BigEndian {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			image := imageFile(t, otherTree(), o.Options).Name()
			want := map[string]bool{}
			for _, e := range otherTree() {
				if p, ok := strings.CutPrefix(e.Path, "/d/"); ok {
					want[p] = true
				}
				direct := int64(directs * 16 << 10)
				if e.Open == nil || e.Size == 0 || o.Order == binary.BigEndian && e.Size > direct {
					continue
				}
				runTool(t, "grub-fstest", image, "cmp", e.Path, filepath.Join(dir, filepath.Base(e.Path)))
			}
			got := map[string]bool{}
			for _, name := range strings.Fields(string(runTool(t, "grub-fstest", image, "ls", "/d/"))) {
				got[name] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ls (-want +got):\n%s", diff)
			}
		})
	}
}

// sleuthMode is a mode as fls writes it: the type of the name and of the
// inode, then the permissions.
func sleuthMode(m fs.FileMode) string {
	kinds := map[fs.FileMode]string{0: "r/r", fs.ModeDir: "d/d", fs.ModeSymlink: "l/l", fs.ModeNamedPipe: "p/p", fs.ModeSocket: "h/h", fs.ModeDevice: "b/b", fs.ModeDevice | fs.ModeCharDevice: "c/c"}
	perm := []byte(m.Perm().String()[1:])
	if m&fs.ModeSetuid != 0 {
		perm[2] = 's'
	}
	return kinds[m.Type()] + string(perm)
}

package ffs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var _ interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.ReadLinkFS
	fs.StatFS
} = (*FS)(nil)

var _ interface {
	fs.ReadDirFile
	io.ReaderAt
	io.ReadSeeker
	io.WriterTo
} = (*File)(nil)

// makefs makes an image of dir with Debian's makefs.
func makefs(t testing.TB, dir, order, options string) string {
	t.Helper()
	program, err := exec.LookPath("makefs")
	if err != nil {
		program = "/usr/sbin/makefs"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("makefs is not installed (Debian: apt install makefs)")
	}
	img := filepath.Join(t.TempDir(), "img")
	out, err := exec.Command(program, "-t", "ffs", "-b", "20%", "-M", "4m", "-B", order, "-o", options, img, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("makefs: %v\n%s", err, out)
	}
	return img
}

// openImage opens the image at path.
func openImage(t testing.TB, path string) *FS {
	t.Helper()
	file, err := os.Open(path)
	check(t, err)
	t.Cleanup(func() { file.Close() })
	f, err := Open(file)
	check(t, err)
	return f
}

// sampleTree makes files of all shapes that makefs takes: it drops holes.
func sampleTree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for n := range 300 {
		put(t, dir, fmt.Sprintf("many/a file of folder %d", n), strings.Repeat("x", n*7), 0o644)
	}
	numbers := new(strings.Builder)
	for n := range 800_000 { // double indirect with blocks of 4 KiB
		fmt.Fprintln(numbers, n)
	}
	put(t, dir, "numbers", numbers.String(), 0o600)
	put(t, dir, "empty", "", 0o400)
	put(t, dir, strings.Repeat("n", 255), "long", 0o755|fs.ModeSetuid)
	put(t, dir, "deep/er/and/deeper/file", "text", 0o444)
	put(t, dir, "\xff\x1b[31m", "bytes", 0o444)
	check(t, os.Symlink("numbers", filepath.Join(dir, "short")))
	check(t, os.Symlink("/deep//er/./../er/and", filepath.Join(dir, "absolute")))
	check(t, os.Symlink(strings.Repeat("./", 400)+"numbers", filepath.Join(dir, "long")))
	check(t, os.Symlink("circle", filepath.Join(dir, "circle")))
	check(t, os.Link(filepath.Join(dir, "numbers"), filepath.Join(dir, "deep/er/hard")))
	return dir
}

// entriesOf collects the entries of an image, with their contents' digests.
func entriesOf(t testing.TB, f *FS) ([]Entry, map[string][32]byte) {
	t.Helper()
	var all []Entry
	for e, err := range f.Entries() {
		check(t, err)
		all = append(all, e)
	}
	return all, digests(t, all)
}

func digests(t testing.TB, entries []Entry) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	for _, e := range entries {
		if e.Open == nil || e.Size == 0 {
			continue
		}
		r, err := e.Open()
		check(t, err)
		h := sha256.New()
		n, err := io.Copy(h, r)
		check(t, err)
		check(t, r.Close())
		if n != e.Size {
			t.Errorf("%s has %d bytes, want %d", e.Path, n, e.Size)
		}
		sums[e.Path] = [32]byte(h.Sum(nil))
	}
	return sums
}

// variants are the formats that are tried.
var variants = []struct{ order, options string }{
	{"le", "version=1,bsize=4096,fsize=512"},
	{"be", "version=1,bsize=8192,fsize=1024"},
	{"be", "version=1,bsize=65536,fsize=8192"},
	{"le", "version=2,bsize=4096,fsize=4096"},
	{"be", "version=2,bsize=16384,fsize=2048"},
	{"le", "version=2,bsize=65536,fsize=8192"},
}

// TestReadsWhatMakefsWrote compares images with the folder they are made of.
func TestReadsWhatMakefsWrote(t *testing.T) {
	dir := sampleTree(t)
	want, err := HostDir(dir)
	check(t, err)
	wantSums := digests(t, want)
	for _, v := range variants {
		t.Run(v.order+","+v.options, func(t *testing.T) {
			f := openImage(t, makefs(t, dir, v.order, v.options))
			got, sums := entriesOf(t, f)
			compare := []cmp.Option{
				cmpopts.IgnoreFields(Entry{}, "Open", "Data", "AccessTime", "ChangeTime", "BirthTime"),
				cmpopts.EquateEmpty(),
				cmp.Comparer(func(a, b time.Time) bool { return a.Unix() == b.Unix() }), // Debian's keeps no more
			}
			if diff := cmp.Diff(want, got, compare...); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(wantSums, sums); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFSKeepsTheContract(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/b/c", "text", 0o644)
	put(t, dir, "a/empty", "", 0o644)
	put(t, dir, "large", strings.Repeat("0123456789abcdef", 10_000), 0o644)
	check(t, os.Symlink("../large", filepath.Join(dir, "a/link")))
	for _, v := range variants {
		t.Run(v.order+","+v.options, func(t *testing.T) {
			f := openImage(t, makefs(t, dir, v.order, v.options))
			check(t, fstest.TestFS(f, "a/b/c", "a/empty", "large", "a/link"))
		})
	}
}

func TestFSKeepsTheContractOnOurImages(t *testing.T) {
	for _, version := range []int{1, 2} {
		f := smallImage(t, Options{Version: version, BlockSize: 4096})
		check(t, fstest.TestFS(f, "dir/file", "dir/sub", "large", "other", "link", "long", "null"))
	}
}

// TestReadsFromSeveralGoroutines is for the race detector.
func TestReadsFromSeveralGoroutines(t *testing.T) {
	f := smallImage(t, Options{BlockSize: 4096})
	want, err := f.ReadFile("large")
	check(t, err)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			if err := exercise(f.FS); err != nil {
				t.Error(err)
			}
			if got, err := f.ReadFile("other"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("other bytes, %v", err)
			}
		})
	}
	readers.Wait()
}

func TestResolve(t *testing.T) {
	f := openImage(t, makefs(t, sampleTree(t), "le", "version=2"))
	for _, test := range []struct {
		name string
		same string // the file it leads to
		err  error
	}{
		{name: "short", same: "numbers"},
		{name: "long", same: "numbers"},
		{name: "absolute", same: "deep/er/and"},
		{name: "absolute/deeper/file", same: "deep/er/and/deeper/file"},
		{name: "deep/er/hard", same: "numbers"},
		{name: "circle", err: errManyLinks},
		{name: "circle/x", err: errManyLinks},
		{name: "numbers/x", err: errNotDir},
		{name: "missing", err: fs.ErrNotExist},
		{name: "missing/x", err: fs.ErrNotExist},
		{name: "/numbers", err: fs.ErrInvalid},
		{name: "deep/../numbers", err: fs.ErrInvalid},
		{name: "", err: fs.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := f.Stat(test.name)
			if !errors.Is(err, test.err) {
				t.Fatalf("Stat: %v, want %v", err, test.err)
			}
			if path := new(fs.PathError); err != nil {
				if !errors.As(err, &path) || path.Path != test.name {
					t.Errorf("%#v: want a PathError with the name", err)
				}
				return
			}
			want, err := f.Lstat(test.same)
			check(t, err)
			if got, want := got.Sys().(*Inode).Number, want.Sys().(*Inode).Number; got != want {
				t.Errorf("inode %d, want %d", got, want)
			}
		})
	}
}

func TestFileReadsAndSeeks(t *testing.T) {
	dir := t.TempDir()
	want := make([]byte, 3<<20)
	for n := range want {
		want[n] = byte(n * 7 / 5)
	}
	put(t, dir, "f", string(want), 0o644)
	img := openImage(t, makefs(t, dir, "be", "version=1,bsize=4096,fsize=1024"))
	file, err := img.Open("f")
	check(t, err)
	f := file.(*File)
	for _, at := range []struct{ off, n int }{{0, 1}, {4095, 2}, {12*4096 - 5, 10}, {1<<20 + 3, 1 << 20}, {len(want) - 9, 9}} {
		got := make([]byte, at.n)
		if _, err := f.ReadAt(got, int64(at.off)); err != nil || !bytes.Equal(got, want[at.off:at.off+at.n]) {
			t.Errorf("ReadAt(%d bytes, %d): %v, or other bytes", at.n, at.off, err)
		}
	}
	if n, err := f.ReadAt(make([]byte, 10), int64(len(want)-4)); n != 4 || err != io.EOF {
		t.Errorf("ReadAt over the end = %d, %v; want 4, EOF", n, err)
	}
	if at, err := f.Seek(-5, io.SeekEnd); err != nil || at != int64(len(want)-5) {
		t.Errorf("Seek = %d, %v", at, err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want[len(want)-5:]) {
		t.Errorf("the rest is %q, %v", got, err)
	}
	check(t, f.Close())
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read of a closed file: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	whole, err := os.ReadFile(makefs(t, t.TempDir(), "le", "version=2"))
	check(t, err)
	for _, test := range []struct {
		name, want string
		is         error
		img        []byte
	}{
		{"nothing", "no FFS superblock", errNoSuperblock, nil},
		{"zeros", "no FFS superblock", errNoSuperblock, make([]byte, 1<<20)},
		{"a cut image", "the image ends before", io.ErrUnexpectedEOF, whole[:len(whole)-1]},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(bytes.NewReader(test.img))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open: %v, want %q", err, test.want)
			}
			if !errors.Is(err, test.is) || !strings.HasPrefix(err.Error(), "open FFS: ") {
				t.Errorf("Open: %v, want it to say what was being done, and to be %v", err, test.is)
			}
		})
	}
}

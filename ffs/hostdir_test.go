//go:build darwin || freebsd || linux || netbsd || openbsd

package ffs

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// put makes a file and its folders below dir.
func put(t testing.TB, dir, name, text string, perm fs.FileMode) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, perm); err != nil { // not what umask leaves of it
		t.Fatal(err)
	}
	return name
}

// check fails the test if there is an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHostDir(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755|fs.ModeSticky))
	put(t, dir, "usr/bin/su", "program", 0o555|fs.ModeSetuid)
	put(t, dir, "usr/bin/z", "", 0o640)
	put(t, dir, "usr/bin-old", "x", 0o644)
	check(t, os.Link(filepath.Join(dir, "usr/bin/su"), filepath.Join(dir, "usr/bin-new")))
	check(t, os.Link(filepath.Join(dir, "usr/bin/su"), filepath.Join(dir, "a")))
	check(t, os.Symlink("nowhere/../far away", filepath.Join(dir, "link")))
	check(t, os.Link(filepath.Join(dir, "link"), filepath.Join(dir, "link2")))
	check(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	check(t, err)
	defer l.Close()
	check(t, os.Chmod(filepath.Join(dir, "s"), 0o700))
	when := time.Unix(-12345, 678901234).UTC()
	for _, name := range []string{"a", "fifo"} {
		check(t, os.Chtimes(filepath.Join(dir, name), when, when))
	}
	got, err := HostDir(dir)
	check(t, err)
	var st unix.Stat_t
	check(t, unix.Stat(dir, &st))
	want := []Entry{
		{Path: "/", Mode: 0o755 | fs.ModeDir | fs.ModeSticky},
		{Path: "/a", Mode: 0o555 | fs.ModeSetuid, Size: 7, ModTime: when, AccessTime: when},
		{Path: "/fifo", Mode: 0o600 | fs.ModeNamedPipe, ModTime: when, AccessTime: when},
		{Path: "/link", Mode: 0o777 | fs.ModeSymlink, Target: "nowhere/../far away"},
		{Path: "/link2", Hardlink: "/link"},
		{Path: "/s", Mode: 0o700 | fs.ModeSocket},
		{Path: "/usr", Mode: 0o755 | fs.ModeDir},
		{Path: "/usr/bin", Mode: 0o755 | fs.ModeDir},
		{Path: "/usr/bin/su", Hardlink: "/a"},
		{Path: "/usr/bin/z", Mode: 0o640},
		{Path: "/usr/bin-new", Hardlink: "/a"},
		{Path: "/usr/bin-old", Mode: 0o644, Size: 1},
	}
	for i := range want {
		if want[i].Hardlink == "" {
			want[i].UID, want[i].GID = st.Uid, st.Gid
		}
	}
	for i, e := range got {
		if e.Hardlink == "" && e.ModTime.IsZero() || e.ModTime.Location() != time.UTC {
			t.Errorf("%s has the time %v", e.Path, e.ModTime)
		}
		if !e.ModTime.Equal(when) {
			got[i].ModTime, got[i].AccessTime = time.Time{}, time.Time{}
		}
	}
	ignore := cmpopts.IgnoreFields(Entry{}, "Open", "ChangeTime", "BirthTime")
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestHostDirReadsContents(t *testing.T) {
	dir := t.TempDir()
	name := put(t, dir, "d/file", "contents", 0o644)
	entries, err := HostDir(dir + "///")
	check(t, err)
	e := entries[len(entries)-1]
	if e.Path != "/d/file" {
		t.Fatalf("the last entry is %s", e.Path)
	}
	r, err := e.Open()
	check(t, err)
	text, err := io.ReadAll(r)
	check(t, errors.Join(err, r.Close()))
	if string(text) != "contents" {
		t.Errorf("read %q", text)
	}
	check(t, os.Remove(name))
	check(t, os.Symlink("/etc/passwd", name))
	if r, err := e.Open(); err == nil {
		t.Errorf("a link that took the file's place was followed: %v", r.Close())
	}
}

func TestHostDirOfALinkToAFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "real/file", "x", 0o644)
	link := filepath.Join(dir, "link")
	check(t, os.Symlink("real", link))
	entries, err := HostDir(link)
	check(t, err)
	if len(entries) != 2 || !entries[0].Mode.IsDir() || entries[1].Path != "/file" {
		t.Errorf("entries %+v", entries)
	}
}

func TestHostDirFindsHoles(t *testing.T) {
	const size = 8 << 20
	for _, tt := range []struct {
		name string
		at   []int64 // where a byte is written
		size int64
	}{
		{"data between holes", []int64{4 << 20, 6 << 20}, size},
		{"data at the end", []int64{size - 1}, size},
		{"nothing but a hole", nil, size},
		{"a short one", nil, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			f, err := os.Create(filepath.Join(dir, "sparse"))
			check(t, err)
			check(t, f.Truncate(tt.size))
			for _, at := range tt.at {
				_, err := f.WriteAt([]byte{1}, at)
				check(t, err)
			}
			check(t, errors.Join(f.Sync(), f.Close()))
			entries, err := HostDir(dir)
			check(t, err)
			checkRanges(t, entries[1], tt.at)
		})
	}
}

// checkRanges checks that data is told of where a byte was written, and not
// of all the rest where the host keeps holes.
func checkRanges(t *testing.T, e Entry, at []int64) {
	t.Helper()
	if e.Size < smallestHole {
		if e.Data != nil {
			t.Errorf("data at %v of a file of %d bytes", e.Data, e.Size)
		}
		return
	}
	if e.Data == nil {
		t.Skip("the host's file system has no holes, or can't be asked")
	}
	var last, total int64
	for _, r := range e.Data {
		if r.Off < last || r.Len <= 0 || r.Off+r.Len > e.Size {
			t.Errorf("ranges %v", e.Data)
		}
		last, total = r.Off+r.Len, total+r.Len
	}
	for _, off := range at {
		if !covers(e.Data, off) {
			t.Errorf("ranges %v leave out the byte at %d", e.Data, off)
		}
	}
	if total > e.Size/2 {
		t.Errorf("ranges %v are most of the file", e.Data)
	}
}

func covers(ranges []Range, off int64) bool {
	for _, r := range ranges {
		if off >= r.Off && off < r.Off+r.Len {
			return true
		}
	}
	return false
}

func TestHostDirErrors(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file", "x", 0o644)
	for _, tt := range []struct {
		name, dir string
		want      error
	}{
		{"missing", filepath.Join(dir, "none"), fs.ErrNotExist},
		{"no folder", file, unix.ENOTDIR},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := HostDir(tt.dir)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("error %v; want %v with %s", err, tt.want, tt.dir)
			}
		})
	}
}

func TestHostDirNamesWhatCantBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	for _, tt := range []struct {
		name string
		make func(dir string) string
	}{
		{"a file", func(dir string) string { return put(t, dir, "a/secret", "x", 0o200) }},
		{"a folder", func(dir string) string {
			name := filepath.Dir(put(t, dir, "a/secrets/x", "x", 0o600))
			check(t, os.Chmod(name, 0o300))
			return name
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			name := tt.make(dir)
			_, err := HostDir(dir)
			check(t, os.Chmod(name, 0o700)) // so that it can be removed
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v; want one that names %s", err, name)
			}
		})
	}
}

func TestHostDirTakesDeviceNumbersApart(t *testing.T) {
	for _, tt := range []struct {
		name         string
		mode         uint32
		major, minor uint32
		want         fs.FileMode
	}{
		{"character", unix.S_IFCHR | 0o620, 136, 200, fs.ModeDevice | fs.ModeCharDevice | 0o620},
		{"block", unix.S_IFBLK | 0o640, 14, 3, fs.ModeDevice | 0o640},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var st unix.Stat_t
			setNumber(&st.Mode, tt.mode)
			setNumber(&st.Rdev, unix.Mkdev(tt.major, tt.minor))
			var e Entry
			check(t, hostAttributes(&e, &st))
			if e.Mode != tt.want || e.Major != tt.major || e.Minor != tt.minor {
				t.Errorf("mode %v, device %d,%d; want %v, %d,%d", e.Mode, e.Major, e.Minor, tt.want, tt.major, tt.minor)
			}
		})
	}
}

// setNumber sets a field whose type differs between systems.
func setNumber[T ~int32 | ~uint16 | ~uint32 | ~uint64, N uint32 | uint64](field *T, n N) {
	*field = T(n)
}

func BenchmarkHostDir(b *testing.B) {
	dir := os.Getenv("FFS_BENCH_DIR")
	if dir == "" {
		b.Skip("FFS_BENCH_DIR names no folder")
	}
	for b.Loop() {
		entries, err := HostDir(dir)
		check(b, err)
		b.ReportMetric(float64(len(entries)), "files")
	}
}

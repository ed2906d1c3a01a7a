package makefs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/mtree"
)

var update = flag.Bool("update", false, "write the golden files anew")

// when is the time of what the tests make.
var when = time.Unix(1700000000, 123456789).UTC()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes a file with its folders below dir.
func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(name), 0o755))
	check(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// sample makes a folder with files of all types that anyone may make. All
// files have the time when.
func sample(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sample")
	put(t, dir, "etc/passwd", "root:*:0:0\n")
	put(t, dir, "etc/motd", "")
	put(t, dir, "bin/sh", strings.Repeat("program", 10_000))
	put(t, dir, "bin/a name with blanks", "x")
	check(t, os.Link(filepath.Join(dir, "bin/sh"), filepath.Join(dir, "bin/rsh")))
	check(t, os.Symlink("../bin/sh", filepath.Join(dir, "etc/link")))
	check(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o640))
	f, err := os.Create(filepath.Join(dir, "sparse"))
	check(t, err)
	_, err = f.WriteAt([]byte("end"), 3<<20)
	check(t, errors.Join(err, f.Close()))
	settle(t, dir)
	return dir
}

// settle gives everything in dir the time when and modes that no umask made.
func settle(t testing.TB, dir string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		if d.Type()&fs.ModeSymlink == 0 {
			err = os.Chmod(name, mode)
		}
		ts := []unix.Timespec{unix.NsecToTimespec(when.UnixNano()), unix.NsecToTimespec(when.UnixNano())}
		return errors.Join(err, unix.UtimesNanoAt(unix.AT_FDCWD, name, ts, unix.AT_SYMLINK_NOFOLLOW))
	}))
}

// open opens the file system in an image.
func open(t testing.TB, image string, offset int64) *ffs.FS {
	t.Helper()
	f, err := os.Open(image)
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	fi, err := f.Stat()
	check(t, err)
	fsys, err := ffs.Open(io.NewSectionReader(f, offset, fi.Size()-offset))
	check(t, err)
	return fsys
}

// list tells all of a file system, a line for each name.
func list(t testing.TB, fsys *ffs.FS) []string {
	t.Helper()
	var lines []string
	for e, err := range fsys.Entries() {
		check(t, err)
		line := fmt.Sprintf("%s\t%v uid=%d gid=%d flags=%#x time=%d.%09d", e.Path, e.Mode, e.UID, e.GID, e.Flags, e.ModTime.Unix(), e.ModTime.Nanosecond())
		switch {
		case e.Hardlink != "":
			line = fmt.Sprintf("%s\t= %s", e.Path, e.Hardlink)
		case e.Mode.IsRegular():
			line += " " + contents(t, e)
		case e.Mode&fs.ModeDevice != 0:
			line += fmt.Sprintf(" device=%d,%d", e.Major, e.Minor)
		case e.Mode&fs.ModeSymlink != 0:
			line += " link=" + e.Target
		}
		lines = append(lines, line)
	}
	return lines
}

// contents tells a file's size, and a digest of what is in it.
func contents(t testing.TB, e ffs.Entry) string {
	t.Helper()
	h := sha256.New()
	if e.Size > 0 {
		r, err := e.Open()
		check(t, err)
		_, err = io.Copy(h, r)
		check(t, errors.Join(err, r.Close()))
	}
	return fmt.Sprintf("size=%d %x", e.Size, h.Sum(nil)[:8])
}

// made returns the listing of the image that o makes of dir.
func made(t testing.TB, o Options, dirs ...string) []string {
	t.Helper()
	o.Image, o.Dirs = filepath.Join(t.TempDir(), "image"), dirs
	r, err := Run(t.Context(), o)
	check(t, err)
	fi, err := os.Stat(o.Image)
	check(t, err)
	if fi.Size() != r.Size {
		t.Errorf("the image has %d bytes, the file system %d", fi.Size(), r.Size)
	}
	findings(t, o.Image)
	lines := list(t, open(t, o.Image, 0))
	if len(lines) != r.Files {
		t.Errorf("%d files, of which it says %d", len(lines), r.Files)
	}
	return lines
}

// findings fails the test if the file system is not sound.
func findings(t testing.TB, image string) {
	t.Helper()
	f, err := os.Open(image)
	check(t, err)
	defer f.Close()
	fi, err := f.Stat()
	check(t, err)
	found, err := ffs.Check(t.Context(), f, fi.Size())
	check(t, err)
	for _, finding := range found {
		t.Errorf("%s: %s", finding.Where, finding.Problem)
	}
}

// everything describes all of sample, and more.
const everything = `# a specification with all that there is
/set type=file uid=100 gid=200 mode=0644 time=1600000000.000000005
.               type=dir mode=0755
    bin         type=dir mode=0755 flags=opaque
        sh      mode=4555 flags=schg,uchg
        rsh
        a\sname\swith\sblanks
    ..
    etc         type=dir mode=0755
        passwd  mode=0600 uid=0 gid=0 size=11
        motd    optional
        nothing optional
        link    type=link mode=0777
    ..
./fifo          type=fifo mode=u=rw,g=r
./sparse        size=3145731
/set uname=www gname=wheel
./dev           type=dir mode=0755
    console     type=char mode=0600 device=netbsd,0,0
    wd0a        type=block mode=0640 device=netbsd,3,1048575
    log         type=socket mode=0666
..
new             type=dir mode=1777 time=5.0
    empty
    zeros       size=100000
    motd        contents=CONTENTS
    to\040there type=link mode=0755 link=../there\040or\040not
..
gone            type=dir optional
    gone        type=file
..
`

// writeSpec writes a specification and a folder of users.
func writeSpec(t testing.TB, text string) (spec, users string) {
	t.Helper()
	dir := t.TempDir()
	motd := put(t, dir, "motd", "Welcome\n")
	put(t, dir, "master.passwd", "#www:*:1:1::0:0::/:/\nroot:*:0:0:daemon:0:0:R:/:/bin/sh\nwww:*:24:24::0:0:W:/:/sbin/nologin\nwww:*:25:24::0:0::/:/\n")
	put(t, dir, "group", "wheel:*:0:root\nshort\nbad:*:x:\nusers:*:100:\n")
	return put(t, dir, "spec", strings.ReplaceAll(text, "CONTENTS", motd)), dir
}

func TestRunWithSpec(t *testing.T) {
	dir := sample(t)
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			o := Defaults()
			o.FS.Version, o.OnlySpec = version, true
			o.Spec, o.Users = writeSpec(t, everything)
			got := strings.Join(made(t, o, dir), "\n") + "\n"
			golden := filepath.Join("testdata", fmt.Sprintf("spec-v%d.golden", version))
			if *update {
				check(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			check(t, err)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the image's files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunWithoutSpec(t *testing.T) {
	dir := sample(t)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	check(t, err)
	defer l.Close()
	settle(t, dir)
	entries, err := ffs.HostDir(dir)
	check(t, err)
	var want []string
	for _, e := range entries {
		if e.Mode.Type() != fs.ModeSocket {
			want = append(want, e.Path)
		}
	}
	o := Defaults()
	o.FS.Version = 2
	var got []string
	for _, line := range made(t, o, dir) {
		got = append(got, pathOf(line))
		owner := fmt.Sprintf("uid=%d gid=%d", entries[0].UID, entries[0].GID)
		if !strings.Contains(line, "\t=") && (!strings.Contains(line, owner) || !strings.Contains(line, "time=1700000000.123456789")) {
			t.Errorf("%s; want %s and the time of the file", line, owner)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

// TestRunIsRepeatable makes an image of a copy that was read meanwhile.
func TestRunIsRepeatable(t *testing.T) {
	var images [2][]byte
	for i := range images {
		dir := sample(t)
		_, err := os.ReadFile(filepath.Join(dir, "etc/passwd"))
		check(t, err)
		o := Defaults()
		o.Image, o.Dirs = filepath.Join(t.TempDir(), "image"), []string{dir}
		o.Now = time.Now()
		_, err = Run(t.Context(), o)
		check(t, err)
		images[i], err = os.ReadFile(o.Image)
		check(t, err)
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("the same files gave two images")
	}
}

func TestTimes(t *testing.T) {
	spec, _ := writeSpec(t, "/set uid=0 gid=0 mode=0644 type=file\n. type=dir\nnew\nold time=5.0\n")
	for _, tt := range []struct {
		name                string
		set                 func(*Options)
		root, old, made, in int64 // seconds
	}{
		{"as they are", func(*Options) {}, 1700000000, 5, 1800000000, 1700000000},
		{"a timestamp", func(o *Options) { o.Timestamp = time.Unix(7, 0) }, 7, 5, 7, 7},
		{"not after", func(o *Options) { o.FS.NotAfter = time.Unix(6, 0) }, 6, 5, 6, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "in", "")
			put(t, dir, "old", "")
			settle(t, dir)
			o := Defaults()
			o.Spec, o.Now = spec, time.Unix(1800000000, 0)
			tt.set(&o)
			got := map[string]int64{}
			for _, line := range made(t, o, dir) {
				var sec, nsec int64
				_, after, _ := strings.Cut(line, "time=")
				_, err := fmt.Sscanf(after, "%d.%d", &sec, &nsec)
				check(t, err)
				got[pathOf(line)] = sec
			}
			want := map[string]int64{"/": tt.root, "/old": tt.old, "/new": tt.made, "/in": tt.in}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

// pathOf is the path at the beginning of a line of list.
func pathOf(line string) string {
	path, _, _ := strings.Cut(line, "\t")
	return path
}

func TestSpecLeavesTheRest(t *testing.T) {
	o := Defaults()
	o.Spec, _ = writeSpec(t, ". type=dir\netc type=dir\nmotd type=file mode=0400\n")
	var got []string
	for _, line := range made(t, o, sample(t)) {
		if strings.Contains(line, "/etc/") {
			got = append(got, strings.Join(strings.Fields(line)[:2], " "))
		}
	}
	want := []string{"/etc/link Lrwxrwxrwx", "/etc/motd -r--------", "/etc/passwd -rw-r--r--"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestSpecOfHardLinks: what it says of one name is so for all, and leaving
// the first out leaves the file under the others.
func TestSpecOfHardLinks(t *testing.T) {
	o := Defaults()
	o.OnlySpec = true
	o.Spec, _ = writeSpec(t, ". type=dir\nbin type=dir\nsh type=file mode=0111\n")
	got := made(t, o, sample(t))
	if len(got) != 3 || !strings.HasPrefix(got[2], "/bin/sh\t---x--x--x ") || !strings.Contains(got[2], " size=70000 ") {
		t.Errorf("files:\n%s", strings.Join(got, "\n"))
	}
}

func TestSpecErrors(t *testing.T) {
	dir := sample(t)
	for _, tt := range []struct{ name, spec, want string }{
		{"nothing in it", "# only a comment\n", `it names no file: it begins with a line such as: . type=dir`},
		{"another type", "etc type=file", `:1: /etc: type=file, but it is type=dir in ` + dir},
		{"root is no folder", ". type=link link=x", `:1: the root "." is not type=dir`},
		{"lacks all", "x", ":1: /x: not in " + dir + ": add type=, mode=, uid=, gid= to the line, or mark it optional"},
		{"lacks a device", "x type=char mode=0 uid=0 gname=wheel", ":1: /x: not in " + dir + ": add device= to the line, or mark it optional"},
		{"lacks a link", "x type=link mode=0 uid=0 gid=0", ":1: /x: not in " + dir + ": add link= to the line, or mark it optional"},
		{"link of a file", "./etc type=dir\n./etc/motd link=x", ":2: /etc/motd: link= is for type=link"},
		{"device of a file", "./etc type=dir\n./etc/motd device=netbsd,1,1", ":2: /etc/motd: device= is for type=char and type=block"},
		{"contents of a folder", "etc contents=/dev/null", ":1: /etc: contents= is for type=file"},
		{"contents of a device", "./etc type=dir\n./etc/motd contents=/dev/null", ":2: /etc/motd: contents=/dev/null: it is no regular file"},
		{"contents missing", "./etc type=dir\n./etc/motd contents=/nonexistent", ":2: /etc/motd: contents=: stat /nonexistent: no such file or directory"},
		{"another size", "./etc type=dir\n./etc/passwd size=5", ":2: /etc/passwd: size=5, but it has 11 bytes in " + dir + ": leave size= out, or write the specification anew"},
		{"unknown user", "etc uname=nobody-like-that", `:1: user "nobody-like-that": not in USERS: give its number with uid=`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			o.Image, o.Dirs = filepath.Join(t.TempDir(), "image"), []string{dir}
			o.Spec, o.Users = writeSpec(t, tt.spec)
			_, err := Run(t.Context(), o)
			want := strings.ReplaceAll(tt.want, "USERS", o.Users)
			if err == nil || !strings.HasPrefix(err.Error(), o.Spec) || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %v; want %s%s", err, o.Spec, want)
			}
			if _, err := os.Lstat(o.Image); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the image is there: %v", err)
			}
		})
	}
}

func TestSpecNamesTheHostsUsers(t *testing.T) {
	ids, err := readIDs("")
	check(t, err)
	if id, err := ids.User("root"); err != nil || id != 0 {
		t.Errorf("root is %d, %v", id, err)
	}
	if id, err := ids.Group("no such group"); err == nil {
		t.Errorf("a group that is not there is %d", id)
	}
	if _, err := readIDs(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without users: %v", err)
	}
}

func TestMerge(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	put(t, one, "etc/a", "1")
	put(t, one, "etc/both", "1")
	put(t, one, "was-folder/x/y", "1")
	put(t, one, "z", "1")
	put(t, two, "etc/b", "2")
	put(t, two, "etc/both", "22")
	check(t, os.Link(filepath.Join(two, "etc/both"), filepath.Join(two, "etc/link")))
	put(t, two, "was-folder", "2")
	put(t, two, "z/now-folder", "2")
	check(t, os.Chmod(filepath.Join(one, "etc"), 0o700))
	_, err := readDirs([]string{one, two}, false)
	if want := fmt.Sprintf("merge %s: /etc/both is in %s too: use -r to take the last one", two, one); err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
	tr, err := readDirs([]string{one, two}, true)
	check(t, err)
	var got []string
	for _, e := range tr.entries() {
		got = append(got, fmt.Sprintf("%s %v %d %s", e.Path, e.Mode.Type()|e.Mode&0o077, e.Size, e.Hardlink))
	}
	want := []string{
		"/ d---r-xr-x 0 ", "/etc d--------- 0 ", "/etc/a ---------- 1 ", "/etc/b ---------- 1 ", "/etc/both ---------- 2 ",
		"/etc/link ---------- 0 /etc/both", "/was-folder ---------- 1 ", "/z d---r-xr-x 0 ", "/z/now-folder ---------- 1 ",
	}
	got[0] = want[0] // a temporary folder's mode depends on umask
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestMergeOfOneFile: a file that replaces another is no hard link of itself.
func TestMergeOfOneFile(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	put(t, one, "z", "1")
	put(t, two, "z", "22")
	tr, err := readDirs([]string{one, two}, true)
	check(t, err)
	if e := tr.entries(); len(e) != 2 || e[1].Size != 2 || e[1].Hardlink != "" {
		t.Errorf("entries %+v", e)
	}
}

// TestImageIsWholeOrAsItWas tries ways to fail.
func TestImageIsWholeOrAsItWas(t *testing.T) {
	dir := sample(t)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		set  func(*Options)
		want string
	}{
		{"interrupted", stopped, func(*Options) {}, context.Canceled.Error()},
		{"too small", t.Context(), func(o *Options) { o.FS.Size = 100 << 10 }, "more than the size of 102400"},
		{"no folder", t.Context(), func(o *Options) { o.Dirs[0] = filepath.Join(dir, "none") }, "no such file or directory"},
		{"no folders", t.Context(), func(o *Options) { o.Dirs = nil }, "no folder to make the image of"},
		{"no folder for it", t.Context(), func(o *Options) { o.Image += "/none/image" }, "write"},
		{"bad offset", t.Context(), func(o *Options) { o.Offset = 5 }, "offset 5: want a multiple of 512"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			o := Defaults()
			o.Image, o.Dirs = put(t, out, "image", "what was there"), []string{dir}
			image := o.Image
			tt.set(&o)
			if _, err := Run(tt.ctx, o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %s", err, tt.want)
			}
			if text, err := os.ReadFile(image); err != nil || string(text) != "what was there" {
				t.Errorf("the image holds %.20q, %v", text, err)
			}
			if names, err := os.ReadDir(out); err != nil || len(names) != 1 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		})
	}
}

func TestImageReplacesAFile(t *testing.T) {
	out := t.TempDir()
	real := put(t, out, "sub/real", "old")
	check(t, os.Chmod(real, 0o640))
	o := Defaults()
	o.Image, o.Dirs = filepath.Join(out, "link"), []string{sample(t)}
	check(t, os.Symlink("sub/real", o.Image))
	_, err := Run(t.Context(), o)
	check(t, err)
	findings(t, real)
	fi, err := os.Stat(real)
	check(t, err)
	if fi.Mode() != 0o640 {
		t.Errorf("mode %v", fi.Mode())
	}
	if to, err := os.Readlink(o.Image); to != "sub/real" {
		t.Errorf("the link says %q, %v", to, err)
	}
	if names, err := os.ReadDir(filepath.Dir(real)); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestImageIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	check(t, unix.Mkfifo(fifo, 0o600))
	check(t, os.Symlink("nothing", link))
	for name, want := range map[string]string{
		fifo: "want a file or a disk", dir: "want a file or a disk", link: "it is a link to a file that is not there: remove it",
		"/dev/full": "no space left on device",
	} {
		o := Defaults()
		o.Image, o.Dirs = name, []string{sample(t)}
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v; want %s", name, err, want)
		}
	}
}

// TestSize: the image has the size that was asked for, whatever the file
// system can use of it.
func TestSize(t *testing.T) {
	dir := sample(t)
	for _, size := range []int64{4 << 20, 4<<20 + 1, 37_000_123} {
		for _, version := range []int{1, 2} {
			o := Defaults()
			o.FS.Version, o.FS.Size = version, size
			o.Image, o.Dirs = filepath.Join(t.TempDir(), "image"), []string{dir}
			r, err := Run(t.Context(), o)
			check(t, err)
			fi, err := os.Stat(o.Image)
			check(t, err)
			if fi.Size() != size || r.Size != size {
				t.Errorf("version %d: the image has %d bytes, and it says %d; want %d", version, fi.Size(), r.Size, size)
			}
			findings(t, o.Image)
		}
	}
}

func TestOffsetKeepsWhatIsAround(t *testing.T) {
	const offset, behind = 64 << 10, 5 << 20
	before, after := bytes.Repeat([]byte("boot"), offset/4), bytes.Repeat([]byte("next"), behind/4)
	for _, tt := range []struct {
		name        string
		old         []byte
		first, last []byte
	}{
		{"no file", nil, make([]byte, offset), nil},
		{"a short file", before[:100], append(slices.Clone(before[:100]), make([]byte, offset-100)...), nil},
		{"a long file", slices.Concat(before, after), before, after},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			o.Image, o.Dirs, o.Offset = filepath.Join(t.TempDir(), "image"), []string{sample(t)}, offset
			if tt.old != nil {
				check(t, os.WriteFile(o.Image, tt.old, 0o600))
			}
			r, err := Run(t.Context(), o)
			check(t, err)
			got, err := os.ReadFile(o.Image)
			check(t, err)
			if !bytes.Equal(got[:offset], tt.first) {
				t.Error("what is before it changed")
			}
			if end := offset + r.Size; tt.last != nil && !bytes.Equal(got[end:], tt.last[r.Size:]) {
				t.Error("what is behind it changed")
			} else if tt.last == nil && int64(len(got)) != end {
				t.Errorf("%d bytes; want %d", len(got), end)
			}
			if lines := list(t, open(t, o.Image, offset)); len(lines) != r.Files {
				t.Errorf("%d files; want %d", len(lines), r.Files)
			}
		})
	}
}

// TestWriteDisk writes over what is on a disk, for which a file stands in:
// what the file system leaves out must be zeros there too.
func TestWriteDisk(t *testing.T) {
	dir := sample(t)
	tr, err := readDirs([]string{dir}, false)
	check(t, err)
	o := Defaults()
	all := tr.entries()
	layout, err := ffs.Plan(all, o.planned(all))
	check(t, err)
	const offset = 1 << 20
	disk := filepath.Join(t.TempDir(), "disk")
	check(t, os.WriteFile(disk, bytes.Repeat([]byte{0xff}, offset+int(layout.Size())+512), 0o600))
	w := image{layout: layout, offset: offset, size: layout.Size()}
	check(t, w.writeDisk(t.Context(), disk))
	if diff := cmp.Diff(made(t, o, dir), list(t, open(t, disk, offset))); diff != "" {
		t.Errorf("files (-file +disk):\n%s", diff)
	}
	text, err := os.ReadFile(disk)
	check(t, err)
	if n := bytes.Count(text[:offset], []byte{0xff}) + bytes.Count(text[offset+layout.Size():], []byte{0xff}); n != offset+512 {
		t.Errorf("%d bytes around it are as they were; want %d", n, offset+512)
	}
	w.offset += 1024
	if err := w.writeDisk(t.Context(), disk); err == nil || !strings.Contains(err.Error(), "the disk has") {
		t.Errorf("a disk that is too small: %v", err)
	}
}

// TestAsMakefs makes the same image as makefs(8), as our reader sees them.
func TestAsMakefs(t *testing.T) {
	makefs, err := exec.LookPath("makefs")
	if err != nil {
		makefs = "/usr/sbin/makefs"
	}
	if _, err := os.Stat(makefs); err != nil {
		t.Skip("makefs is not installed")
	}
	dir := sample(t)
	spec, users := writeSpec(t, withoutOurs(everything))
	for _, tt := range []struct {
		name string
		args []string
		set  func(*Options)
	}{
		{"a folder", nil, func(*Options) {}},
		{"version 2", []string{"-o", "version=2,bsize=16384,fsize=2048"}, func(o *Options) { check(t, o.SetFS("version=2,bsize=16k,fsize=2k")) }},
		{"a specification", []string{"-F", spec, "-N", users}, func(o *Options) { o.Spec, o.Users = spec, users }},
		{"only what it names", []string{"-x", "-F", spec, "-N", users, "-B", "be"}, func(o *Options) {
			o.Spec, o.Users, o.OnlySpec = spec, users, true
			o.FS.Order, err = ParseOrder("be")
			check(t, err)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs := filepath.Join(t.TempDir(), "image")
			args := append(slices.Clone(tt.args), "-s", "8m", theirs, dir)
			if out, err := exec.CommandContext(t.Context(), makefs, args...).CombinedOutput(); err != nil {
				t.Fatalf("makefs: %v: %s", err, out)
			}
			o := Defaults()
			tt.set(&o)
			// On Linux makefs knows neither nanoseconds nor flags.
			lost := regexp.MustCompile(`\.\d{9}| flags=0x\d+`)
			want := lost.ReplaceAllString(strings.Join(list(t, open(t, theirs, 0)), "\n"), "")
			got := lost.ReplaceAllString(strings.Join(made(t, o, dir), "\n"), "")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("files (-makefs +ours):\n%s", diff)
			}
		})
	}
}

// withoutOurs leaves out of a specification what Debian's makefs can't do.
func withoutOurs(spec string) string {
	var b strings.Builder
	for line := range strings.Lines(spec) {
		if !strings.Contains(line, "contents=") && !strings.Contains(line, "zeros") && !strings.Contains(line, "type=socket") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestSpecErrorsAreOfMtree(t *testing.T) {
	o := Defaults()
	o.Image, o.Dirs = filepath.Join(t.TempDir(), "image"), []string{sample(t)}
	o.Spec, _ = writeSpec(t, ". type=dir\nx type=dir\n")
	_, err := Run(t.Context(), o)
	if at, ok := errors.AsType[*mtree.Error](err); !ok || at.Line != 2 {
		t.Errorf("error %v", err)
	}
}

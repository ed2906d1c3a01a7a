package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/partition"
)

func diskFile(path string, mode fs.FileMode, text string) ffs.Entry {
	return ffs.Entry{
		Path: path, Mode: mode, Size: int64(len(text)), ModTime: time.Unix(1_000_000_000, 5),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
}

// diskEntries is a small tree with one name that would turn a terminal red.
func diskEntries() []ffs.Entry {
	link := diskFile("/etc/link", fs.ModeSymlink|0o777, "")
	link.Target = "\x1b[31mred"
	null := diskFile("/null", fs.ModeDevice|fs.ModeCharDevice|0o666, "")
	null.Major, null.Minor = 2, 300
	owned := diskFile("/su", 0o755|fs.ModeSetuid, "program")
	owned.UID, owned.GID = 10, 1000
	return []ffs.Entry{
		diskFile("/", fs.ModeDir|0o755, ""), diskFile("/etc", fs.ModeDir|0o755, ""),
		diskFile("/etc/\x1b[31mred", 0o600, "x"), diskFile("/etc/rc.conf", 0o644, "sshd=YES\n"), link,
		null, owned,
		{Path: "/su2", Hardlink: "/su"},
	}
}

// diskImage writes entries to a file, in a partition where the scheme has one.
func diskImage(t *testing.T, entries []ffs.Entry, scheme partition.Scheme) string {
	t.Helper()
	layout, err := ffs.Plan(entries, ffs.Options{BlockSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	around := partition.Single{Scheme: scheme, Size: layout.Size(), Name: "root\x1b"[:4]}
	if err := layout.Write(context.Background(), f, around.Offset()); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(around.DiskSize()); err != nil {
		t.Fatal(err)
	}
	if err := around.Write(f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// command runs the command line as a user would.
func command(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = Main(context.Background(), args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

func TestDiskVerbs(t *testing.T) {
	img := diskImage(t, diskEntries(), partition.Bare)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"ls", img}, "etc\nnull\nsu\nsu2\n"},
		{[]string{"ls", "-l", img, "/"}, `
drwxr-xr-x  2  0   0     512     2001-09-09 01:46:40  etc
crw-rw-rw-  1  0   0     2, 300  2001-09-09 01:46:40  null
-rwsr-xr-x  2  10  1000  7       2001-09-09 01:46:40  su
-rwsr-xr-x  2  10  1000  7       2001-09-09 01:46:40  su2
`[1:]},
		{[]string{"ls", "-R", img}, "/:\netc\nnull\nsu\nsu2\n\n/etc:\n" + `"\x1b[31mred"` + "\nlink\nrc.conf\n"},
		{[]string{"ls", img, "etc/rc.conf"}, "/etc/rc.conf\n"},
		{[]string{"ls", "-l", img, "/etc/../null"}, "crw-rw-rw-  1  0  0  2, 300  2001-09-09 01:46:40  /null\n"},
		{[]string{"tree", img}, `
/
├── etc
│   ├── "\x1b[31mred"
│   ├── link -> "\x1b[31mred"
│   └── rc.conf
├── null
├── su
└── su2

1 folder, 6 files
`[1:]},
		{[]string{"tree", "--depth", "1", img}, "/\n├── etc\n├── null\n├── su\n└── su2\n\n1 folder, 3 files\n"},
		{[]string{"cat", img, "/etc/rc.conf", "su2"}, "sshd=YES\nprogram"},
		{[]string{"cat", img, "/etc/link"}, "x"},
		{[]string{"diff", img, img}, ""},
	} {
		t.Run(strings.Join(slices.DeleteFunc(slices.Clone(test.args), func(s string) bool { return s == img }), " "), func(t *testing.T) {
			out, errs, code := command(append([]string{"disk"}, test.args...)...)
			if code != exitOK || errs != "" {
				t.Errorf("exit code %d: %s", code, errs)
			}
			if diff := cmp.Diff(test.want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiskLsJSON(t *testing.T) {
	entries := append(diskEntries(), diskFile("/latin \xe9", 0o644, ""))
	out, errs, code := command("disk", "ls", "--json", diskImage(t, entries, partition.Bare))
	if code != exitOK {
		t.Fatal(errs)
	}
	var all []listed
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	want := listed{
		Path: "/latin \ufffd", Bytes: []byte("/latin \xe9"), Type: "file", Mode: "0644", Inode: all[1].Inode, Links: 1,
		ModTime: "2001-09-09T01:46:40.000000005Z",
	}
	if diff := cmp.Diff(want, all[1], cmp.AllowUnexported(listed{})); diff != "" {
		t.Error(diff)
	}
}

func TestDiskErrors(t *testing.T) {
	img := diskImage(t, diskEntries(), partition.Bare)
	ext4 := make([]byte, 4096)
	copy(ext4[1080:], "\x53\xef")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no such file", []string{"ls", "/nowhere/disk"}, exitFailed, "open disk /nowhere/disk: no such file"},
		{"a folder", []string{"ls", t.TempDir()}, exitFailed, "it is a folder"},
		{"a FIFO", []string{"ls", fifo}, exitFailed, "it is a fifo"},
		{"a FIFO, checked", []string{"check", fifo}, exitFailed, "it is a fifo"},
		{"over a FIFO", []string{"cp", img, "/su", fifo}, exitFailed, "it is a fifo"},
		{"no such path", []string{"ls", img, "/nowhere"}, exitFailed, "nowhere: file does not exist"},
		{"ext4", []string{"ls", writeTemp(t, ext4)}, exitFailed, "it is an ext4"},
		{"ext4, checked", []string{"check", writeTemp(t, ext4)}, exitFailed, "it is an ext4"},
		{"qcow2", []string{"ls", writeTemp(t, []byte("QFI\xfb"+strings.Repeat("\x00", 4096)))}, exitFailed, "qemu-img convert"},
		{"nothing", []string{"ls", writeTemp(t, make([]byte, 1<<20))}, exitFailed, "no FFS superblock"},
		{"no such partition", []string{"ls", "--partition", "b", img}, exitFailed, `no partition "b"`},
		{"cat of a folder", []string{"cat", img, "/etc"}, exitFailed, "is a dir"},
		{"cat of a device", []string{"cat", img, "/null"}, exitFailed, "is a char"},
		{"an escape in a path", []string{"cat", img, "/\x1b[31m"}, exitFailed, `\x1b[31m: file does not exist`},
		{"no path for cat", []string{"cat", img}, exitUsage, "needs a disk and a path"},
		{"no destination", []string{"cp", img, "/etc"}, exitUsage, "where to copy to"},
		{"too many paths", []string{"ls", img, "a", "b"}, exitUsage, "takes a path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, errs, code := command(append([]string{"disk"}, test.args...)...)
			if code != test.code || out != "" || !strings.Contains(errs, test.want) || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "\x1b") {
				t.Errorf("exit code %d, %q, %q; want %d and one line with %q", code, out, errs, test.code, test.want)
			}
		})
	}
}

func writeTemp(t *testing.T, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDiskPartitions(t *testing.T) {
	for _, scheme := range []partition.Scheme{partition.Bare, partition.Disklabel, partition.GPT} {
		img := diskImage(t, diskEntries(), scheme)
		for _, args := range [][]string{{"ls", img, "/etc"}, {"check", img}} {
			if out, errs, code := command(append([]string{"disk"}, args...)...); code != exitOK || out == "" {
				t.Errorf("%s, %s: exit code %d, %s%s", scheme, args[0], code, out, errs)
			}
		}
	}
	out, errs, code := command("disk", "cat", "--partition", "root", diskImage(t, diskEntries(), partition.GPT), "/su")
	if code != exitOK || out != "program" {
		t.Errorf("by name: exit code %d, %q, %s", code, out, errs)
	}
	several := twoPartitions(t, diskImage(t, diskEntries(), partition.Bare))
	if out, errs, code := command("disk", "cat", "--partition", "2", several, "/su"); code != exitOK || out != "program" {
		t.Errorf("by number: exit code %d, %q, %s", code, out, errs)
	}
	if _, errs, code := command("disk", "ls", several); code != exitFailed || !strings.Contains(errs, "name one of: 1 (msdos), 2 (ext2fs)") {
		t.Errorf("without a name: exit code %d, %s", code, errs)
	}
}

// twoPartitions puts the file system in the second partition of an MBR.
func twoPartitions(t *testing.T, bare string) string {
	t.Helper()
	system, err := os.ReadFile(bare)
	if err != nil {
		t.Fatal(err)
	}
	disk := make([]byte, 1<<20, 1<<20+len(system))
	disk = append(disk, system...)
	for n, p := range []struct {
		kind         byte
		start, count int
	}{{0x06, 64, 64}, {0x83, 2048, len(system) / 512}} {
		e := disk[446+16*n:]
		e[4] = p.kind
		binary.LittleEndian.PutUint32(e[8:], uint32(p.start))
		binary.LittleEndian.PutUint32(e[12:], uint32(p.count))
	}
	disk[510], disk[511] = 0x55, 0xaa
	return writeTemp(t, disk)
}

func TestDiskDiff(t *testing.T) {
	first := diskImage(t, diskEntries(), partition.Bare)
	changed := diskEntries()
	changed[3] = diskFile("/etc/rc.conf", 0o600, "sshd=NO!\n")
	changed[4].Target = "elsewhere"
	changed[5].Minor = 2
	changed[6].Flags = 2
	changed[6].ModTime = time.Unix(1_000_000_001, 0)
	changed = append(slices.Delete(changed, 7, 8), diskFile("/etc/new\n", 0o644, ""), diskFile("/su2", 0o644, ""))
	second := diskImage(t, slices.Delete(changed, 2, 3), partition.GPT)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{first, second}, `
- "/etc/\x1b[31mred"
! /etc/link: target "\x1b[31mred" -> elsewhere
+ "/etc/new\n"
! /etc/rc.conf: mode 0644 -> 0600, contents
! /null: device 2,300 -> 2,2
! /su: flags 0x0 -> 0x2, time 2001-09-09T01:46:40.000000005Z -> 2001-09-09T01:46:41Z
! /su2: hard link /su -> none
`[1:]},
		{[]string{"--no-times", first, second, "su"}, "! /su: flags 0x0 -> 0x2\n"},
	} {
		out, errs, code := command(append([]string{"disk", "diff"}, test.args...)...)
		if code != exitFailed || errs != "" {
			t.Errorf("exit code %d, %q; want 1 and nothing to say", code, errs)
		}
		if diff := cmp.Diff(test.want, out); diff != "" {
			t.Error(diff)
		}
	}
	out, _, _ := command("disk", "diff", "--json", first, second, "/etc/rc.conf")
	var all []difference
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	want := []difference{{"changed", "/etc/rc.conf", []string{"mode 0644 -> 0600", "contents"}}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

func TestDiskCp(t *testing.T) {
	entries := diskEntries()
	for n := range entries {
		entries[n].UID, entries[n].GID = uint32(os.Geteuid()), uint32(os.Getegid())
	}
	img := diskImage(t, slices.DeleteFunc(entries, func(e ffs.Entry) bool { return e.Path == "/null" }), partition.Bare)
	for _, test := range []struct {
		name string
		args []string // the last is below a folder that has a folder "there" and a file "file"
		want []string // what is new below it, or one part of the error
		fail bool
	}{
		{"file into a folder", []string{"/etc/rc.conf", "there"}, []string{"there/rc.conf"}, false},
		{"file by another name", []string{"etc/rc.conf", "new"}, []string{"new"}, false},
		{"file over a file", []string{"/su", "file"}, nil, false},
		{"folder into a folder", []string{"/etc", "there"}, []string{"there/etc", "there/etc/\x1b[31mred", "there/etc/link", "there/etc/rc.conf"}, false},
		{"folder by another name", []string{"/etc", "new"}, []string{"new", "new/\x1b[31mred", "new/link", "new/rc.conf"}, false},
		{"root", []string{"/", "new"}, []string{"new", "new/etc", "new/etc/\x1b[31mred", "new/etc/link", "new/etc/rc.conf", "new/su", "new/su2"}, false},
		{"several", []string{"/su", "/etc/rc.conf", "there"}, []string{"there/rc.conf", "there/su"}, false},
		{"several to a name", []string{"/su", "/etc", "new"}, []string{"there is no such folder"}, true},
		{"folder over a file", []string{"/etc", "file"}, []string{"it is no folder"}, true},
		{"file to a folder that is missing", []string{"/su", "new/"}, []string{"there is no such folder"}, true},
		{"what is missing", []string{"/nowhere", "there"}, []string{"file does not exist"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			args := slices.Clone(test.args)
			args[len(args)-1] = dir + "/" + args[len(args)-1]
			out, errs, code := command(append([]string{"disk", "cp", img}, args...)...)
			if out != "" || (code != exitOK) != test.fail {
				t.Errorf("exit code %d, %q, %q", code, out, errs)
			}
			if test.fail {
				if !strings.Contains(errs, test.want[0]) {
					t.Errorf("%q; want %q", errs, test.want[0])
				}
				return
			}
			if diff := cmp.Diff(append([]string{}, test.want...), newFiles(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// newFiles lists what is below dir but for "there" and "file".
func newFiles(t *testing.T, dir string) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		if rel != "." && rel != "there" && rel != "file" {
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestDiskCheck changes a link count.
func TestDiskCheck(t *testing.T) {
	img := diskImage(t, diskEntries(), partition.Bare)
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	system, err := ffs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	s := system.Superblock()
	const links, inodeSize = 2, 256 // root's, the third inode
	at := int64(s.InodesAt)<<s.FragmentShift + 2*inodeSize + links
	if _, err := f.WriteAt([]byte{9, 0}, at); err != nil {
		t.Fatal(err)
	}
	out, errs, code := command("disk", "check", img)
	if code != exitFailed || !strings.Contains(out, "inode 2") || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	out, _, code = command("disk", "check", "--json", img)
	var all []diskFinding
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != exitFailed || len(all) != 1 || all[0].Where == "" {
		t.Errorf("exit code %d, %v, %v", code, all, err)
	}
}

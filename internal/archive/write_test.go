package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// every has an entry of each type, and what is hard to say in tar.
func every(t testing.TB) []tree.Entry {
	t.Helper()
	long := "/" + strings.Repeat("folder-of-a-long-name/", 12) + "x"
	file := tree.NewFile("/bin/sh", 0o4755, []byte("program"), t0.Add(123456789), "package sh 1")
	file.UID, file.GID = 4294967295, 2097152
	file.Xattrs = map[string][]byte{"security.capability": []byte("\x01\x00\n=\xff"), "user.\u00e9 mpty": {}}
	return []tree.Entry{
		{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0},
		{Path: "/bin", Type: tree.Dir, Mode: 0o1777, ModTime: t0, Xattrs: map[string][]byte{"user.dir": []byte("d")}},
		{Path: "/bin/ash", Type: tree.Hardlink, Link: "/bin/sh", Mode: 0o4755, ModTime: t0, Why: "ship.conf:5"},
		file,
		{Path: "/bin/zsh", Type: tree.Hardlink, Link: "/bin/sh", ModTime: t0},
		{Path: "/dev/null", Type: tree.Char, Mode: 0o666, Major: 2, Minor: 2, ModTime: t0},
		{Path: "/dev/far", Type: tree.Block, Major: 4294967295, Minor: 1 << 21, ModTime: t0},
		{Path: "/fifo", Type: tree.FIFO, ModTime: t0},
		{Path: "/link", Type: tree.Symlink, Mode: 0o777, Link: "../" + strings.Repeat("target/", 30), ModTime: t0},
		tree.NewFile(long, 0o644, bytes.Repeat([]byte("y"), 1000), time.Unix(-1, 5).UTC(), ""),
		tree.NewFile("/naïve \u00ff\t'\"", 0o600, nil, t0, "package naïve 1"),
		tree.NewFile("/\xff\xfe", 0o600, nil, t0, ""),
		{Path: "/socket", Type: tree.Socket, Mode: 0o755, ModTime: t0, Why: "overlay x"},
	}
}

// read returns an archive's entries with their bytes.
func read(t testing.TB, b []byte) []tree.Entry {
	t.Helper()
	var got []tree.Entry
	err := ReadTar(t.Context(), bytes.NewReader(b), Limits{}, func(e tree.Entry, body io.Reader) error {
		data, err := io.ReadAll(body)
		if e.Type == tree.File {
			e.Digest, e.Content.Data = fmt.Sprintf("sha256:%x", sha256.Sum256(data)), data
		}
		got = append(got, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWriteTarRoundTrip(t *testing.T) {
	entries := every(t)
	var b, again bytes.Buffer
	if err := WriteTar(t.Context(), &b, entries); err != nil {
		t.Fatal(err)
	}
	want := every(t)
	want[2], want[3] = want[3], want[2] // a file before its other names
	got := read(t, b.Bytes())
	byEmpty := cmp.Transformer("empty", func(c tree.Content) string { return string(c.Data) })
	if diff := cmp.Diff(want, got, byEmpty); diff != "" {
		t.Error(diff)
	}
	if err := WriteTar(t.Context(), &again, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("what was read is written otherwise")
	}
}

// TestWriteTarForTar has tar(1) list what was written.
func TestWriteTarForTar(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar on this host")
	}
	var b bytes.Buffer
	entries := []tree.Entry{
		{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0},
		{Path: "/a", Type: tree.Hardlink, Link: "/bin/sh", Mode: 0o755, ModTime: t0},
		{Path: "/bin", Type: tree.Dir, Mode: 0o1755, ModTime: t0},
		tree.NewFile("/bin/sh", 0o4755, []byte("program"), t0.Add(5e8), "package sh 1"),
		{Path: "/dev/wd0a", Type: tree.Block, Mode: 0o640, UID: 3000000, GID: 5, Major: 3, Minor: 2, ModTime: t0},
		{Path: "/fifo", Type: tree.FIFO, Mode: 0o600, ModTime: t0},
		{Path: "/link", Type: tree.Symlink, Mode: 0o777, Link: "bin/sh", ModTime: t0},
		tree.NewFile("/"+strings.Repeat("long/", 60)+"x", 0o644, nil, t0, ""),
	}
	if err := WriteTar(t.Context(), &b, entries); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-tvf", "-", "--numeric-owner", "--utc", "--full-time")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("this host's tar does not take these options: %v: %s", err, out)
	}
	var got []string
	for l := range strings.Lines(string(out)) {
		if !strings.Contains(l, "unknown extended header keyword") { // our record
			got = append(got, strings.Join(strings.Fields(l), " "))
		}
	}
	want := []string{
		"drwxr-xr-x 0/0 0 2023-11-14 22:13:20 ./",
		"drwxr-xr-t 0/0 0 2023-11-14 22:13:20 bin/",
		"-rwsr-xr-x 0/0 7 2023-11-14 22:13:20.5 bin/sh",
		"hrwxr-xr-x 0/0 0 2023-11-14 22:13:20 a link to bin/sh",
		"brw-r----- 3000000/5 3,2 2023-11-14 22:13:20 dev/wd0a",
		"prw------- 0/0 0 2023-11-14 22:13:20 fifo",
		"lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 link -> bin/sh",
		"-rw-r--r-- 0/0 0 2023-11-14 22:13:20 " + strings.Repeat("long/", 60) + "x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestReadTarOfTar reads what tar(1) writes, in each of its formats.
func TestReadTarOfTar(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar on this host")
	}
	dir := t.TempDir()
	long := strings.Repeat("long/", 30) + "x"
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(long)), 0o755); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, long), []byte("text"), 0o640),
		os.Link(filepath.Join(dir, long), filepath.Join(dir, "second")),
		os.Symlink("second", filepath.Join(dir, "link")),
		os.WriteFile(filepath.Join(dir, "holes"), nil, 0o600),
		os.Truncate(filepath.Join(dir, "holes"), 1<<20),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"gnu", "posix", "ustar", "oldgnu", "v7"} {
		t.Run(format, func(t *testing.T) {
			names := []string{"holes", "link", long, "second"}
			if format == "v7" { // no more than a hundred bytes of a name
				names = []string{"holes", "link", "second"}
			}
			args := append([]string{"-c", "-S", "--format=" + format, "--owner=root:0", "--group=tty:5", "-C", dir}, names...)
			if format == "ustar" || format == "v7" { // these have no holes
				args = append(args[:1], args[2:]...)
			}
			b, err := exec.Command(program, args...).Output()
			if err != nil {
				t.Skipf("this host's tar does not write %s: %v", format, err)
			}
			want := []string{"/holes file 0600 0:5", "/link link 0777 0:5 -> second", "/second file 0640 0:5"}
			if format != "v7" {
				want = append(want[:2], "/"+long+" file 0640 0:5", "/second hardlink 0640 0:5 -> /"+long)
			}
			got, err := list(b, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteTarErrors(t *testing.T) {
	host := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(host, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := tree.NewFile("/x", 0o644, []byte("content"), t0, "")
	changed.Content = tree.Content{Host: host}
	gone := changed
	gone.Content.Host += "-gone"
	for _, tt := range []struct {
		name string
		e    tree.Entry
		want string
	}{
		{"changed", changed, "write /x to the archive: " + host + " has changed"},
		{"gone", gone, "write /x to the archive: open /x: "},
		{"type", tree.Entry{Path: "/x", Type: "odd"}, `it is of the type "odd"`},
		{"attribute", tree.Entry{Path: "/x", Type: tree.Dir, Xattrs: map[string][]byte{"user.a=b": nil}}, `the extended attribute "user.a=b" of 0 bytes can't be in an archive`},
		{"path", tree.Entry{Path: "x", Type: tree.Dir}, "its path is not absolute"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := WriteTar(t.Context(), io.Discard, []tree.Entry{tt.e})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("WriteTar = %v; want %q", err, tt.want)
			}
		})
	}
}

// TestWriteTarOfALayer has links whose file is not among the entries.
func TestWriteTarOfALayer(t *testing.T) {
	entries := []tree.Entry{{Path: "/a", Type: tree.Hardlink, Link: "/below", ModTime: t0}, {Path: "/b", Type: tree.Dir, ModTime: t0}}
	var b bytes.Buffer
	if err := WriteTar(t.Context(), &b, entries); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries, read(t, b.Bytes())); diff != "" {
		t.Error(diff)
	}
}

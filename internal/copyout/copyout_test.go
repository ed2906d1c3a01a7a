package copyout

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/ffs"
)

// content opens a text as Entries' files are opened.
type content struct{ *strings.Reader }

func (content) Close() error { return nil }

func file(path, text string) ffs.Entry {
	return ffs.Entry{
		Path: path, Mode: 0o640, Size: int64(len(text)), ModTime: when,
		UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
		Open: func() (io.ReadCloser, error) { return content{strings.NewReader(text)}, nil },
	}
}

func folderAt(path string) ffs.Entry {
	e := file(path, "")
	e.Mode = fs.ModeDir | 0o755
	return e
}

func link(path, target string) ffs.Entry {
	e := file(path, "")
	e.Mode, e.Target = fs.ModeSymlink|0o777, target
	return e
}

var when = time.Unix(1_000_000_000, 123_456_789)

func walk(entries ...ffs.Entry) iter.Seq2[ffs.Entry, error] {
	return func(yield func(ffs.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// copyTo copies entries to a new folder beside which nothing may be made.
func copyTo(t *testing.T, dest string, o Options, entries ...ffs.Entry) (Result, error) {
	t.Helper()
	root, err := os.OpenRoot(dest)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return Copy(context.Background(), root, ".", "/", walk(entries...), o)
}

// lines describes a folder's files, and what they hold.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		fi, err := d.Info()
		if err != nil {
			return err
		}
		line := rel + " " + fi.Mode().String()
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += " " + string(b)
		case fi.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			line += " " + target
		}
		if !fi.ModTime().Equal(when) {
			line += " " + fi.ModTime().String()
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCopy(t *testing.T) {
	dest := t.TempDir()
	sealed := folderAt("/sealed")
	sealed.Mode = fs.ModeDir | 0o500
	setuid := file("/sealed/su", "program")
	setuid.Mode = 0o755 | fs.ModeSetuid
	fifo := file("/fifo", "")
	fifo.Mode = fs.ModeNamedPipe | 0o600
	got, err := copyTo(t, dest, Options{},
		folderAt("/"), folderAt("/dir"), file("/dir/file", "text"), file("/empty", ""), fifo,
		ffs.Entry{Path: "/hard", Hardlink: "/dir/file"}, link("/link", "/nowhere/../x"), sealed, setuid)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dest, "sealed"), 0o700) })
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Files: 6, Folders: 3, Bytes: 11, Devices: got.Devices}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all := []string{
		"dir drwxr-xr-x", "dir/file -rw-r----- text", "empty -rw-r----- ", "fifo prw-------", "hard -rw-r----- text",
		"link Lrwxrwxrwx /nowhere/../x", "sealed dr-x------", "sealed/su urwxr-xr-x program",
	}
	if got.Devices > 0 { // a host without FIFOs
		all = slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, "fifo") })
	}
	if diff := cmp.Diff(all, lines(t, dest)); diff != "" {
		t.Error(diff)
	}
}

// TestCopyStaysInside copies entries that no sound image has, over links that
// lead outside.
func TestCopyStaysInside(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  func(dest string) error
		entries []ffs.Entry
	}{
		{"path upwards", nil, []ffs.Entry{file("/../secret", "x")}},
		{"path upwards in a folder", nil, []ffs.Entry{folderAt("/a"), file("/a/../../secret", "x")}},
		{"file below a link", nil, []ffs.Entry{link("/a", ".."), file("/a/secret", "x")}},
		{"folder over a link", nil, []ffs.Entry{link("/a", ".."), folderAt("/a"), file("/a/secret", "x")}},
		{"file over a link", nil, []ffs.Entry{link("/a", "../secret"), file("/a", "x")}},
		{"hard link from outside", nil, []ffs.Entry{{Path: "/a", Hardlink: "/../secret"}}},
		{"over a link of the host", func(dest string) error {
			return os.Symlink("../secret", filepath.Join(dest, "a"))
		}, []ffs.Entry{file("/a", "x")}},
		{"into a link of the host", func(dest string) error {
			return os.Symlink("..", filepath.Join(dest, "a"))
		}, []ffs.Entry{folderAt("/a"), file("/a/secret", "x")}},
		{"times and mode through a link", nil, []ffs.Entry{link("/a", "../secret")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			outside := t.TempDir()
			dest := filepath.Join(outside, "dest")
			if err := errors.Join(os.Mkdir(dest, 0o755), os.WriteFile(filepath.Join(outside, "secret"), []byte("kept"), 0o600)); err != nil {
				t.Fatal(err)
			}
			if test.before != nil {
				if err := test.before(dest); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.Stat(filepath.Join(outside, "secret"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = copyTo(t, dest, Options{Failed: func(error) error { return nil }}, test.entries...)
			after, err := os.Stat(filepath.Join(outside, "secret"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(outside, "secret"))
			if err != nil || string(text) != "kept" || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("the file outside is changed: %q, %v, %v", text, after, err)
			}
			if links := after.Sys().(*syscall.Stat_t).Nlink; links != 1 {
				t.Errorf("the file outside has %d links", links)
			}
			names, err := os.ReadDir(outside)
			if err != nil || len(names) != 2 {
				t.Errorf("there is %v outside, %v", names, err)
			}
		})
	}
}

// TestCopyAroundALink copies a folder over a link of the host's: what would be
// in it does not go where the link leads, and no link is made from there.
func TestCopyAroundALink(t *testing.T) {
	dest := t.TempDir()
	kept := filepath.Join(dest, "kept")
	if err := errors.Join(os.Mkdir(kept, 0o755), os.WriteFile(filepath.Join(kept, "x"), []byte("mine"), 0o600), os.Symlink("kept", filepath.Join(dest, "a"))); err != nil {
		t.Fatal(err)
	}
	var told []string
	got, err := copyTo(t, dest, Options{Failed: func(err error) error {
		told = append(told, err.Error())
		return nil
	}}, folderAt("/"), folderAt("/a"), folderAt("/a/b"), file("/a/x", "theirs"), file("/a/y", "theirs"), ffs.Entry{Path: "/hard", Hardlink: "/a/x"}, file("/z", "z"))
	if err != nil || got.Files != 1 || got.Failed != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	want := []string{
		"copy /a: " + filepath.Join(dest, "a") + " is in the way: it is no folder",
		"copy /hard: its other name /a/x was not copied",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	names, err := os.ReadDir(kept)
	text, readErr := os.ReadFile(filepath.Join(kept, "x"))
	if err != nil || readErr != nil || len(names) != 1 || string(text) != "mine" {
		t.Errorf("what the link leads to is changed: %v, %q, %v, %v", names, text, err, readErr)
	}
	if _, err := os.Lstat(filepath.Join(dest, "hard")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the host's own file has another name: %v", err)
	}
}

func TestCopyKeepsHoles(t *testing.T) {
	dest := t.TempDir()
	const size = 1 << 30
	e := file("/sparse", "")
	e.Size, e.Data = size, []ffs.Range{{Off: 1 << 20, Len: 4}}
	e.Open = func() (io.ReadCloser, error) {
		return content{strings.NewReader(strings.Repeat("\x00", 1<<20) + "data")}, nil
	}
	if _, err := copyTo(t, dest, Options{}, folderAt("/"), e); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(dest, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if blocks := fi.Sys().(*syscall.Stat_t).Blocks; fi.Size() != size || blocks > 2048 {
		t.Errorf("size %d in %d blocks of 512 bytes", fi.Size(), blocks)
	}
}

func TestCopyTellsWhatFails(t *testing.T) {
	dest := t.TempDir()
	if err := os.Mkdir(filepath.Join(dest, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	bad := file("/bad", "text")
	bad.Open = func() (io.ReadCloser, error) { return nil, errors.New("no such block") }
	entries := []ffs.Entry{folderAt("/"), bad, file("/full", "x"), file("/good", "x")}
	var told []string
	got, err := copyTo(t, dest, Options{Failed: func(err error) error {
		told = append(told, err.Error())
		return nil
	}}, entries...)
	if err != nil || got.Failed != 2 || got.Files != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	want := []string{"copy /bad: no such block", "copy /full: " + filepath.Join(dest, "full") + " is in the way: it is a folder"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Lstat(filepath.Join(dest, "bad")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what failed is left behind: %v", err)
	}
	if _, err := copyTo(t, dest, Options{}, entries...); err == nil {
		t.Error("without a Failed function: no error")
	}
}

// TestCopyOwners is about users who aren't root.
func TestCopyOwners(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root keeps owners")
	}
	dest := t.TempDir()
	e := file("/su", "x")
	e.UID, e.Mode = 4711, 0o755|fs.ModeSetuid
	device := file("/null", "")
	device.Mode, device.Major, device.Minor = fs.ModeDevice|fs.ModeCharDevice|0o666, 2, 2
	got, err := copyTo(t, dest, Options{}, folderAt("/"), device, e)
	if err != nil || got.Owners != 1 || got.Devices != 1 {
		t.Errorf("got %+v, %v; want an owner and a device that are not kept", got, err)
	}
	if diff := cmp.Diff([]string{"su -rwxr-xr-x x"}, lines(t, dest)); diff != "" {
		t.Error(diff)
	}
}

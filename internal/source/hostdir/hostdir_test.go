package hostdir

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// folder makes a folder with the files named by path and content, and opens it.
func folder(t *testing.T, files map[string]string) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	for p, text := range files {
		p = filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, dir
}

func paths(all []tree.Entry) string {
	var words []string
	for _, e := range all {
		words = append(words, e.Path)
	}
	return strings.Join(words, " ")
}

// TestNothingOutside has links that lead out of the folder.
func TestNothingOutside(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, dir := folder(t, map[string]string{"etc/rc": "#!/bin/sh\n"})
	for name, to := range map[string]string{"abs": outside, "abs-file": outside + "/secret", "up": "../" + filepath.Base(outside), "etc/in": "../etc"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"/abs/secret", "/up/secret", "/abs-file/x", "/etc/in/rc"} {
		if e, err := f.Stat(t.Context(), p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(%s) = %v, %v", p, e, err)
		}
		if e, err := f.Get(t.Context(), []string{p}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%s) = %v, %v", p, e, err)
		}
	}
	all, err := f.Below(t.Context(), "/")
	if want := "/ /abs /abs-file /etc /etc/in /etc/rc /up"; paths(all) != want || err != nil {
		t.Errorf("Below(/): %s, %v; want %s", paths(all), err, want)
	}
	got, err := f.Get(t.Context(), []string{"/abs-file"})
	if err != nil || got[0].Type != tree.Symlink || got[0].Link != outside+"/secret" {
		t.Errorf("Get(/abs-file) = %v, %v", got, err)
	}
	if n, err := f.Needs(t.Context(), "/abs-file"); err != nil || n != (tree.Needs{}) {
		t.Errorf("Needs(/abs-file) = %v, %v", n, err)
	}
}

func TestSpecialFiles(t *testing.T) {
	f, dir := folder(t, map[string]string{"a": ""})
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := f.Below(t.Context(), "/")
	if want := "/ /a /pipe"; paths(all) != want || err != nil {
		t.Errorf("Below(/): %s, %v; want %s", paths(all), err, want)
	}
	if e, err := f.Stat(t.Context(), "/socket"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket is %v, %v", e, err)
	}
	if n, err := f.Needs(t.Context(), "/pipe"); err != nil || n != (tree.Needs{}) {
		t.Errorf("a pipe needs %v, %v", n, err)
	}
}

func TestDevices(t *testing.T) {
	f, err := Open("/dev")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	fi, err := os.Stat("/dev/null")
	if err != nil || fi.Mode().Type() != fs.ModeDevice|fs.ModeCharDevice {
		t.Skip("/dev/null is none")
	}
	got, err := f.Get(t.Context(), []string{"/null"})
	sys := sysOf(fi)
	if err != nil || got[0].Type != tree.Char || got[0].Major != sys.major || got[0].Minor != sys.minor || sys.major+sys.minor == 0 {
		t.Errorf("/dev/null is %v, %v", got, err)
	}
}

// TestOwners: those of the host are the guest's where root made the folder.
func TestOwners(t *testing.T) {
	f, dir := folder(t, map[string]string{"a": "x"})
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(dir, "a"), 7, 8); err != nil {
			t.Fatal(err)
		}
	}
	want := tree.Entry{}
	if os.Getuid() == 0 {
		want.UID, want.GID = 7, 8
	}
	if e, err := f.Stat(t.Context(), "/a"); err != nil || e.UID != want.UID || e.GID != want.GID {
		t.Errorf("the owner is %d:%d, %v; want %d:%d", e.UID, e.GID, err, want.UID, want.GID)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chown(dir, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	other, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if e, err := other.Stat(t.Context(), "/a"); err != nil || e.UID != 0 || e.GID != 0 {
		t.Errorf("in a user's folder the owner is %d:%d, %v", e.UID, e.GID, err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads all")
	}
	f, dir := folder(t, map[string]string{"a": "x", "b/c": "y"})
	for _, p := range []string{"a", "b"} {
		if err := os.Chmod(filepath.Join(dir, p), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(filepath.Join(dir, "b"), 0o755); err != nil {
			t.Error(err)
		}
	})
	_, err1 := f.Get(t.Context(), []string{"/a"})
	_, err2 := f.Below(t.Context(), "/")
	_, err3 := f.Stat(t.Context(), "/b/c")
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestOpenWrong(t *testing.T) {
	_, dir := folder(t, map[string]string{"a": "x"})
	for _, p := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "a")} {
		if _, err := Open(p); err == nil || strings.Count(err.Error(), p) != 1 {
			t.Errorf("Open(%s): %v", p, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	f, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Get(t.Context(), []string{"/a"}); err != nil {
		t.Error(err)
	}
}

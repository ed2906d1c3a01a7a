package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	for _, text := range []string{"first, the longer of the two", "second"} {
		if err := WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("read back %q, %v; want %q", got, err, text)
		}
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; want 0640", fi.Mode(), err)
	}
}

func TestWriteErrorLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	err := Write(path, 0o600, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("error %v; want %v", err, stop)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("read back %q, %v; want the old content", got, err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestWriteIntoNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "state.json")
	if err := WriteFile(path, nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v; want %v", err, fs.ErrNotExist)
	}
}

// TestWriteLeavesOthersFilesAlone: the folder may be any that a user named.
func TestWriteLeavesOthersFilesAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".tmp-notes", Prefix + "1"} {
		makeOld(t, filepath.Join(dir, name))
	}
	if err := WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{Prefix + "1", ".tmp-notes", "x"}
	if diff := cmp.Diff(want, list(t, dir)); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
}

func TestWriteFollowsLinks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there bool
	}{{"to a file", true}, {"to nothing yet", false}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			real := filepath.Join(dir, "sub", "real")
			if err := os.Mkdir(filepath.Dir(real), 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.there {
				if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for name, to := range map[string]string{"a": "b", "b": "sub/real"} {
				if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteFile(filepath.Join(dir, "a"), []byte("new"), 0o600); err != nil {
				t.Fatal(err)
			}
			if fi, err := os.Lstat(real); err != nil || !fi.Mode().IsRegular() {
				t.Errorf("%s: %v, %v", real, fi, err)
			}
			if got, err := os.ReadFile(real); string(got) != "new" {
				t.Errorf("%s holds %q, %v", real, got, err)
			}
			if to, err := os.Readlink(filepath.Join(dir, "a")); to != "b" {
				t.Errorf("the link leads to %q, %v", to, err)
			}
		})
	}
}

func TestWriteRefusesALoopOfLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.Symlink("a", path); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, nil, 0o600); err == nil {
		t.Error("a link to itself was written")
	}
}

func TestWriteGoesThroughWhatIsNoFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(pipe, os.O_RDWR, 0) // both ends: the write doesn't wait
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := WriteFile(pipe, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "text" {
		t.Errorf("the pipe gives %q, %v", got, err)
	}
	if fi, err := os.Lstat(pipe); err != nil || fi.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe became %v, %v", fi, err)
	}
	if err := WriteFile(os.DevNull, []byte("text"), 0o600); err != nil {
		t.Error(err)
	}
}

func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [folder]*?")
	if err := os.MkdirAll(filepath.Join(dir, Prefix+"fresh"), 0o755); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, Prefix+"folder")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	makeOld(t, filepath.Join(full, "x"))
	for _, name := range []string{full, filepath.Join(dir, Prefix+"old"), filepath.Join(dir, ".tmp-mine")} {
		makeOld(t, name)
	}
	if err := Sweep(dir, Prefix, Stale); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{Prefix + "fresh", ".tmp-mine"}, list(t, dir)); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
	if err := Sweep(filepath.Join(dir, "none"), Prefix, Stale); err != nil {
		t.Errorf("a missing folder: %v", err)
	}
	if err := Sweep(dir, "", 0); err == nil {
		t.Error("no prefix means all files: it must be refused")
	}
}

// makeOld makes the file, unless it is there, and gives it the time of two
// sweeps ago.
func makeOld(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * Stale)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/ffs"
)

// runMakefs runs the command alone with args, and returns what it printed, the
// error and the exit code.
func runMakefs(t *testing.T, env map[string]string, args ...string) (string, string, int) {
	t.Helper()
	var out bytes.Buffer
	a := &app{out: &out, err: &out, getenv: func(name string) string { return env[name] }}
	c := newMakefs(a)
	c.SetFlagErrorFunc(newRoot(a).FlagErrorFunc())
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), oneLine(err), exitCode(err)
}

func TestMakefs(t *testing.T) {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(filepath.Join(dir, "-s"), []byte("a file with the name of a flag"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errText, code := runMakefs(t, map[string]string{"SOURCE_DATE_EPOCH": "1000"},
		"-t", "ffs", "-o", "version=2,bsize=16k", "-olabel=root", "-B", "be", "-s2x512k", "-b", "10%", "-b", "1k", "-f", "7", "-Z", "-d", "0x1", image, dir)
	if code != 0 || out != image+": 1048576 bytes, 2 files\n" {
		t.Fatalf("printed %q, error %q, exit code %d", out, errText, code)
	}
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fsys, err := ffs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := fs.Stat(fsys, "-s")
	if err != nil || fi.Size() != 30 || fi.ModTime().Unix() != 1000 {
		t.Errorf("%v, %v", fi, err)
	}
	s := fsys.Superblock()
	if label := string(bytes.TrimRight(s.VolumeName[:], "\x00")); s.BlockSize != 16384 || label != "root" || fsys.ByteOrder().String() != "BigEndian" {
		t.Errorf("blocks of %d, label %q, %v", s.BlockSize, label, fsys.ByteOrder())
	}
}

func TestMakefsErrors(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no arguments", []string{}, exitUsage, "needs an image and a folder"},
		{"no folder", []string{image}, exitUsage, "needs an image and a folder"},
		{"unknown flag", []string{"-q", image, dir}, exitUsage, "unknown shorthand flag: 'q' in -q; see makefs --help"},
		{"bad size", []string{"-s", "4y", image, dir}, exitUsage, `size "4y": want a number of bytes`},
		{"no size", []string{"-s", "0", image, dir}, exitUsage, `size "0": want 1 or more`},
		{"bad percentage", []string{"-f", "100%", image, dir}, exitUsage, `"100%": want 0% to 99%`},
		{"bad option", []string{"-o", "bsiz=8k", image, dir}, exitUsage, `unknown option "bsiz" (did you mean "bsize"?)`},
		{"other file system", []string{"-t", "cd9660", image, dir}, exitUsage, `file system "cd9660": only ffs is made here`},
		{"bad order", []string{"-B", "pdp", image, dir}, exitUsage, `byte order "pdp"`},
		{"bad time", []string{"-T", "never", image, dir}, exitUsage, `time "never": want a file`},
		{"no specification", []string{"-x", image, dir}, exitUsage, "give one with -F"},
		{"links", []string{"-L", image, dir}, exitUsage, "-L is not available"},
		{"missing folder", []string{image, dir + "/none"}, exitFailed, "read " + dir + "/none: no such file or directory"},
		{"missing specification", []string{"-F", dir + "/none", image, dir}, exitFailed, "read the specification: open " + dir + "/none"},
		{"bad block size", []string{"-o", "bsize=5000", image, dir}, exitFailed, "block size"},
		{"too small", []string{"-s", "10k", image, dir}, exitFailed, "more than the size of 10240"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, errText, code := runMakefs(t, nil, tt.args...)
			if code != tt.code || !strings.Contains(errText, tt.want) || strings.Contains(errText, "\n") {
				t.Errorf("error %q, exit code %d; want %q, %d", errText, code, tt.want, tt.code)
			}
			if _, err := os.Lstat(image); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the image is there: %v", err)
			}
		})
	}
}

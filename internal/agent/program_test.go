package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestProgramFor has a cache in a folder whose name is a bad pattern.
func TestProgramFor(t *testing.T) {
	needGo(t)
	dir := filepath.Join(t.TempDir(), "a[*?", "cache")
	first, err := ProgramFor(t.Context(), "netbsd", "i386", dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	files, err := sourceFiles()
	if err != nil {
		t.Fatal(err)
	}
	source := sourceHash(files)
	hexSum := hex.EncodeToString(sum[:])
	want := Program{
		Path:   filepath.Join(dir, "netbsd-386-"+source+"-"+hexSum),
		Source: source,
		Digest: "sha256:" + hexSum,
		Size:   int64(len(data)),
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("program (-want +got):\n%s", diff)
	}
	if fi, err := os.Stat(first.Path); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v: want an executable file", fi, err)
	}
	t.Setenv("PATH", "") // what is there needs no toolchain
	for _, arch := range []string{"i386", "386"} {
		again, err := ProgramFor(t.Context(), "netbsd", arch, dir)
		if err != nil || again != first {
			t.Errorf("the second time %+v, %v; want %+v", again, err, first)
		}
	}
	if p, err := ProgramFor(t.Context(), "linux", "i386", dir); err == nil {
		t.Errorf("linux/i386 gives %+v; want an error", p)
	}
}

func TestCacheKeep(t *testing.T) {
	c := cache{dir: filepath.Join(t.TempDir(), "cache"), target: Targets()[0], source: "new"}
	if p, err := c.find(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("find without a folder = %+v, %v", p, err)
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-programAge - time.Hour)
	for _, name := range []string{"netbsd-386-old-1", "netbsd-amd64-old-2", "netbsd-386-newer-3", "other"} {
		p := filepath.Join(c.dir, name)
		if err := os.WriteFile(p, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if name == "netbsd-386-newer-3" {
			continue
		}
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := c.find(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("find among others = %+v, %v", p, err)
	}
	kept, err := c.keep(t.Context(), []byte("program"))
	if err != nil || kept.Size != 7 {
		t.Fatalf("keep = %+v, %v", kept, err)
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{".lock", filepath.Base(kept.Path), "netbsd-386-newer-3", "netbsd-amd64-old-2", "other"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left in the cache (-want +got):\n%s", diff)
	}
}

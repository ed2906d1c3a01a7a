package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Variable names the environment variable with the folder of a tree that was
// made before (go run ./test/mirror/gen -o DIR).
const Variable = "FAKECRACKER_TEST_MIRROR"

// New serves a mirror until the test ends. Its tree is that of Variable, else
// one that is kept in the folder for temporary files, and made again when its
// sources have changed.
func New(t testing.TB) *Server {
	t.Helper()
	dir, err := Dir(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Dir is the folder of the mirror's tree, as New finds or makes it. It is not
// to be written to.
func Dir(ctx context.Context) (string, error) {
	if dir := os.Getenv(Variable); dir != "" {
		return dir, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	sum, err := sourcesDigest(root)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("fakecracker-mirror-%d-%.16s", os.Getuid(), sum))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, writeOnce(ctx, dir, Options{Root: root})
}

// writeOnce makes the tree beside its place and moves it there. When two
// processes do so at the same time, the second finds the first's, which is
// the same.
func writeOnce(ctx context.Context, dir string, o Options) error {
	work, err := os.MkdirTemp(filepath.Dir(dir), "fakecracker-mirror-new-")
	if err != nil {
		return err
	}
	err = Write(ctx, work, o)
	if err == nil {
		err = os.Chmod(work, 0o755)
	}
	if err == nil {
		err = os.Rename(work, dir)
		if _, there := os.Stat(filepath.Join(dir, Packages)); err != nil && there == nil {
			err = nil
		} else if err == nil {
			return nil
		}
	}
	return errors.Join(err, os.RemoveAll(work))
}

// sourcesDigest is the digest of all that the tree is made from.
func sourcesDigest(root string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version())
	for _, dir := range []string{"test/mirror", "test/userland"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
				return err
			}
			b, err := os.ReadFile(p)
			fmt.Fprintf(h, "%s %d\n%s", p[len(root):], len(b), b)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	h.Write(mod)
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

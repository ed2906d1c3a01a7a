package kernel

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// wantEmpty checks that a failed import left nothing but the lock.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func writeFile(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStore(t *testing.T) {
	ctx := context.Background()
	s := Store{Dir: filepath.Join(t.TempDir(), "kernels")}
	if ks, err := s.List(); err != nil || len(ks) != 0 {
		t.Fatalf("List of no store = %v, %v", ks, err)
	}
	file := netbsdI386().build()
	k, err := s.Import(ctx, "mine", writeFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if k.Digest != sum(file) || !filepath.IsAbs(k.Path) || !k.Info.Has(VirtioDisk) {
		t.Errorf("Import = %+v", k)
	}
	got, err := os.ReadFile(k.Path)
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("stored %d bytes, %v; want %d", len(got), err, len(file))
	}
	for _, name := range []string{"mine", k.Digest, k.Digest[:6], "sha256:" + k.Digest} {
		if g, err := s.Get(name); err != nil || cmp.Diff(k, g) != "" {
			t.Errorf("Get(%s) = %+v, %v", name, g, err)
		}
	}
	if _, err := s.Import(ctx, "second", writeFile(t, file)); err != nil {
		t.Fatal(err)
	}
	other, err := s.Import(ctx, "", writeFile(t, netbsdAMD64().build()))
	if err != nil || len(other.Names) != 0 {
		t.Fatalf("Import = %+v, %v", other, err)
	}
	ks, err := s.List()
	if err != nil || len(ks) != 2 {
		t.Fatalf("List = %v, %v", ks, err)
	}
	for _, k := range ks {
		if want := map[string][]string{sum(file): {"mine", "second"}, other.Digest: {}}[k.Digest]; cmp.Diff(want, k.Names) != "" {
			t.Errorf("names of %s = %v, want %v", k.Digest, k.Names, want)
		}
	}
	removeAll(t, s, k, other)
}

// removeAll removes k, which is "mine" and "second", and other by its digest.
func removeAll(t *testing.T, s Store, k, other Kernel) {
	t.Helper()
	ctx := context.Background()
	for _, name := range []string{"mine", other.Digest} {
		if err := s.Remove(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get("mine"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Get of a removed name = %v", err)
	}
	if g, err := s.Get("second"); err != nil || g.Digest != k.Digest {
		t.Errorf("Get of the other name = %v, %v", g, err)
	}
	if err := s.Remove(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, "second"); !errors.Is(err, ErrUnknown) {
		t.Errorf("second Remove = %v", err)
	}
	if ks, err := s.List(); err != nil || len(ks) != 0 {
		t.Errorf("List = %v, %v", ks, err)
	}
}

func TestStoreMovesName(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	first, err := s.Import(context.Background(), "k", writeFile(t, netbsdI386().build()))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Import(context.Background(), "k", writeFile(t, netbsdAMD64().build()))
	if err != nil {
		t.Fatal(err)
	}
	if k, err := s.Get("k"); err != nil || k.Digest != second.Digest {
		t.Errorf("Get(k) = %v, %v", k, err)
	}
	if k, err := s.Get(first.Digest); err != nil || len(k.Names) != 0 {
		t.Errorf("Get of the first = %v, %v", k, err)
	}
}

func TestImportUnpacks(t *testing.T) {
	want := netbsdI386().build()
	s := Store{Dir: t.TempDir()}
	k, err := s.Import(context.Background(), "z", writeFile(t, pack("gzip", want)))
	if err != nil {
		t.Fatal(err)
	}
	if k.Digest != sum(want) || k.Info.Compression != "" || k.Info.Size != int64(len(want)) {
		t.Errorf("Import = %+v", k)
	}
	vmlinux := testVmlinux()
	k, err = s.Import(context.Background(), "l", writeFile(t, testBzImage("lz4", vmlinux)))
	if err != nil || k.Digest != sum(vmlinux) {
		t.Errorf("Import of a bzImage = %+v, %v", k, err)
	}
	// Without PVH in it, QEMU has to boot the bzImage itself.
	bz := testBzImage("lz4", bytes.Replace(vmlinux, []byte("Xen"), []byte("Xon"), 1))
	k, err = s.Import(context.Background(), "b", writeFile(t, bz))
	if err != nil || k.Digest != sum(bz) || k.Info.Format != "bzimage" {
		t.Errorf("Import of a bzImage without PVH = %+v, %v", k, err)
	}
}

func TestImportErrors(t *testing.T) {
	whole := netbsdI386().build()
	tests := []struct {
		name, kernel string
		file         []byte
		want         string
	}{
		{"text", "x", []byte("hello"), "not a kernel: a text file"},
		{"truncated", "x", whole[:len(whole)/2], "truncated ELF: the file has"},
		{"truncated gzip", "x", pack("gzip", whole)[:100], "unexpected EOF"},
		{"name", "a/b", whole, `"a/b" can't be a kernel's name`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Store{Dir: t.TempDir()}
			path := writeFile(t, tt.file)
			_, err := s.Import(context.Background(), tt.kernel, path)
			if err == nil || !strings.HasPrefix(err.Error(), "import kernel "+path+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Import = %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), tempPattern[:4]) {
				t.Errorf("the error names a temporary file: %v", err)
			}
			wantEmpty(t, s.Dir)
		})
	}
}

func TestImportCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := Store{Dir: t.TempDir()}
	if _, err := s.Import(ctx, "x", writeFile(t, netbsdI386().build())); !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v", err)
	}
	wantEmpty(t, s.Dir)
}

func TestGetUnknown(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if _, err := s.Import(context.Background(), "web-kernel", writeFile(t, netbsdI386().build())); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"web-kernle": `kernel "web-kernle": no such kernel (did you mean "web-kernel"?)`,
		"zzzzzzzz":   `kernel "zzzzzzzz": no such kernel (fakecracker kernel ls shows those at hand)`,
	} {
		if _, err := s.Get(name); !errors.Is(err, ErrUnknown) || err.Error() != want {
			t.Errorf("Get = %v, want %s", err, want)
		}
	}
}

func TestStoreDamage(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	k, err := s.Import(context.Background(), "k", writeFile(t, netbsdI386().build()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(k.Path), "info.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("k"); err == nil || !strings.Contains(err.Error(), "info.json is damaged") {
		t.Errorf("Get with a damaged record = %v", err)
	}
	if err := os.WriteFile(s.indexPath(), []byte(`{"version":1,"names":{"k":"../../etc"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("k"); err == nil || !strings.Contains(err.Error(), "a digest that is none") {
		t.Errorf("Get with a damaged index = %v", err)
	}
}

func TestSweep(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	old, fresh := filepath.Join(s.Dir, atomicfile.Prefix+"old"), filepath.Join(s.Dir, atomicfile.Prefix+"fresh")
	for _, d := range []string{old, fresh} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * atomicfile.Stale)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(context.Background(), "k", writeFile(t, netbsdI386().build())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old folder is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("another import's folder is gone: %v", err)
	}
}

// TestStoreTogether has imports and removals race for the same names.
func TestStoreTogether(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	path := writeFile(t, netbsdI386().build())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := "k" + string(rune('a'+i))
			if _, err := s.Import(context.Background(), name, path); err != nil {
				t.Errorf("Import %s: %v", name, err)
			}
		})
	}
	wg.Wait()
	ks, err := s.List()
	if err != nil || len(ks) != 1 || len(ks[0].Names) != 8 {
		t.Errorf("List = %+v, %v", ks, err)
	}
}

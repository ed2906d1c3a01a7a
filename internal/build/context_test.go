package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/ship"
)

// TestOddFilesOfAContext has what no image can have: it is left out and told,
// unless it was asked for.
func TestOddFilesOfAContext(t *testing.T) {
	dir := t.TempDir()
	s := dockerfile(t, dir, "FROM scratch\nCOPY . /all/\nCOPY * /top/\n", "d/file=F", "gone=-> nowhere", ".dockerignore=gone\nDockerfile\n.dockerignore\n")
	for _, p := range []string{"fifo", "d/fifo"} {
		if err := syscall.Mkfifo(filepath.Join(dir, p), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img, r, err := Build(t.Context(), s, Options{Guest: linux})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/all/ 0755 0:0", "/all/d/ 0755 0:0", "/all/d/file 0644 0:0 F", "/top/ 0755 0:0", "/top/file 0644 0:0 F"}
	if diff := cmp.Diff(want, brought(t, img)); diff != "" {
		t.Error(diff)
	}
	for _, p := range []string{"fifo is left out: it is a FIFO", "d/fifo is left out: it is a FIFO"} {
		if !slices.Contains(r.Notes, p) {
			t.Errorf("no note %q in %q", p, r.Notes)
		}
	}
	s = dockerfile(t, dir, "FROM scratch\nCOPY fifo /x\n")
	if _, _, err := Build(t.Context(), s, Options{Guest: linux}); err == nil || !strings.Contains(err.Error(), "fifo is a FIFO, which an image can't have") {
		t.Errorf("COPY of a FIFO: %v", err)
	}
}

func TestOddFilesOfAnOverlay(t *testing.T) {
	s, _ := web(t)
	over := t.TempDir()
	if err := os.WriteFile(filepath.Join(over, "file"), []byte("F"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(over, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Overlays = append(s.Overlays, ship.Overlay{Dir: over})
	img, r, err := Build(t.Context(), s, Options{Guest: netbsd})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := img.Tree.Lookup("/file"); err != nil {
		t.Error(err)
	}
	if n := slices.IndexFunc(r.Notes, func(n string) bool { return strings.HasSuffix(n, "fifo is left out: it is a FIFO") }); n < 0 {
		t.Errorf("notes: %q", r.Notes)
	}
}

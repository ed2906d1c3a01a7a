package build

import (
	"context"
	"debug/elf"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source/hostdir"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestClosureOfAProgram has a program of this host, with the libraries that it
// finds here.
func TestClosureOfAProgram(t *testing.T) {
	const host = "/bin/ls"
	f, err := elf.Open(host)
	if err != nil || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skipf("no program of a Linux/amd64 host: %v", err)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) == 0 {
		t.Skipf("%s needs the libraries %q, %v", host, libraries, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s := ship.Ship{
		Name: "ls", File: host, Guest: linux, Programs: []ship.Program{{Host: host, Guest: "/usr/bin/ls"}},
		Config: image.Config{Cmd: []string{"/usr/bin/ls"}},
	}
	o := Options{Guest: linux, Cache: t.TempDir()}
	_, _, err = Build(t.Context(), s, o)
	if err == nil || !strings.Contains(err.Error(), "which is not in the tree") || !strings.Contains(err.Error(), "take it from this host with --sysroot /") {
		t.Errorf("without the host's libraries: %v", err)
	}
	o.Passing = true
	o.Catalog = func(context.Context, image.Guest, []string) (tree.Catalog, error) { return hostdir.Open("/") }
	for range 2 {
		img, r, err := Build(t.Context(), s, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Cached {
			t.Error("a build with files that may change was kept")
		}
		if missing, err := img.Tree.Missing(t.Context()); err != nil || len(missing) > 0 {
			t.Errorf("missing: %v, %v", missing, err)
		}
		for _, lib := range libraries {
			if !slices.ContainsFunc(img.Tree.All(), func(e tree.Entry) bool { return path.Base(e.Path) == lib }) {
				t.Errorf("%s is not in the image", lib)
			}
		}
	}
	// One that needs nothing is kept as ever.
	dir := t.TempDir()
	write(t, dir, map[string]string{"static": program(t, linux)})
	static := ship.Ship{Name: "static", Guest: linux, Programs: []ship.Program{{Host: filepath.Join(dir, "static"), Guest: "/usr/bin/static"}}}
	for _, cached := range []bool{false, true} {
		if _, r, err := Build(t.Context(), static, o); err != nil || r.Cached != cached {
			t.Errorf("a static program: cached %t, %v; want %t", r.Cached, err, cached)
		}
	}
}

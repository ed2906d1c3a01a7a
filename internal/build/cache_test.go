package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestCache(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string, s *ship.Ship, o *Options)
		cached bool
	}{
		{"nothing", func(*testing.T, string, *ship.Ship, *Options) {}, true},
		{"bytes of an overlay's file", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			write(t, dir, map[string]string{"over/var/www/index.html": "hallo\n!"})
		}, false},
		{"same length, another time", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			write(t, dir, map[string]string{"over/var/www/index.html": "hallo\n"})
		}, false},
		{"another file in its place", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			p := filepath.Join(dir, "over/var/www/index.html")
			fi, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, map[string]string{"new": "hallo\n"})
			if err := errors.Join(os.Chtimes(filepath.Join(dir, "new"), fi.ModTime(), fi.ModTime()), os.Rename(filepath.Join(dir, "new"), p), os.Chtimes(filepath.Dir(p), old, old)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"other bytes, and the time put back", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			p := filepath.Join(dir, "over/var/www/index.html")
			fi, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.WriteFile(p, []byte("hallo\n"), 0o755), os.Chtimes(p, fi.ModTime(), fi.ModTime())); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"mode", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			if err := os.Chmod(filepath.Join(dir, "over/var/www/index.html"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"new file", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			write(t, dir, map[string]string{"over/etc/new": ""})
		}, false},
		{"program", func(t *testing.T, dir string, _ *ship.Ship, _ *Options) {
			write(t, dir, map[string]string{"server": program(t, netbsd) + "more"})
		}, false},
		{"the ship", func(_ *testing.T, _ string, s *ship.Ship, _ *Options) { s.Config.Env = []string{"A=b"} }, false},
		{"the guest", func(_ *testing.T, _ string, _ *ship.Ship, o *Options) { o.Guest.Arch = "i386" }, true},
		{"the time", func(_ *testing.T, _ string, _ *ship.Ship, o *Options) { o.Time = old }, false},
		{"a damaged manifest", func(t *testing.T, _ string, _ *ship.Ship, o *Options) {
			all, err := filepath.Glob(filepath.Join(o.Cache, "builds", "*.build"))
			if err != nil || len(all) != 1 {
				t.Fatalf("manifests %v, %v", all, err)
			}
			if err := os.WriteFile(all[0], []byte(`{"version":2,"name":`), 0o644); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, dir := web(t)
			o := Options{Guest: netbsd, Cache: t.TempDir()}
			first, _, err := Build(t.Context(), s, o)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, dir, &s, &o)
			second, r, err := Build(t.Context(), s, o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Cached != tt.cached {
				t.Errorf("cached %t; want %t", r.Cached, tt.cached)
			}
			if tt.cached && !cmp.Equal(first.Tree.All(), second.Tree.All()) {
				t.Error(cmp.Diff(first.Tree.All(), second.Tree.All()))
			}
			if third, r, err := Build(t.Context(), s, o); err != nil || !r.Cached || !cmp.Equal(second.Tree.All(), third.Tree.All()) {
				t.Errorf("third time: cached %t, %v", r.Cached, err)
			}
		})
	}
}

// TestCacheOfEditedText changes what the instructions' text doesn't show, in
// files whose state says nothing.
func TestCacheOfEditedText(t *testing.T) {
	dir := t.TempDir()
	o := Options{Guest: linux, Cache: t.TempDir()}
	write(t, dir, map[string]string{".dockerignore": "Dockerfile\n"})
	for _, text := range []string{
		"ARG A=1\nFROM scratch\nARG A\nCOPY <<x /x\none ${A}\nx\n",
		"ARG A=1\nFROM scratch\nARG A\nCOPY <<x /x\ntwo ${A}\nx\n",
		"ARG A=2\nFROM scratch\nARG A\nCOPY <<x /x\ntwo ${A}\nx\n",
		"# escape=`\nARG A=2\nFROM scratch\nARG A\nCOPY <<x /x\ntwo ${A}\nx\n",
	} {
		write(t, dir, map[string]string{"Dockerfile": text})
		s, err := ship.Load(t.Context(), dir, ship.Options{Guest: linux})
		if err != nil {
			t.Fatal(err)
		}
		for _, cached := range []bool{false, true} {
			if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached != cached {
				t.Errorf("%q: cached %t, %v; want %t", text, r.Cached, err, cached)
			}
		}
	}
}

// TestCacheOfWhatMayChange builds from things whose state can't be told without
// getting them, and so are got each time.
func TestCacheOfWhatMayChange(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("text")) // a reader that went away
	}))
	defer srv.Close()
	sum := fmt.Sprintf("--checksum=sha256:%x", sha256.Sum256([]byte("text")))
	images := func(_ context.Context, ref string, g image.Guest) (image.Image, string, error) {
		img := image.Image{Guest: g}
		if ref == "triggers" {
			img.Config.OnBuild = []string{"ADD " + srv.URL + "/x /x"}
		}
		err := img.Tree.Put(tree.NewFile("/a", 0o644, []byte("a"), epochOf, ""))
		return img, "sha256:" + ref, err
	}
	known := func(_ context.Context, ref string, _ image.Guest) string {
		if ref == "elsewhere" {
			return ""
		}
		return "sha256:" + ref
	}
	for _, tt := range []struct {
		name, text string
		cached     bool
	}{
		{"a stage", "FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY --from=ONE /a /b\nCOPY --from=0 /a /c\n", true},
		{"an image at hand", "FROM here\n", true},
		{"an image elsewhere", "FROM elsewhere\n", false},
		{"a copy from an image", "FROM scratch\nCOPY --from=here /a /b\n", false},
		{"one that an ARG names", "FROM scratch\nARG I=here\nCOPY --from=here /a /b\n", false},
		{"an address", "FROM scratch\nadd " + srv.URL + "/x /x\n", false},
		{"an address with its digest", "FROM scratch\nADD " + sum + " " + srv.URL + "/x /x\n", true},
		{"an address that a trigger names", "FROM triggers\n", false},
		{"sets", "FROM base,comp:/usr/bin/strip\n", true},
		{"a set's file", "FROM base,./own.tgz\n", false},
		{"a set's file that a label names", "FROM base\nLABEL smolbsd.addsets=/own.tgz\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := withSets(t)
			o.Cache = t.TempDir()
			o.Fetch, o.Images, o.ImageID = &fetch.Client{Dir: t.TempDir()}, images, known
			dir := t.TempDir()
			write(t, dir, map[string]string{"Dockerfile": tt.text, "a": "A", "own.tgz": ""})
			s, err := ship.Load(t.Context(), dir, ship.Options{Guest: netbsd})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []bool{false, tt.cached, tt.cached} {
				_, r, err := Build(t.Context(), s, o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Cached != want {
					t.Errorf("build %d: cached %t; want %t", i, r.Cached, want)
				}
			}
		})
	}
	// A set that a .conf names.
	s, _ := web(t)
	s.Sets, s.Bins = []string{"base", "/own.tgz"}, []string{"/bin/cat"}
	o := withSets(t)
	o.Cache = t.TempDir()
	for range 2 {
		if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached {
			t.Errorf("a set's file in a .conf: cached %t, %v", r.Cached, err)
		}
	}
}

// TestCacheOfRemovedImage has the image removed that an earlier build made.
func TestCacheOfRemovedImage(t *testing.T) {
	s, _ := web(t)
	kept := make(map[string]bool)
	o := Options{
		Guest: netbsd, Cache: t.TempDir(), Stored: func(id string) bool { return kept[id] },
		Keep: func(context.Context, image.Image, Report) (string, error) {
			kept["id"] = true
			return "id", nil
		},
	}
	for i, cached := range []bool{false, true, false, true} {
		if i == 2 {
			delete(kept, "id")
		}
		if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached != cached || !kept[r.ID] {
			t.Errorf("build %d: cached %t, ID %q, %v; want cached %t", i, r.Cached, r.ID, err, cached)
		}
	}
}

// TestCacheOfFreshFiles builds from a file that may change again without
// getting another time.
func TestCacheOfFreshFiles(t *testing.T) {
	s, dir := web(t)
	soon := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "server"), soon, soon); err != nil {
		t.Fatal(err)
	}
	o := Options{Guest: netbsd, Cache: t.TempDir()}
	for range 2 {
		if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached {
			t.Errorf("cached %t, %v; want a build", r.Cached, err)
		}
	}
}

// TestCacheThatCanNotBeWritten has a file where the builds would be kept.
func TestCacheThatCanNotBeWritten(t *testing.T) {
	s, dir := web(t)
	img, r, err := Build(t.Context(), s, Options{Guest: netbsd, Cache: filepath.Join(dir, "server")})
	if err != nil || r.Cached || img.Tree.Len() == 0 {
		t.Errorf("Build = %d files, %v; want the image all the same", img.Tree.Len(), err)
	}
}

// TestCacheOfNewLists has the package lists become new while packages are got.
func TestCacheOfNewLists(t *testing.T) {
	s := ship.Ship{Name: "web", Packages: []string{"web"}, Config: image.Config{Cmd: []string{"web"}}}
	p := &refreshing{newShelf(t, map[string]string{"/usr/sbin/web": program(t, linux)})}
	o := Options{Guest: linux, Cache: t.TempDir(), Packages: p}
	for _, cached := range []bool{false, true} {
		if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached != cached {
			t.Errorf("cached %t, %v; want %t", r.Cached, err, cached)
		}
	}
}

type refreshing struct{ *shelf }

func (r *refreshing) Packages(ctx context.Context, names []string) (tree.Tree, source.Report, error) {
	r.key = "new"
	return r.shelf.Packages(ctx, names)
}

func BenchmarkLoad(b *testing.B) {
	var img image.Image
	for i := range 600 {
		e := tree.NewFile(fmt.Sprintf("/usr/lib/x86_64-linux-gnu/library%d.so", i), 0o644, []byte{1}, time.Unix(5, 0), "package library 1.0-1")
		e.Content = tree.Content{Host: b.TempDir() + "/not/there", Offset: int64(i)}
		if err := img.Tree.Put(e); err != nil {
			b.Fatal(err)
		}
	}
	text, err := img.Tree.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var t tree.Tree
		if err := t.UnmarshalBinary(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCacheOfPackages(t *testing.T) {
	s := ship.Ship{Name: "web", Packages: []string{"web"}, Config: image.Config{Cmd: []string{"web"}}}
	p := newShelf(t, map[string]string{"/usr/sbin/web": program(t, linux)})
	o := Options{Guest: linux, Cache: t.TempDir(), Packages: p}
	for i, step := range []struct {
		key    string
		cached bool
	}{{"1", false}, {"1", true}, {"2", false}, {"2", true}, {"", false}, {"1", true}} {
		p.key = step.key
		if _, r, err := Build(t.Context(), s, o); err != nil || r.Cached != step.cached {
			t.Errorf("step %d with key %q: cached %t, %v", i, step.key, r.Cached, err)
		}
	}
	if len(p.asked) != 3 {
		t.Errorf("packages were asked for %d times; want 3", len(p.asked))
	}
}

// TestCacheOfUnpackedPackages removes the bytes that a build refers to.
func TestCacheOfUnpackedPackages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"store": program(t, linux)})
	e, err := tree.FromFile(filepath.Join(dir, "store"), "/usr/sbin/web", 0o755, "package web 1")
	if err != nil {
		t.Fatal(err)
	}
	p := &shelf{key: "1"}
	if err := p.tree.Put(e); err != nil {
		t.Fatal(err)
	}
	s := ship.Ship{Name: "web", Packages: []string{"web"}}
	o := Options{Guest: linux, Cache: t.TempDir(), Packages: p}
	if _, _, err := Build(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "store"), 10); err != nil {
		t.Fatal(err)
	}
	if _, r, err := Build(t.Context(), s, o); err == nil || r.Cached {
		t.Errorf("cached %t, %v; want a new build, which fails", r.Cached, err)
	}
}

func TestBuildStops(t *testing.T) {
	s, _ := web(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Build(ctx, s, Options{Guest: netbsd, Cache: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("Build = %v; want %v", err, context.Canceled)
	}
}

var _ PackageSource = (*debian.Source)(nil)

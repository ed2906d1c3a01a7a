package store_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var (
	t0     = time.Date(2026, 8, 1, 12, 0, 0, 5, time.UTC)
	netbsd = image.Guest{OS: "netbsd", Arch: "i386"}
)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	return &store.Store{Dir: filepath.Join(t.TempDir(), "images")}
}

func dir(p string) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755, ModTime: t0, Why: "overlay"}
}

func file(p, text string) tree.Entry { return tree.NewFile(p, 0o644, []byte(text), t0, "overlay") }

func symlink(p, to string) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Symlink, Mode: 0o777, Link: to, ModTime: t0, Why: "overlay"}
}

func hardlink(p, to string) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Hardlink, Mode: 0o644, Link: to, ModTime: t0, Why: "overlay"}
}

func device(p string, major, minor uint32) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Char, Mode: 0o600, Major: major, Minor: minor, ModTime: t0, Why: "MAKEDEV"}
}

// base is a layer with an entry of each type.
func base() store.Layer {
	return store.Layer{CreatedBy: "FROM base", Entries: []tree.Entry{
		dir("/"), dir("/bin"), file("/bin/sh", "shell"), hardlink("/bin/ksh", "/bin/sh"), symlink("/sh", "bin/sh"),
		dir("/dev"), device("/dev/null", 2, 2), dir("/etc"), file("/etc/rc", "echo <on> & on\n"), file("/etc/empty", ""),
		{Path: "/fifo", Type: tree.FIFO, Mode: 0o600, UID: 7, GID: 8, ModTime: t0, Why: "overlay"},
	}}
}

func top() store.Layer {
	return store.Layer{CreatedBy: "RUN change", Removed: []string{"/fifo", "/etc/empty"}, Entries: []tree.Entry{
		dir("/etc"), file("/etc/rc", "other\n"), file("/etc/new", "new"),
	}}
}

func draft(names ...string) store.Draft {
	return store.Draft{
		Names: names, Guest: netbsd, Created: t0, Author: "someone", Kernel: "sha256:" + strings.Repeat("ab", 32),
		Layers: []store.Layer{base(), {CreatedBy: "ENV A=b", Empty: true}, top()},
		Config: image.Config{
			Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"echo hello"}, Env: []string{"A=b"}, User: "www:www", WorkDir: "/srv",
			Expose: []uint16{80, 443}, ExposeUDP: []uint16{53}, Memory: 64 << 20, Init: true, Labels: map[string]string{"who": "me <x>"},
			Volumes: []string{"/data"}, Publish: []string{"8080:80"}, StopSignal: "SIGQUIT", Shell: []string{"/bin/sh", "-c"},
			Health:   &image.Health{Test: []string{"CMD", "true"}, Interval: time.Second, Timeout: 2 * time.Second, StartPeriod: 3, Retries: 4},
			ReadOnly: true, DiskSize: 1 << 30, Hooks: image.Hooks{Start: []string{"a"}, Stop: []string{"b", "c"}}, Services: []string{"nginx"},
		},
		Packages: []store.Package{{Name: "nginx", Version: "1.26.2", Asked: "ship.conf:5"}, {Name: "pcre2", Version: "10", For: "nginx"}},
	}
}

func create(t *testing.T, s *store.Store, d store.Draft) store.Info {
	t.Helper()
	info, err := s.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func open(t *testing.T, s *store.Store, ref string) image.Image {
	t.Helper()
	img, _, err := s.Image(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// whole fails unless all of an image is there: Save checks each byte of it.
func whole(t *testing.T, s *store.Store, ref string) {
	t.Helper()
	save(t, s, store.SaveOptions{}, ref)
	open(t, s, ref)
}

// paths lists a tree as "path" lines, files with their bytes.
func paths(t *testing.T, tr tree.Tree) []string {
	t.Helper()
	var all []string
	for _, e := range tr.All() {
		line := string(e.Type) + " " + e.Path
		if e.Type == tree.File {
			b, err := tr.ReadFile(e.Path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			line += " " + string(b)
		}
		if e.Link != "" {
			line += " -> " + e.Link
		}
		all = append(all, line)
	}
	return all
}

func TestCreateAndOpen(t *testing.T) {
	s := newStore(t)
	d := draft("web", "registry.example/team/web:1")
	info := create(t, s, d)
	img, found, err := s.Image(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(info, found); diff != "" {
		t.Errorf("Create's Info and Image's:\n%s", diff)
	}
	if diff := cmp.Diff(d.Config, img.Config); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	for _, ref := range []string{"web", info.ID, info.ID[:20]} {
		if !s.Exists(t.Context(), ref) {
			t.Errorf("%s does not exist", ref)
		}
	}
	if img.Name != "web" || img.Guest != netbsd || info.Kernel != d.Kernel || !info.Created.Equal(t0) || info.Author != "someone" {
		t.Errorf("got %s, %s, %+v", img.Name, img.Guest, info)
	}
	if diff := cmp.Diff(d.Packages, info.Packages); diff != "" {
		t.Errorf("the packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"registry.example/team/web:1", "web:latest"}, info.Names); diff != "" {
		t.Errorf("the names (-want +got):\n%s", diff)
	}
	want := []string{
		"dir /", "dir /bin", "hardlink /bin/ksh -> /bin/sh", "file /bin/sh shell", "dir /dev", "char /dev/null",
		"dir /etc", "file /etc/new new", "file /etc/rc other\n", "link /sh -> bin/sh",
	}
	if diff := cmp.Diff(want, paths(t, img.Tree)); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
	if e, _ := img.Tree.Get("/dev/null"); !cmp.Equal(e, device("/dev/null", 2, 2)) {
		t.Errorf("/dev/null is %+v", e)
	}
	if h := info.History; len(h) != 3 || h[1].Layer != "" || h[1].CreatedBy != "ENV A=b" || h[2].Layer != info.Layers[1] || h[2].Size == 0 {
		t.Errorf("the history is %+v", h)
	}
}

// TestIDIsTheSameEverywhere holds what an ID depends on: a change here makes
// all images of today new ones.
func TestIDIsTheSameEverywhere(t *testing.T) {
	a, b := create(t, newStore(t), draft("a")), create(t, newStore(t), draft("b"))
	if a.ID != b.ID {
		t.Errorf("the IDs of one draft are %s and %s", a.ID, b.ID)
	}
	const want = "sha256:a0ab51c912f1d588faffd876a34c14810738d55b3863ecc35464ab6ae2211706"
	if a.ID != want {
		t.Errorf("ID %s; want %s", a.ID, want)
	}
	other := draft()
	other.Layers[2].Entries[1].UID = 9
	if c := create(t, newStore(t), other); c.ID == a.ID {
		t.Error("another owner, and the same ID")
	}
}

func TestCreateOnABase(t *testing.T) {
	s := newStore(t)
	below := create(t, s, draft("below"))
	d := store.Draft{Names: []string{"above"}, Guest: netbsd, Base: below.ID, Created: t0, Layers: []store.Layer{
		{CreatedBy: "COPY x /", Entries: []tree.Entry{file("/x", "x")}},
	}}
	info := create(t, s, d)
	if diff := cmp.Diff(below.Layers, info.Layers[:2]); diff != "" {
		t.Errorf("the base's layers (-want +got):\n%s", diff)
	}
	if len(info.Layers) != 3 || len(info.History) != 4 || len(info.Packages) != 2 {
		t.Errorf("got %d layers, %d steps, %d packages", len(info.Layers), len(info.History), len(info.Packages))
	}
	img := open(t, s, "above")
	if n, want := img.Tree.Len(), 11; n != want {
		t.Errorf("%d files; want %d", n, want)
	}
	d.Guest.Arch = "amd64"
	if _, err := s.Create(t.Context(), d); err == nil {
		t.Error("an image for another guest than its base was made")
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(d *store.Draft)
		want   string
	}{
		{"a name that is none", func(d *store.Draft) { d.Names = []string{"Web Server"} }, `"Web Server"`},
		{"a name that means a removal", func(d *store.Draft) { d.Layers[0].Entries[1].Path = "/.wh.x" }, ".wh."},
		{"a path twice", func(d *store.Draft) { d.Layers[0].Entries[1].Path = "/bin/sh" }, "twice"},
		{"a file without digest", func(d *store.Draft) { d.Layers[0].Entries[2].Digest = "" }, "no digest"},
		{"another file than its digest says", func(d *store.Draft) { d.Layers[0].Entries[2].Content.Data = []byte("SHELL") }, "/bin/sh"},
		{"an unclean removal", func(d *store.Draft) { d.Layers[2].Removed = []string{"/a/../b"} }, "/a/../b"},
		{"a label of ours", func(d *store.Draft) { d.Config.Labels = map[string]string{"io.fakecracker.memory": "1"} }, "io.fakecracker.memory"},
		{"a base that is not there", func(d *store.Draft) { d.Base = "sha256:" + strings.Repeat("0", 64) }, "no such image"},
		{"a guest that is none", func(d *store.Draft) { d.Guest.Arch = "vax" }, "vax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d := newStore(t), draft("x")
			tt.change(&d)
			if _, err := s.Create(t.Context(), d); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
			if all := leftovers(t, s); len(all) != 0 {
				t.Errorf("left behind: %v", all)
			}
		})
	}
}

// leftovers lists the files below the store, but for lock and index.
func leftovers(t *testing.T, s *store.Store) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(s.Dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".lock" && d.Name() != "index.json" {
			all = append(all, p)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func TestNames(t *testing.T) {
	s := newStore(t)
	id := create(t, s, draft("nginx")).ID
	if err := s.Tag(t.Context(), "nginx:stable", "nginx"); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"nginx", "nginx:latest", "docker.io/library/nginx", "nginx:stable", id, id[7:19], id[:15]} {
		if info, err := s.Find(t.Context(), ref); err != nil || info.ID != id {
			t.Errorf("Find(%q) = %s, %v", ref, info.ID, err)
		}
	}
	for ref, want := range map[string]string{
		"ngimx": `did you mean "nginx"?`, "nginx:old": "there is nginx", "redis": "image ls", "abc": "no such image", "ffffffffffff": "no such image", "../x": "no such image",
	} {
		_, err := s.Find(t.Context(), ref)
		if !errors.Is(err, store.ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v; want %q", ref, err, want)
		}
	}
	if err := s.Untag(t.Context(), "nginx"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "nginx"); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("after Untag: %v", err)
	}
	if err := s.Untag(t.Context(), "nginx"); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Untag again: %v", err)
	}
}

func TestRemove(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	a := create(t, s, draft("a", "b"))
	other := draft("other")
	other.Layers = other.Layers[:1]
	create(t, s, other)
	if err := s.Remove(ctx, a.ID, false); err == nil || !strings.Contains(err.Error(), "a:latest, b:latest") {
		t.Errorf("Remove of an ID with two names: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if err := s.Remove(ctx, name, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Find(ctx, a.ID); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("the image without names: %v", err)
	}
	open(t, s, "other") // the layer that both had is there
	if err := s.Remove(ctx, "other", true); err != nil {
		t.Fatal(err)
	}
	if all := leftovers(t, s); len(all) != 0 {
		t.Errorf("left behind: %v", all)
	}
}

func TestPrune(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	first := create(t, s, draft("a"))
	d := draft("a") // takes the name
	d.Layers = append(d.Layers, store.Layer{Entries: []tree.Entry{file("/more", "more")}})
	create(t, s, d)
	p, err := s.Prune(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.Pruned{Images: []string{first.ID}}, p, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("Prune (-want +got):\n%s", diff)
	}
	if img := open(t, s, "a"); img.Tree.Len() != 11 {
		t.Errorf("%d files left", img.Tree.Len())
	}
	if err := s.Untag(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if p, err = s.Prune(ctx); err != nil || p.Layers != 3 || p.Bytes == 0 {
		t.Errorf("Prune of all: %+v, %v", p, err)
	}
}

// TestConcurrentUse: Prune has no hand on the layers of an image to come.
func TestConcurrentUse(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx := context.Background()
			d := draft("same")
			if i%2 == 0 {
				d.Layers = append(d.Layers, store.Layer{Entries: []tree.Entry{file("/x", "x")}})
			}
			if _, err := s.Create(ctx, d); err != nil {
				t.Error(err)
			}
			if _, err := s.Prune(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	open(t, s, "same")
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Errorf("%d images, %v; want the one that has the name", len(all), err)
	}
}

// TestWhatTheDeadLeaveBehind: the next command removes it, and not what a
// living process works with.
func TestWhatTheDeadLeaveBehind(t *testing.T) {
	s := newStore(t)
	create(t, s, draft("a"))
	dead := filepath.Join(s.Dir, "layers", atomicfile.Prefix+"dead")
	living := filepath.Join(s.Dir, "layers", atomicfile.Prefix+"living")
	for _, dir := range []string{dead, living} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "unpack-1"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := atomicfile.TryLockFile(filepath.Join(living, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	create(t, s, draft("b"))
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a dead process left: %v", err)
	}
	if _, err := s.Prune(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(living, "unpack-1")); err != nil {
		t.Errorf("what a living process has: %v", err)
	}
}

func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name, file, text, want string
	}{
		{"the index", "index.json", "{", "index.json is damaged"},
		{"the index's version", "index.json", `{"version":9}`, "version 9"},
		{"an ID that leads elsewhere", "index.json", `{"version":1,"names":{"a:latest":"../../x"}}`, "an ID that is none"},
		{"a configuration", "configs/*.json", "{}", "is damaged"},
		{"a layer", "layers/*.layer", "short", "build, pull or load"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			create(t, s, draft("a"))
			found, err := filepath.Glob(filepath.Join(s.Dir, tt.file))
			if err != nil || len(found) == 0 {
				t.Fatal(found, err)
			}
			for _, f := range found {
				if err := os.WriteFile(f, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := s.Image(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
		})
	}
}

// TestDamagedLayersAreMadeAgain: to build once more is the remedy that is told.
func TestDamagedLayersAreMadeAgain(t *testing.T) {
	s := newStore(t)
	create(t, s, draft("a"))
	found, err := filepath.Glob(filepath.Join(s.Dir, "layers/*.layer"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if err := os.Truncate(f, 10); err != nil {
			t.Fatal(err)
		}
	}
	create(t, s, draft("a"))
	open(t, s, "a")
}

func TestNoStoreYet(t *testing.T) {
	s := newStore(t)
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("List = %v, %v", all, err)
	}
	if _, err := s.Find(t.Context(), "x"); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Find = %v", err)
	}
}

// TestDamagedImagesCanBeRemoved: the remedy that the error tells.
func TestDamagedImagesCanBeRemoved(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	id := create(t, s, draft("a")).ID
	d := draft("b")
	d.Layers = d.Layers[:1]
	create(t, s, d)
	if err := os.WriteFile(filepath.Join(s.Dir, "configs", id[7:]+".json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(ctx); err == nil || !strings.Contains(err.Error(), "image rm "+id[7:19]) {
		t.Errorf("List: %v", err)
	}
	if err := s.Remove(ctx, id[7:19], false); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(ctx)
	if err != nil || len(all) != 1 || all[0].Name() != "b:latest" {
		t.Errorf("List after that: %v, %v", all, err)
	}
	open(t, s, "b")
}

// TestExists: an image that lost a layer is none to build on.
func TestExists(t *testing.T) {
	s := newStore(t)
	info := create(t, s, draft("a"))
	if s.Exists(t.Context(), "b") || s.Exists(t.Context(), "") {
		t.Error("what was never made exists")
	}
	if err := os.Remove(filepath.Join(s.Dir, "layers", info.Layers[0][7:]+".layer")); err != nil {
		t.Fatal(err)
	}
	if s.Exists(t.Context(), info.ID) {
		t.Error("it exists without a layer")
	}
	create(t, s, draft("a"))
	if !s.Exists(t.Context(), info.ID) {
		t.Error("it was made again, and does not exist")
	}
}

func TestCancel(t *testing.T) {
	s := newStore(t)
	create(t, s, draft("a"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := s.Create(ctx, draft("b")); err == nil {
		t.Error("Create went on")
	}
	if err := s.Save(ctx, io.Discard, []string{"a"}, store.SaveOptions{}); err == nil {
		t.Error("Save went on")
	}
	if _, err := s.LoadFrom(ctx, strings.NewReader(""), store.TakeOptions{}); err == nil {
		t.Error("LoadFrom went on")
	}
	if n := len(leftovers(t, s)); n != 3 {
		t.Errorf("%d files in the store; want a configuration and two layers", n)
	}
}

package store_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
)

// A served registry counts the blobs that were read from it.
type served struct {
	addr  string
	blobs atomic.Int32
}

// serve runs a registry on loopback; before may answer instead of it.
func serve(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) *served {
	t.Helper()
	s := &served{}
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
			s.blobs.Add(1)
		}
		if before == nil || !before(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	s.addr = strings.TrimPrefix(srv.URL, "http://")
	return s
}

// push puts the first image of a layout into the registry.
func push(t *testing.T, dir, ref string) v1.Image {
	t.Helper()
	img := firstImage(t, dir)
	pushImage(t, img, ref)
	return img
}

// firstImage returns that of a layout.
func firstImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	ix, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ix.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := ix.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func pushImage(t *testing.T, img v1.Image, ref string) {
	t.Helper()
	if err := remote.Write(parse(t, ref), img); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, ref string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPull(t *testing.T) {
	reg := serve(t, nil)
	from := newStore(t)
	want := create(t, from, draft("web"))
	for _, c := range []store.Compression{store.Zstd, store.Gzip} {
		t.Run(string(c), func(t *testing.T) {
			ref := reg.addr + "/team/web:" + string(c)
			img := push(t, unpack(t, save(t, from, store.SaveOptions{Compression: c}, "web")), ref)
			s := newStore(t)
			var mu sync.Mutex
			var last, most int64
			info, err := s.Pull(t.Context(), ref, store.TakeOptions{Progress: func(done, total int64) {
				mu.Lock()
				defer mu.Unlock()
				last, most = max(last, done), total
			}})
			if err != nil {
				t.Fatal(err)
			}
			if last != most || most == 0 {
				t.Errorf("progress ended at %d of %d", last, most)
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			expected := want
			expected.Names, expected.Origin = []string{ref}, reg.addr+"/team/web@"+digest.String()
			if diff := cmp.Diff(expected, info); diff != "" {
				t.Errorf("the image (-want +got):\n%s", diff)
			}
			a, b := open(t, from, "web"), open(t, s, ref)
			if diff := cmp.Diff(paths(t, a.Tree), paths(t, b.Tree)); diff != "" {
				t.Errorf("the files (-want +got):\n%s", diff)
			}
			before := reg.blobs.Load()
			if _, err := s.Pull(t.Context(), ref, store.TakeOptions{Names: []string{"mine"}}); err != nil {
				t.Fatal(err)
			}
			if n := reg.blobs.Load() - before; n != 1 {
				t.Errorf("the second time %d blobs were read; want the configuration only", n)
			}
			open(t, s, "mine")
		})
	}
}

// TestPullForeignAgain: layers that are kept in another form are known, too.
func TestPullForeignAgain(t *testing.T) {
	reg, s := serve(t, nil), newStore(t)
	dir := unpack(t, archiveOf(t, bundleOf(t, lowerTar(t), foreignTar(t))))
	push(t, dir, reg.addr+"/theirs")
	first, err := s.Pull(t.Context(), reg.addr+"/theirs", store.TakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := reg.blobs.Load()
	second, err := s.Pull(t.Context(), reg.addr+"/theirs", store.TakeOptions{})
	if err != nil || first.ID != second.ID {
		t.Fatalf("pulled as %s, then as %s, %v", first.ID, second.ID, err)
	}
	if n := reg.blobs.Load() - before; n != 1 {
		t.Errorf("the second time %d blobs were read; want the configuration only", n)
	}
}

func TestPullChoosesByPlatform(t *testing.T) {
	reg, s := serve(t, nil), newStore(t)
	var ix v1.ImageIndex = empty.Index
	platforms := []v1.Platform{{OS: "linux", Architecture: "arm64"}, {OS: "netbsd", Architecture: "386"}, {OS: "linux", Architecture: "amd64"}, {OS: "unknown", Architecture: "unknown"}}
	for _, p := range platforms {
		img, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config.OS, config.Architecture = p.OS, p.Architecture
		if img, err = mutate.ConfigFile(img, config); err != nil {
			t.Fatal(err)
		}
		ix = mutate.AppendManifests(ix, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	ref := reg.addr + "/many"
	if err := remote.WriteIndex(parse(t, ref), ix); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		wish image.Guest
		want string
	}{
		{image.Guest{}, "linux/amd64"},
		{image.Guest{OS: "netbsd"}, "netbsd/i386"},
		{image.Guest{OS: "netbsd", Arch: "i386"}, "netbsd/i386"},
		{image.Guest{OS: "netbsd", Arch: "amd64"}, "linux/arm64"}, // in the error
	} {
		info, err := s.Pull(t.Context(), ref, store.TakeOptions{Guest: tt.wish})
		if got := info.Guest.String(); got != tt.want && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("for %v: %s, %v; want %s", tt.wish, got, err, tt.want)
		}
	}
}

func TestPullRefuses(t *testing.T) {
	var mode atomic.Value
	mode.Store("")
	reg := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		blob := r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
		switch m := mode.Load().(string); {
		case m == "denied" && strings.Contains(r.URL.Path, "/manifests/"):
			http.Error(w, `{"errors":[{"code":"DENIED"}]}`, http.StatusForbidden)
		case m == "often" && strings.Contains(r.URL.Path, "/manifests/"):
			http.Error(w, "slow down", http.StatusTooManyRequests)
		case m == "garbage" && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/"):
			if _, err := io.WriteString(w, "<html>"); err != nil {
				t.Error(err)
			}
		case m == "other bytes" && blob:
			if _, err := io.WriteString(w, strings.Repeat("x", 100)); err != nil {
				t.Error(err)
			}
		case m == "half" && blob:
			w.Header().Set("Content-Length", "1000000")
			if _, err := io.WriteString(w, "half"); err != nil {
				t.Error(err)
			}
		default:
			return false
		}
		return true
	})
	ref := reg.addr + "/theirs"
	push(t, unpack(t, archiveOf(t, bundleOf(t, lowerTar(t), foreignTar(t)))), ref)
	for _, tt := range []struct{ name, mode, ref, want string }{
		{"a tag that is not there", "", ref + ":none", "404"},
		{"a repository that is not there", "", reg.addr + "/none", "404"},
		{"no right to read", "denied", ref, "docker login"},
		{"asked too often", "often", ref, "429"},
		{"another thing", "garbage", ref, "manifest"},
		{"other bytes", "other bytes", ref, ""},
		{"half an answer", "half", ref, ""},
		{"no server", "", "127.0.0.1:1/x", "127.0.0.1:1"},
		{"no name", "", "Not A Name", "image name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mode.Store(tt.mode)
			s := newStore(t)
			_, err := s.Pull(t.Context(), tt.ref, store.TakeOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "pull "+tt.ref) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
			if all := leftovers(t, s); len(all) != 0 {
				t.Errorf("left behind: %v", all)
			}
		})
	}
}

func TestPullIntoAndOutOfRegistries(t *testing.T) {
	// What is loaded from a stream and from a registry is one image.
	reg, s := serve(t, nil), newStore(t)
	archive := archiveOf(t, bundleOf(t, lowerTar(t), foreignTar(t)))
	push(t, unpack(t, archive), reg.addr+"/theirs:1")
	pulled, err := s.Pull(t.Context(), reg.addr+"/theirs:1", store.TakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := newStore(t).LoadFrom(t.Context(), bytes.NewReader(archive), store.TakeOptions{})
	if err != nil || loaded[0].ID != pulled.ID {
		t.Errorf("pulled %s, loaded %+v, %v", pulled.ID, loaded, err)
	}
}

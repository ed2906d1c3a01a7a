package store_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func save(t *testing.T, s *store.Store, o store.SaveOptions, refs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.Save(t.Context(), &out, refs, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func load(t *testing.T, s *store.Store, archive []byte) []store.Info {
	t.Helper()
	infos, err := s.LoadFrom(t.Context(), bytes.NewReader(archive), store.TakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func TestSaveAndLoad(t *testing.T) {
	here := newStore(t)
	want := create(t, here, draft("web"))
	for _, c := range []store.Compression{store.Zstd, store.Gzip} {
		t.Run(string(c), func(t *testing.T) {
			archive := save(t, here, store.SaveOptions{Compression: c}, "web")
			if !bytes.Equal(archive, save(t, here, store.SaveOptions{Compression: c}, "web")) {
				t.Error("the second archive has other bytes")
			}
			there := newStore(t)
			infos := load(t, there, archive)
			if diff := cmp.Diff([]store.Info{want}, infos); diff != "" {
				t.Errorf("the image (-want +got):\n%s", diff)
			}
			a, b := open(t, here, "web"), open(t, there, "web")
			if diff := cmp.Diff(paths(t, a.Tree), paths(t, b.Tree)); diff != "" {
				t.Errorf("the files (-want +got):\n%s", diff)
			}
			da, errA := a.Tree.Digest()
			db, errB := b.Tree.Digest()
			if da != db || errA != nil || errB != nil {
				t.Errorf("the trees' digests are %s and %s (%v, %v)", da, db, errA, errB)
			}
			for _, e := range a.Tree.All() {
				if g, _ := b.Tree.Get(e.Path); g.Why != e.Why {
					t.Errorf("%s is there for %q; want %q", e.Path, g.Why, e.Why)
				}
			}
			if !bytes.Equal(archive, save(t, there, store.SaveOptions{Compression: c}, "web")) {
				t.Error("saved from there it has other bytes")
			}
		})
	}
}

// unpack writes the files of a tar archive into a new folder.
func unpack(t *testing.T, archive []byte) string {
	t.Helper()
	dir := t.TempDir()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOthersReadWhatIsSaved: the reader of the specification's authors, and
// that of docker's form.
func TestOthersReadWhatIsSaved(t *testing.T) {
	s := newStore(t)
	info := create(t, s, draft("web"))
	archive := save(t, s, store.SaveOptions{}, "web")
	checkLayers(t, unpack(t, archive))
	archive = save(t, s, store.SaveOptions{Compression: store.Gzip}, "web")
	dir := unpack(t, archive)
	ix, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(ix); err != nil {
		t.Errorf("as an OCI layout: %v", err)
	}
	name := filepath.Join(t.TempDir(), "web.tar")
	if err := os.WriteFile(name, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Errorf("as docker's archive: %v", err)
	}
	if id, err := img.ConfigName(); err != nil || id.String() != info.ID {
		t.Errorf("the ID there is %s, %v; want %s", id, err, info.ID)
	}
	for _, from := range []string{dir, name} {
		there := newStore(t)
		infos, err := there.Load(t.Context(), from, store.TakeOptions{Names: []string{"mine"}})
		if err != nil || len(infos) != 1 || infos[0].ID != info.ID || !slices.Equal(infos[0].Names, []string{"mine:latest"}) {
			t.Errorf("Load(%s) = %+v, %v", from, infos, err)
		}
	}
}

// checkLayers unpacks the layers of a layout's first image, which are zstd:
// validate knows gzip only.
func checkLayers(t *testing.T, dir string) {
	t.Helper()
	img := firstImage(t, dir)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	for i, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || "sha256:"+sum(b) != config.RootFS.DiffIDs[i].String() {
			t.Errorf("layer %d has the digest %s, %v; want %s", i, sum(b), err, config.RootFS.DiffIDs[i])
		}
	}
}

func TestSaveSeveral(t *testing.T) {
	s := newStore(t)
	a := create(t, s, draft("a"))
	d := draft("b:1")
	d.Layers = d.Layers[:1]
	b := create(t, s, d)
	infos := load(t, newStore(t), save(t, s, store.SaveOptions{}, "a", b.ID))
	if diff := cmp.Diff([]store.Info{a, b}, infos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.Save(t.Context(), io.Discard, []string{"none"}, store.SaveOptions{}); err == nil {
		t.Error("an image that is not there was saved")
	}
}

// tarWith writes an archive of headers, each file of as many x as its Size.
func tarWith(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// foreignTar is a layer as others write them: no order, a file twice, a chain
// of hard links, names of removals, and no folders of their own.
func foreignTar(t *testing.T) []byte {
	t.Helper()
	return tarWith(
		t,
		tar.Header{Name: "usr/bin/b", Typeflag: tar.TypeReg, Size: 1, Mode: 0o755},
		tar.Header{Name: "./usr/bin/c", Typeflag: tar.TypeLink, Linkname: "usr/bin/b"},
		tar.Header{Name: "usr/bin/a", Typeflag: tar.TypeLink, Linkname: "usr/bin/c"},
		tar.Header{Name: "etc/.wh.motd", Typeflag: tar.TypeReg},
		tar.Header{Name: "var/.wh..wh..opq", Typeflag: tar.TypeReg},
		tar.Header{Name: ".wh..wh.plnk", Typeflag: tar.TypeReg},
		tar.Header{Name: "etc/twice", Typeflag: tar.TypeReg, Size: 1},
		tar.Header{Name: "etc/twice", Typeflag: tar.TypeReg, Size: 2},
	)
}

func lowerTar(t *testing.T) []byte {
	t.Helper()
	var all []tar.Header
	for _, name := range []string{"etc/motd", "var/old", "var/log/old", "keep"} {
		all = append(all, tar.Header{Name: name, Typeflag: tar.TypeReg})
	}
	return tarWith(t, all...)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bundleOf makes the files of a layout of a Linux image with these layers.
func bundleOf(t *testing.T, layers ...[]byte) map[string][]byte {
	t.Helper()
	return bundleWith(t, map[string]any{"os": "linux", "architecture": "amd64"}, layers...)
}

// bundleWith is bundleOf for another configuration, to which the layers are
// added.
func bundleWith(t *testing.T, settings map[string]any, layers ...[]byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	blob := func(b []byte, mediaType string) map[string]any {
		files["blobs/sha256/"+sum(b)] = b
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + sum(b), "size": len(b)}
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var ids []string
	var descs []any
	for _, l := range layers {
		ids = append(ids, "sha256:"+sum(l))
		descs = append(descs, blob(zipped(t, l), "application/vnd.oci.image.layer.v1.tar+gzip"))
	}
	settings = maps.Clone(settings)
	settings["rootfs"] = map[string]any{"type": "layers", "diff_ids": ids}
	settings["history"] = []any{map[string]any{"created_by": "ADD lower /"}, map[string]any{"created_by": "RUN upper"}}
	config := encode(settings)
	manifest := encode(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": blob(config, "application/vnd.oci.image.config.v1+json"), "layers": descs,
	})
	d := blob(manifest, "application/vnd.oci.image.manifest.v1+json")
	d["annotations"] = map[string]string{"org.opencontainers.image.ref.name": "latest"}
	files["index.json"] = encode(map[string]any{"schemaVersion": 2, "manifests": []any{d}})
	return files
}

func archiveOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(files[name])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestLoadForeign(t *testing.T) {
	files := bundleOf(t, lowerTar(t), foreignTar(t))
	for _, compress := range []bool{false, true} {
		s, archive := newStore(t), archiveOf(t, files)
		if compress {
			archive = zipped(t, archive)
		}
		infos, err := s.LoadFrom(t.Context(), bytes.NewReader(archive), store.TakeOptions{Names: []string{"theirs"}})
		if err != nil {
			t.Fatal(err)
		}
		img := open(t, s, "theirs")
		want := []string{
			"dir /", "dir /etc", "file /etc/twice xx", "file /keep ", "dir /usr", "dir /usr/bin",
			"hardlink /usr/bin/a -> /usr/bin/b", "file /usr/bin/b x", "hardlink /usr/bin/c -> /usr/bin/b",
		}
		got := slices.DeleteFunc(paths(t, img.Tree), func(s string) bool { return s == "dir /var" })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the files (-want +got):\n%s", diff)
		}
		if e, _ := img.Tree.Get("/usr/bin/b"); e.Why != "RUN upper" {
			t.Errorf("/usr/bin/b is there for %q", e.Why)
		}
		// In our form it is the same wherever it goes.
		again := load(t, newStore(t), save(t, s, store.SaveOptions{}, "theirs"))
		if again[0].ID != infos[0].ID {
			t.Errorf("loaded as %s, saved and loaded as %s", infos[0].ID, again[0].ID)
		}
		if all := leftovers(t, s); len(all) != 3 {
			t.Errorf("in the store: %v; want a configuration and two layers", all)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := func() map[string][]byte { return bundleOf(t, lowerTar(t), foreignTar(t)) }
	// damage changes a byte in the middle of the nth blob by size.
	damage := func(nth int) func(map[string][]byte) {
		return func(files map[string][]byte) {
			var blobs []string
			for name := range files {
				if strings.HasPrefix(name, "blobs/") {
					blobs = append(blobs, name)
				}
			}
			slices.SortFunc(blobs, func(a, b string) int { return len(files[a]) - len(files[b]) })
			b := bytes.Clone(files[blobs[nth]])
			b[len(b)/2] ^= 1
			files[blobs[nth]] = b
		}
	}
	for _, tt := range []struct {
		name   string
		change func(map[string][]byte)
		want   string
	}{
		{"a damaged layer", damage(0), ""},
		{"another damaged layer", damage(1), ""},
		{"a damaged configuration or manifest", damage(2), "digest"},
		{"a damaged manifest or configuration", damage(3), "digest"},
		{"no image", func(f map[string][]byte) { delete(f, "index.json") }, "neither index.json"},
		{"an empty index", func(f map[string][]byte) { f["index.json"] = []byte("{}") }, "empty"},
		{"no JSON", func(f map[string][]byte) { f["index.json"] = []byte("{") }, "damaged"},
		{"a digest that leads elsewhere", func(f map[string][]byte) {
			f["index.json"] = []byte(`{"manifests":[{"digest":"sha256:../../index.json","size":1}]}`)
		}, ""},
		{"a manifest that is not there", func(f map[string][]byte) {
			f["index.json"] = fmt.Appendf(nil, `{"manifests":[{"digest":"sha256:%064d","size":1}]}`, 0)
		}, "not exist"},
		{"an index in itself", func(f map[string][]byte) {
			for range 9 {
				b := f["index.json"]
				f["blobs/sha256/"+sum(b)] = b
				f["index.json"] = fmt.Appendf(nil, `{"manifests":[{"digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}`, sum(b), len(b))
			}
		}, "in one another"},
		{"skopeo's own form", func(f map[string][]byte) {
			delete(f, "index.json")
			f["manifest.json"] = []byte(`{"schemaVersion":2,"layers":[]}`)
		}, "skopeo copy dir:FOLDER oci-archive:FILE"},
		{"only for another processor", func(f map[string][]byte) {
			b := []byte(`{"manifests":[{"digest":"sha256:` + strings.Repeat("0", 64) + `","size":1,"platform":{"os":"linux","architecture":"arm64"}}]}`)
			f["blobs/sha256/"+sum(b)] = b
			f["index.json"] = fmt.Appendf(nil, `{"manifests":[{"digest":"sha256:%s","size":%d}]}`, sum(b), len(b))
		}, "linux/arm64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, files := newStore(t), good()
			tt.change(files)
			_, err := s.LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, files)), store.TakeOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with %q", err, tt.want)
			}
			if all := leftovers(t, s); len(all) != 0 {
				t.Errorf("left behind: %v", all)
			}
		})
	}
}

// TestLoadStopsInflation: what a few bytes say they unpack to must not fill the
// disk.
func TestLoadStopsInflation(t *testing.T) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 100 << 30}); err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	_, err := s.LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, bundleOf(t, layer.Bytes()))), store.TakeOptions{})
	if err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("error %v", err)
	}
	if all := leftovers(t, s); len(all) != 0 {
		t.Errorf("left behind: %v", all)
	}
}

func TestLoadRefusesWhatIsCut(t *testing.T) {
	whole := archiveOf(t, bundleOf(t, lowerTar(t), foreignTar(t)))
	for _, archive := range [][]byte{whole, zipped(t, whole)} {
		for _, n := range []int{0, 1, 100, len(archive) / 2, len(archive) - 5000} {
			s, cut := newStore(t), archive[:max(0, min(n, len(archive)-50))]
			if infos, err := s.LoadFrom(t.Context(), bytes.NewReader(cut), store.TakeOptions{}); err == nil {
				t.Errorf("%d of %d bytes were loaded as %+v", len(cut), len(archive), infos)
			}
			if all := leftovers(t, s); len(all) != 0 {
				t.Errorf("left behind: %v", all)
			}
		}
	}
}

func TestLoadDockerOfOld(t *testing.T) {
	layer := lowerTar(t)
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}`, sum(layer), sum(layer))
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	put := func(h tar.Header, b []byte) {
		h.Size = int64(len(b))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	put(tar.Header{Name: "abc/", Typeflag: tar.TypeDir}, nil)
	put(tar.Header{Name: "abc/layer.tar", Typeflag: tar.TypeReg}, layer)
	put(tar.Header{Name: "def/layer.tar", Typeflag: tar.TypeSymlink, Linkname: "../abc/layer.tar"}, nil)
	put(tar.Header{Name: "config.json", Typeflag: tar.TypeReg}, config)
	put(tar.Header{Name: "manifest.json", Typeflag: tar.TypeReg}, []byte(`[{"Config":"config.json","RepoTags":["old:1"],"Layers":["abc/layer.tar","def/layer.tar"]}]`))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	infos := load(t, s, out.Bytes())
	if len(infos) != 1 || !slices.Equal(infos[0].Names, []string{"old:1"}) || len(infos[0].Layers) != 2 {
		t.Fatalf("got %+v", infos)
	}
	if img := open(t, s, "old:1"); img.Tree.Len() != 8 {
		t.Errorf("the files: %v", paths(t, img.Tree))
	}
}

// FuzzLoad: whatever an archive holds, it becomes an image or nothing.
func FuzzLoad(f *testing.F) {
	t := &testing.T{}
	f.Add(archiveOf(t, bundleOf(t, lowerTar(t), foreignTar(t))))
	f.Add(archiveOf(t, map[string][]byte{"manifest.json": []byte(`[{"Config":"c","Layers":["l"]}]`), "c": []byte(`{"os":"linux","architecture":"amd64"}`), "l": lowerTar(t)}))
	f.Add(zipped(t, archiveOf(t, bundleOf(t, lowerTar(t))))[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStore(t)
		infos, err := s.LoadFrom(t.Context(), bytes.NewReader(b), store.TakeOptions{Names: []string{"x"}})
		if err != nil {
			return
		}
		for _, i := range infos {
			if _, _, err := s.Image(t.Context(), i.ID); err != nil {
				t.Errorf("an image that can't be opened: %v", err)
			}
		}
	})
}

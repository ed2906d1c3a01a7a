package store_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

// TestHostileLayers: what can't be a tree is refused in one line, and nothing
// of it stays; what can be one never leads out of it.
func TestHostileLayers(t *testing.T) {
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1} }
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
	}
	hard := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
	}
	for _, tt := range []struct {
		name   string
		layers [][]tar.Header
		want   string   // of the error; "": it is taken
		files  []string // if it is taken
	}{
		{"a path that climbs", [][]tar.Header{{reg("a/../../etc/shadow")}}, "has .. in it", nil},
		{"a hard link that climbs", [][]tar.Header{{hard("a", "../../etc/shadow")}}, "has .. in it", nil},
		{"a hard link to the host's", [][]tar.Header{{hard("a", "/etc/shadow")}}, "/a is a hard link to /etc/shadow, which is no file", nil},
		{"a hard link to itself", [][]tar.Header{{hard("a", "a")}}, "which is no file", nil},
		{"hard links in a ring", [][]tar.Header{{hard("a", "b"), hard("b", "a")}}, "which is no file", nil},
		{"a hard link to a folder", [][]tar.Header{{{Name: "d/", Typeflag: tar.TypeDir}, hard("a", "d")}}, "which is no file", nil},
		{"a file below its own link", [][]tar.Header{{link("l", "/etc"), reg("l/x")}}, "/l is a symbolic link, and not to a folder below", nil},
		{"a file below a file", [][]tar.Header{{reg("f"), reg("f/x")}}, "/f is a file, not a folder", nil},
		{"a file below a device", [][]tar.Header{{{Name: "d", Typeflag: tar.TypeBlock, Devmajor: 8}}, {reg("d/x")}}, "/d is a block, not a folder", nil},
		{"links in a ring", [][]tar.Header{{link("a", "b"), link("b", "a")}, {reg("a/x")}}, "is a symbolic link", nil},
		{"the root as a file", [][]tar.Header{{reg(".")}, {reg("x")}}, "/ ", nil},
		{"a removal of the folder above", [][]tar.Header{{reg("d/.wh...")}}, `it removes the name ".."`, nil},
		{"a removal of nothing", [][]tar.Header{{reg("d/.wh.")}}, `it removes the name ""`, nil},

		{"a file below a lower layer's link", [][]tar.Header{{link("l", "/../../etc")}, {reg("l/x")}}, "", []string{"dir /", "dir /etc", "file /etc/x x", "link /l -> /../../etc"}},
		{"a hard link through a lower layer's link", [][]tar.Header{{link("l", "../d"), reg("d/f")}, {hard("l/g", "l/f")}}, "", []string{
			"dir /", "dir /d", "file /d/f x", "hardlink /d/g -> /d/f", "link /l -> ../d",
		}},
		{"names twice", [][]tar.Header{{reg("a"), link("a", "b"), {Name: "a/", Typeflag: tar.TypeDir}, reg("a/x")}}, "", []string{"dir /", "dir /a", "file /a/x x"}},
		{"devices", [][]tar.Header{{{Name: "sda", Typeflag: tar.TypeBlock, Devmajor: 8, Mode: 0o666}}}, "", []string{"dir /", "block /sda"}},
		{"a removal of what is not there", [][]tar.Header{{reg(".wh.x"), reg("d/.wh..wh..opq")}}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range tt.layers {
				layers = append(layers, tarWith(t, l...))
			}
			s := newStore(t)
			_, err := s.LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, bundleOf(t, layers...))), store.TakeOptions{Names: []string{"x"}})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.files, paths(t, open(t, s, "x").Tree)); diff != "" {
					t.Errorf("the files (-want +got):\n%s", diff)
				}
				whole(t, s, "x")
				return
			}
			refused(t, s, err, tt.want)
		})
	}
}

// refused fails unless err is one line with want, and nothing is left.
func refused(t *testing.T, s *store.Store, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 600 {
		t.Errorf("error %v; want one short line with %q", err, want)
	}
	if all := leftovers(t, s); len(all) != 0 {
		t.Errorf("left behind: %v", all)
	}
}

// TestHostileManifests: sizes, digests and numbers that are not so.
func TestHostileManifests(t *testing.T) {
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	for _, tt := range []struct {
		name   string
		change func(config, manifest map[string]any)
		want   string
	}{
		{"another DiffID", func(c, _ map[string]any) { c["rootfs"] = map[string]any{"diff_ids": []string{digest("a")}} }, "its bytes have the digest"},
		{"no DiffID", func(c, _ map[string]any) { delete(c, "rootfs") }, "its configuration names 0 layers, and 1 are there"},
		{"a DiffID too many", func(c, _ map[string]any) {
			c["rootfs"] = map[string]any{"diff_ids": []string{digest("a"), digest("b")}}
		}, "its configuration names 2 layers, and 1 are there"},
		{"a layer that is too long", layerField("size", 5), "bytes, not 5"},
		{"a layer that is too short", layerField("size", 1<<40), "bytes, not 1099511627776"},
		{"a layer below zero", layerField("size", -1), "of -1 bytes"},
		{"another layer's digest", layerField("digest", digest("a")), "not exist"},
		{"a digest of another kind", layerField("digest", "sha512:"+strings.Repeat("a", 128)), `unsupported hash: "sha512"`},
		{"a layer that stays elsewhere", layerField("mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "may not be distributed"},
		{"layers without end", func(_, m map[string]any) {
			one := m["layers"].([]any)[0]
			var all []any
			for range 600 {
				all = append(all, one)
			}
			m["layers"] = all
		}, "it has 600 layers, more than 512"},
		{"no image", func(_, m map[string]any) {
			m["config"].(map[string]any)["mediaType"] = "application/vnd.example.chart"
		}, `it is no image of files, but "application/vnd.example.chart"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			_, err := s.LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, changedBundle(t, tt.change))), store.TakeOptions{})
			refused(t, s, err, tt.want)
		})
	}
}

// layerField sets a field of the manifest's layer.
func layerField(name string, value any) func(config, manifest map[string]any) {
	return func(_, m map[string]any) { m["layers"].([]any)[0].(map[string]any)[name] = value }
}

// changedBundle is a layout of one layer whose documents were changed, under
// the digests that they have then.
func changedBundle(t *testing.T, change func(config, manifest map[string]any)) map[string][]byte {
	t.Helper()
	files := bundleOf(t, lowerTar(t))
	read := func(name string) (doc map[string]any) {
		t.Helper()
		if err := json.Unmarshal(files[name], &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	at := func(d any) string {
		return "blobs/sha256/" + strings.TrimPrefix(d.(map[string]any)["digest"].(string), "sha256:")
	}
	put := func(d any, doc map[string]any) {
		t.Helper()
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		files["blobs/sha256/"+sum(b)] = b
		desc := d.(map[string]any)
		desc["digest"], desc["size"] = "sha256:"+sum(b), len(b)
	}
	index := read("index.json")
	top := index["manifests"].([]any)[0]
	manifest := read(at(top))
	config := read(at(manifest["config"]))
	change(config, manifest)
	put(manifest["config"], config)
	put(top, manifest)
	b, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	files["index.json"] = b
	return files
}

// TestManyEntries: a layer of many files is one like others.
func TestManyEntries(t *testing.T) {
	const n = 20_000
	headers := make([]tar.Header, n)
	for i := range headers {
		headers[i] = tar.Header{Name: fmt.Sprintf("d%d/f%d", i%100, i), Typeflag: tar.TypeReg}
	}
	s := newStore(t)
	infos := load(t, s, archiveOf(t, bundleOf(t, tarWith(t, headers...))))
	img := open(t, s, infos[0].ID)
	if got := img.Tree.Len(); got != n+100+1 {
		t.Errorf("%d entries", got)
	}
}

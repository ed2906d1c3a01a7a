package store_test

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// netRaw is the value of security.capability that setcap cap_net_raw+ep writes
// (struct vfs_cap_data in Linux's capability.h).
const netRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// withXattrs are two layers: the upper one names the lower one's ping anew, and
// takes another file's attribute away.
func withXattrs(t *testing.T) [][]byte {
	t.Helper()
	capability := map[string]string{"SCHILY.xattr.security.capability": netRaw}
	lower := tarWith(
		t,
		tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.user.dir": "d"}},
		tar.Header{Name: "bin/ping", Typeflag: tar.TypeReg, Mode: 0o755, Size: 4, PAXRecords: capability},
		tar.Header{Name: "bin/ping4", Typeflag: tar.TypeLink, Linkname: "bin/ping", Mode: 0o755, PAXRecords: capability},
		tar.Header{Name: "bin/traceroute", Typeflag: tar.TypeReg, Mode: 0o755, Size: 5, PAXRecords: capability},
		tar.Header{Name: "opt/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "opt/old", Typeflag: tar.TypeReg},
	)
	upper := tarWith(
		t,
		tar.Header{Name: "bin/ping6", Typeflag: tar.TypeLink, Linkname: "bin/ping4", Mode: 0o755},
		tar.Header{Name: "bin/.wh.ping", Typeflag: tar.TypeReg},
		tar.Header{Name: "bin/traceroute", Typeflag: tar.TypeReg, Mode: 0o755, Size: 5},
		tar.Header{Name: "opt/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "opt/.wh..wh..opq", Typeflag: tar.TypeReg},
		tar.Header{Name: "opt/new", Typeflag: tar.TypeReg},
	)
	return [][]byte{lower, upper}
}

// xattrs lists the extended attributes of an image, as "path name value".
func xattrs(t *testing.T, s *store.Store, ref string) []string {
	t.Helper()
	var all []string
	img := open(t, s, ref)
	for _, e := range img.Tree.All() {
		for name, value := range e.Xattrs {
			all = append(all, e.Path+" "+name+" "+string(value))
		}
	}
	return all
}

// TestFileCapabilitiesStay: from a registry's image into the store, under what
// is built on it, out of it, and into another.
func TestFileCapabilitiesStay(t *testing.T) {
	s := newStore(t)
	infos, err := s.LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, bundleOf(t, withXattrs(t)...))), store.TakeOptions{Names: []string{"theirs"}})
	if err != nil {
		t.Fatal(err)
	}
	onTop := store.Draft{Names: []string{"ours"}, Guest: infos[0].Guest, Base: infos[0].ID, Layers: []store.Layer{{Entries: []tree.Entry{file("/own", "own")}}}}
	create(t, s, onTop)
	other := newStore(t)
	load(t, other, save(t, s, store.SaveOptions{}, "ours"))

	want := []string{"/bin user.dir d", "/bin/ping4 security.capability " + netRaw}
	for name, got := range map[string][]string{
		"as it was taken": xattrs(t, s, "theirs"), "built on": xattrs(t, s, "ours"), "saved and loaded": xattrs(t, other, "ours"),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got := paths(t, open(t, other, "ours").Tree)
	files := []string{
		"dir /", "dir /bin", "file /bin/ping4 xxxx", "hardlink /bin/ping6 -> /bin/ping4", "file /bin/traceroute xxxxx",
		"dir /opt", "file /opt/new ", "file /own own",
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

// TestNotes: what an image has and no guest will see is said when it is taken.
func TestNotes(t *testing.T) {
	for _, tt := range []struct {
		name, os string
		config   map[string]any
		want     []string
	}{
		{"a guest that sees all", "linux", nil, nil},
		{"NetBSD's FFS", "netbsd", nil, []string{
			`the extended attribute "security.capability" of /bin/ping and 1 more: a disk of netbsd/amd64 has no room for it`,
			`the extended attribute "user.dir" of /bin: a disk of netbsd/amd64 has no room for it`,
		}},
		{"triggers", "linux", map[string]any{"OnBuild": []string{"RUN a", "COPY . /b"}}, []string{
			"its 2 ONBUILD instructions: they are for builds on it",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			b := archiveOf(t, bundleWith(t, map[string]any{"os": tt.os, "architecture": "amd64", "config": tt.config}, withXattrs(t)[0]))
			var notes []string
			o := store.TakeOptions{Names: []string{"x"}, Note: func(text string) { notes = append(notes, text) }}
			if _, err := s.LoadFrom(t.Context(), bytes.NewReader(b), o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTriggers: a base's are told to who builds on it, stay in it, and are not
// what is built.
func TestTriggers(t *testing.T) {
	s, want := newStore(t), []string{"RUN a"}
	config := map[string]any{"os": "linux", "architecture": "amd64", "config": map[string]any{"OnBuild": want}}
	b := archiveOf(t, bundleWith(t, config, lowerTar(t), foreignTar(t)))
	infos, err := s.LoadFrom(t.Context(), bytes.NewReader(b), store.TakeOptions{Names: []string{"base"}})
	if err != nil {
		t.Fatal(err)
	}
	again := load(t, newStore(t), save(t, s, store.SaveOptions{}, "base"))
	for _, info := range append(infos, again...) {
		if diff := cmp.Diff(want, info.Config.OnBuild); diff != "" {
			t.Errorf("of the base (-want +got):\n%s", diff)
		}
	}
	img := open(t, s, "base")
	built := create(t, s, store.Draft{Guest: img.Guest, Config: img.Config, Base: infos[0].ID})
	if built.Config.OnBuild != nil {
		t.Errorf("of what is built on it: %q", built.Config.OnBuild)
	}
}

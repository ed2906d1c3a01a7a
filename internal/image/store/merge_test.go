package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func layer(removed []string, entries ...tree.Entry) store.Layer {
	return store.Layer{Removed: removed, Entries: entries}
}

func TestMerge(t *testing.T) {
	lower := layer(nil, dir("/a"), file("/a/x", "1"), dir("/a/sub"), file("/a/sub/y", "2"), file("/a-b", "3"), symlink("/l", "a"))
	for _, tt := range []struct {
		name   string
		layers []store.Layer
		want   string
	}{
		{"nothing", nil, ""},
		{"a folder over a folder", []store.Layer{layer(nil, dir("/a")), lower}, "dir /a|file /a-b 3|dir /a/sub|file /a/sub/y 2|file /a/x 1|link /l -> a"},
		{"removal of a folder", []store.Layer{lower, layer([]string{"/a"})}, "file /a-b 3|link /l -> a"},
		{"removal and new files", []store.Layer{lower, layer([]string{"/a"}, dir("/a"), file("/a/z", "4"))}, "dir /a|file /a-b 3|file /a/z 4|link /l -> a"},
		{"opaque folder", []store.Layer{lower, layer([]string{"/a/"}, file("/a/z", "4"))}, "dir /a|file /a-b 3|file /a/z 4|link /l -> a"},
		{"opaque root", []store.Layer{lower, layer([]string{"/"}, file("/z", "4"))}, "file /z 4"},
		{"a file over a folder", []store.Layer{lower, layer(nil, file("/a", "5"))}, "file /a 5|file /a-b 3|link /l -> a"},
		{"a folder over a file", []store.Layer{lower, layer(nil, dir("/a-b"), file("/a-b/c", "6"))}, "dir /a|dir /a-b|file /a-b/c 6|dir /a/sub|file /a/sub/y 2|file /a/x 1|link /l -> a"},
		{"through a symbolic link", []store.Layer{lower, layer([]string{"/a/x"}, file("/l/new", "7"))}, "dir /a|file /a-b 3|file /a/new 7|dir /a/sub|file /a/sub/y 2|link /l -> a"},
		{"a folder over a symbolic link", []store.Layer{lower, layer(nil, dir("/l"), file("/l/new", "7"))}, "dir /a|file /a-b 3|dir /a/sub|file /a/sub/y 2|file /a/x 1|dir /l|file /l/new 7"},
		{"removal of what is not there", []store.Layer{lower, layer([]string{"/none", "/a", "/l", "/a-b"})}, ""},
		{"the file of a hard link goes", []store.Layer{layer(nil, file("/f", "1"), hardlink("/g", "/f"), hardlink("/h", "/f")), layer([]string{"/f"})}, "file /g 1|hardlink /h -> /g"},
		{"the file of a hard link is replaced", []store.Layer{layer(nil, file("/f", "1"), hardlink("/g", "/f")), layer(nil, file("/f", "2"))}, "file /f 2|file /g 1"},
		{"a hard link to a layer below", []store.Layer{layer(nil, file("/f", "1")), layer(nil, hardlink("/a", "/f"))}, "hardlink /a -> /f|file /f 1"},
		{"links turned round", []store.Layer{layer(nil, file("/f", "1"), hardlink("/g", "/f")), layer(nil, hardlink("/f", "/g"))}, "hardlink /f -> /g|file /g 1"},
		{"a hard link to a device", []store.Layer{layer(nil, device("/d", 1, 2), hardlink("/e", "/d"))}, "char /d|char /e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := store.Merge(tt.layers...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Join(paths(t, got), "|")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		layers []store.Layer
	}{
		{"a hard link to nothing", []store.Layer{layer(nil, hardlink("/a", "/b"))}},
		{"a hard link to itself", []store.Layer{layer(nil, file("/a", "1")), layer(nil, hardlink("/a", "/a"))}},
		{"a hard link to a folder", []store.Layer{layer(nil, dir("/b"), hardlink("/a", "/b"))}},
		{"a file below a file", []store.Layer{layer(nil, file("/a", "1")), layer(nil, file("/a/b", "2"))}},
		{"a file below its layer's symbolic link", []store.Layer{layer(nil, symlink("/a", "b"), file("/a/b", "2"))}},
		{"links in a circle", []store.Layer{layer(nil, symlink("/a", "b"), symlink("/b", "a")), layer(nil, file("/a/b", "2"))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := store.Merge(tt.layers...); err == nil {
				t.Errorf("merged: %v", paths(t, got))
			}
		})
	}
}

// TestDiffAndMerge changes trees at random: the difference put over the first
// is the second.
func TestDiffAndMerge(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := randomTree(t, r), randomTree(t, r)
		if r.IntN(2) == 0 {
			b = changed(t, r, a)
		}
		l := layerOf(image.Diff(&a, &b))
		got, err := store.Merge(layer(nil, a.All()...), l)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(b.All(), got.All()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s\nthe layer: %+v", seed, diff, l)
		}
	}
}

func TestDiffOfTheSame(t *testing.T) {
	a := randomTree(t, rand.New(rand.NewPCG(1, 2)))
	if l := layerOf(image.Diff(&a, &a)); !l.Empty || len(l.Entries)+len(l.Removed) > 0 {
		t.Errorf("Diff = %+v", l)
	}
}

// TestDiffIsForOthersToo: folders above and all names of a file come along.
func TestDiffIsForOthersToo(t *testing.T) {
	before, err := store.Merge(layer(nil, dir("/a"), dir("/a/b"), file("/a/b/c", "1"), hardlink("/a/l", "/a/b/c"), dir("/z"), file("/z/y", "2")))
	if err != nil {
		t.Fatal(err)
	}
	after, err := store.Merge(layer(nil, dir("/a"), dir("/a/b"), file("/a/b/c", "2"), hardlink("/a/l", "/a/b/c"), dir("/z")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	l := layerOf(image.Diff(&before, &after))
	for _, e := range l.Entries {
		got = append(got, e.Path)
	}
	if diff := cmp.Diff([]string{"/a", "/a/b", "/a/b/c", "/a/l", "/z"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/z/y"}, l.Removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

// randomTree makes a small tree in which names clash with those of others.
func randomTree(t *testing.T, r *rand.Rand) tree.Tree {
	t.Helper()
	var tr tree.Tree
	for range r.IntN(30) {
		add(t, r, &tr)
	}
	return tr
}

func add(t *testing.T, r *rand.Rand, tr *tree.Tree) {
	t.Helper()
	p := ""
	for range 1 + r.IntN(3) {
		p += fmt.Sprintf("/%c", 'a'+rune(r.IntN(3)))
	}
	for i := 1; i < len(p)-1; i += 2 {
		if e, ok := tr.Get(p[:i+1]); ok && e.Type != tree.Dir {
			return
		}
		if err := tr.Put(dir(p[:i+1])); err != nil {
			t.Fatal(err)
		}
	}
	e := dir(p)
	switch r.IntN(4) {
	case 0:
		e = symlink(p, "a")
	case 1:
		e = file(p, fmt.Sprint(r.IntN(3)))
	case 2:
		for _, f := range tr.All() {
			if f.Type == tree.File && f.Path != p {
				e = hardlink(p, f.Path)
			}
		}
	}
	if old, ok := tr.Get(p); ok && (old.Type == tree.Dir || len(old.Path) == 0) {
		return
	}
	if err := tr.Put(e); err != nil {
		t.Fatal(err)
	}
}

func changed(t *testing.T, r *rand.Rand, a tree.Tree) tree.Tree {
	t.Helper()
	var b tree.Tree
	for _, e := range a.All() {
		if err := b.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	for range r.IntN(5) {
		all := b.All()
		if len(all) > 0 && r.IntN(2) == 0 {
			b.Remove(all[r.IntN(len(all))].Path)
		} else {
			add(t, r, &b)
		}
	}
	return b
}

// layerOf is a difference as the store takes it.
func layerOf(l image.Layer) store.Layer {
	return store.Layer{Entries: l.Entries, Removed: l.Removed, Empty: l.Empty()}
}

package image_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1e9, 0).UTC()

func file(p, text string) tree.Entry { return tree.NewFile(p, 0o644, []byte(text), t0, "test") }

func dir(p string) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755, ModTime: t0}
}

func link(p, to string) tree.Entry {
	return tree.Entry{Path: p, Type: tree.Hardlink, Mode: 0o644, Link: to, ModTime: t0}
}

func of(t *testing.T, entries ...tree.Entry) tree.Tree {
	t.Helper()
	var out tree.Tree
	for _, e := range entries {
		if err := out.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestDiff(t *testing.T) {
	base := of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), dir("/b"), file("/b/z", "3"), file("/c", "4"), link("/l", "/c"))
	for _, tt := range []struct {
		name    string
		after   tree.Tree
		changed []string
		removed []string
	}{
		{"nothing", base.Clone(), nil, nil},
		{
			"a file's bytes", of(t, dir("/a"), file("/a/x", "other"), file("/a/y", "2"), dir("/b"), file("/b/z", "3"), file("/c", "4"), link("/l", "/c")),
			[]string{"/a", "/a/x"},
			nil,
		},
		{
			"a file's extended attributes", of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), dir("/b"), having(file("/b/z", "3"), "user.x"), file("/c", "4"), link("/l", "/c")),
			[]string{"/b", "/b/z"},
			nil,
		},
		{
			"a folder with all in it", of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), file("/c", "4"), link("/l", "/c")),
			nil,
			[]string{"/b"},
		},
		{
			"a folder that becomes a file", of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), file("/b", "3"), file("/c", "4"), link("/l", "/c")),
			[]string{"/b"},
			[]string{"/b"},
		},
		{
			"a file that becomes a folder", of(t, dir("/a"), dir("/a/x"), file("/a/x/n", "1"), file("/a/y", "2"), dir("/b"), file("/b/z", "3"), file("/c", "4"), link("/l", "/c")),
			[]string{"/a", "/a/x", "/a/x/n"},
			[]string{"/a/x"},
		},
		{
			"a file with another name", of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), dir("/b"), file("/b/z", "3"), file("/c", "new"), link("/l", "/c")),
			[]string{"/c", "/l"},
			nil,
		},
		{
			"the first of two names", of(t, dir("/a"), file("/a/x", "1"), file("/a/y", "2"), dir("/b"), file("/b/z", "3"), file("/l", "4")),
			[]string{"/l"},
			[]string{"/c"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := image.Diff(&base, &tt.after)
			var changed []string
			for _, e := range l.Entries {
				changed = append(changed, e.Path)
			}
			if diff := cmp.Diff(tt.changed, changed); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.removed, l.Removed); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			got := base.Clone()
			if err := l.Apply(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.after.All(), got.All()); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
		})
	}
}

package tree_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// step does something to t that r chooses; what Put refuses is not done.
func step(r *rand.Rand, t *tree.Tree) string {
	name := func() string {
		p := "/"
		for range 1 + r.IntN(3) {
			p = path.Join(p, string(rune('a'+r.IntN(3))))
		}
		return p
	}
	p, at := name(), time.Unix(int64(r.IntN(3)), 0)
	file := func(p string) tree.Entry { return tree.NewFile(p, 0o644, []byte{byte(r.IntN(3))}, at, "test") }
	switch r.IntN(7) {
	case 0:
		t.Remove(p)
		return "remove " + p
	case 1:
		return fmt.Sprintf("folder %s: %v", p, t.Put(tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755, ModTime: at}))
	case 2:
		to, err := t.Lookup(name())
		if err != nil || to.Type != tree.File || to.Path == p {
			return "nothing"
		}
		return fmt.Sprintf("name %s of %s: %v", p, to.Path, t.Put(tree.Entry{Path: p, Type: tree.Hardlink, Link: to.Path, ModTime: to.ModTime}))
	case 3:
		return fmt.Sprintf("write into %s: %v", p, t.Rewrite(file(p)))
	case 4:
		t.MakeParents(at)
		return "parents"
	case 5:
		return fmt.Sprintf("link %s: %v", p, t.Put(tree.Entry{Path: p, Type: tree.Symlink, Link: "x", ModTime: at}))
	}
	return fmt.Sprintf("file %s: %v", p, t.Put(file(p)))
}

// TestChanges does the same to a tree that is watched and compares with what
// a look at two whole trees tells.
func TestChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 2000 {
		var now tree.Tree
		for range r.IntN(12) {
			step(r, &now)
		}
		before := now.Clone()
		now.Watch()
		var did []string
		for range 1 + r.IntN(5) {
			did = append(did, step(r, &now))
		}
		was, is := now.Changes()
		got, want := image.Diff(&was, &is), image.Diff(&before, &now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %v\n%s", did, before.All(), diff)
		}
		for _, e := range now.All() {
			if e.Type != tree.Dir && len(now.Below(e.Path)) != 1 {
				t.Fatalf("%q: %s is a %s with files in it: %v", did, e.Path, e.Type, now.All())
			}
		}
		if !want.Empty() {
			found++
		}
		if again, none := now.Changes(); again.Len()+none.Len() > 0 {
			t.Fatal("the watch did not end")
		}
	}
	if found < 1000 {
		t.Errorf("%d of 2000 changed anything", found)
	}
}

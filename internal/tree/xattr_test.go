package tree

import (
	"bytes"
	"strings"
	"testing"
)

// TestXattrsAreOfTheTree: they make another tree, and other bytes only where
// they are.
func TestXattrsAreOfTheTree(t *testing.T) {
	plain, with, other := every(t), every(t), every(t)
	set := func(tr *Tree, xattrs map[string][]byte) {
		t.Helper()
		e, _ := tr.Get("/d/stored")
		e.Xattrs = xattrs
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	set(&plain, nil)
	set(&with, map[string][]byte{"user.a": []byte("1"), "user.b": []byte("2")})
	set(&other, map[string][]byte{"user.a": []byte("12"), "user.b": nil})
	seen := map[string]bool{}
	for _, tr := range []Tree{plain, with, other} {
		d, err := tr.Digest()
		if err != nil || seen[d] {
			t.Errorf("digest %s, %v; seen before: %v", d, err, seen)
		}
		seen[d] = true
	}
	a, _ := with.Get("/d/stored")
	b, _ := other.Get("/d/stored")
	none, _ := plain.Get("/d/stored")
	empty := none
	empty.Xattrs = map[string][]byte{}
	if !SameXattrs(a, a) || SameXattrs(a, b) || SameXattrs(a, none) || !SameXattrs(none, empty) {
		t.Error("SameXattrs tells what is the same from what is not, but here")
	}
}

// TestXattrsInOneOrder: the same attributes have one encoding, and no other is
// read.
func TestXattrsInOneOrder(t *testing.T) {
	e := Entry{Path: "/x", Type: File, ModTime: t0, Xattrs: map[string][]byte{"user.a": []byte("1"), "user.b": []byte("2")}}
	b, err := AppendEntries(nil, []Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeEntries(b); err != nil {
		t.Fatal(err)
	}
	swapped := strings.NewReplacer("user.a", "user.b", "user.b", "user.a").Replace(string(b))
	twice := strings.Replace(string(b), "user.b", "user.a", 1)
	end := bytes.Index(b, []byte("\x02\x06user.a"))
	none := string(b[:end]) + "\x00"
	for name, bad := range map[string]string{"another order": swapped, "a name twice": twice, "none, and said so": none} {
		if got, err := DecodeEntries([]byte(bad)); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

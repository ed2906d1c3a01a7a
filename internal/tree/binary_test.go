package tree

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// every has an entry of each type.
func every(t testing.TB) Tree {
	t.Helper()
	var tr Tree
	stored := Entry{
		Path: "/d/stored", Type: File, Mode: 0o4755, UID: 1, GID: 65534, ModTime: time.Unix(-5, 7).UTC(), Size: 1 << 40,
		Digest: "sha256:00", Content: Content{Host: "/store", Offset: 9}, Why: "package x 1",
		Xattrs: map[string][]byte{"security.capability": {1, 0, 0, 2}, "user.z": []byte("z"), "user.empty": {}},
	}
	for _, e := range []Entry{
		{Path: "/", Type: Dir, Mode: 0o755, ModTime: t0},
		{Path: "/d", Type: Dir, ModTime: t0},
		stored,
		NewFile("/d/empty", 0o644, nil, t0, "package x 1"), NewFile("/d/text", 0o644, []byte("text"), t0, "package x 1"),
		{Path: "/d/second", Type: Hardlink, Link: "/d/text", ModTime: t0},
		{Path: "/d/link", Type: Symlink, Link: "text", ModTime: t0},
		{Path: "/null", Type: Char, Major: 1, Minor: 3, ModTime: t0},
		{Path: "/sda", Type: Block, Major: 8, ModTime: t0},
		{Path: "/fifo", Type: FIFO, ModTime: t0},
		{Path: "/socket", Type: Socket, ModTime: t0},
	} {
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func TestBinary(t *testing.T) {
	for name, want := range map[string]Tree{"every type": every(t), "empty": {}} {
		b, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got Tree
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.All(), got.All()); diff != "" || !cmp.Equal(want.names, got.names) {
			t.Errorf("%s: %v\n%s", name, got.names, diff)
		}
		for n := range b {
			if err := got.UnmarshalBinary(b[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes are taken for a tree", name, n, len(b))
			}
		}
		if err := got.UnmarshalBinary(append(b, 0)); err == nil {
			t.Errorf("%s: a byte too many is not seen", name)
		}
	}
}

func FuzzUnmarshalBinary(f *testing.F) {
	b, err := every(f).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var tr, again Tree
		if tr.UnmarshalBinary(b) != nil {
			return
		}
		out, err := tr.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(out); err != nil {
			t.Fatal(err)
		}
		if next, err := again.MarshalBinary(); err != nil || !bytes.Equal(out, next) {
			t.Errorf("it changes at the second time, %v", err)
		}
	})
}

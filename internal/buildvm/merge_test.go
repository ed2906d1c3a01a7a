package buildvm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// file is a regular file of a snapshot.
func file(p string, inode uint64, changed int64, size int64) wire.File {
	return wire.File{Path: p, Inode: inode, Mode: wire.TypeFile | 0o644, Size: size, ModTime: t0, ChangeTime: time.Unix(changed, 0)}
}

func folder(p string, inode uint64) wire.File {
	return wire.File{Path: p, Inode: inode, Mode: wire.TypeDir | 0o755, ModTime: t0, ChangeTime: t0}
}

// merged merges what a step made of a root that had /a ("old"), and /m with
// /m/x below a mounted file system.
func merged(t *testing.T, bytesOf string, now ...wire.File) (*merger, error) {
	t.Helper()
	var base tree.Tree
	for _, e := range []tree.Entry{
		{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0, Why: "base"},
		tree.NewFile("/a", 0o644, []byte("old"), t0, "base"),
		{Path: "/m", Type: tree.Dir, Mode: 0o700, ModTime: t0, Why: "base"},
		tree.NewFile("/m/x", 0o644, []byte("x"), t0, "base"),
	} {
		if err := base.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	mounted := wire.File{Path: "/m", Inode: 1, Mode: wire.TypeDir | 0o755, Mounted: true}
	before := []wire.File{folder("/", 2), file("/a", 3, 1, 3), mounted}
	m := &merger{
		ctx: t.Context(), before: newSnapshot(before), now: newSnapshot(append([]wire.File{folder("/", 2), mounted}, now...)),
		tree: &base, why: "f:1 x",
		open: func(wire.File) (*io.SectionReader, error) {
			if bytesOf == "" {
				return nil, errors.New("no bytes")
			}
			return io.NewSectionReader(bytes.NewReader([]byte(bytesOf)), 0, int64(len(bytesOf))), nil
		},
	}
	err := pack.Create(filepath.Join(t.TempDir(), "p"), func(w *pack.Writer) error {
		m.pack = w
		return m.merge()
	})
	return m, err
}

func TestMerge(t *testing.T) {
	const rest = "/ dir 0755 0:0 t0 (base)\n/m dir 0700 0:0 t0 (base)\n/m/x file 0644 0:0 1 t0 (base)"
	socket := wire.File{Path: "/s", Inode: 9, Mode: wire.TypeSocket | 0o600}
	reused := file("/a", 3, 1, 3)
	reused.Generation = 1
	tests := []struct {
		name, bytes string
		now         []wire.File
		want        string
		packed      int
	}{
		{"nothing", "", []wire.File{file("/a", 3, 1, 3)}, "/a file 0644 0:0 3 t0 (base)", 0},
		{"removed", "", nil, "", 0},
		{"moved", "", []wire.File{file("/b", 3, 1, 3)}, "/b file 0644 0:0 3 t0 (f:1 x)", 0},
		{"rewritten", "new", []wire.File{file("/a", 3, 2, 3)}, "/a file 0644 0:0 3 t0 (f:1 x)", 1},
		{"rewritten the same", "old", []wire.File{file("/a", 4, 2, 3)}, "/a file 0644 0:0 3 t0 (f:1 x)", 0},
		{"the inode taken again", "new", []wire.File{reused}, "/a file 0644 0:0 3 t0 (f:1 x)", 1},
		{"linked", "old", []wire.File{file("/a", 3, 2, 3), file("/b", 3, 2, 3)}, "/a file 0644 0:0 3 t0 (f:1 x)\n/b hardlink 0644 0:0 -> /a t0 (f:1 x)", 0},
		{"not of the tree, unchanged", "", []wire.File{file("/a", 3, 1, 3), socket}, "/a file 0644 0:0 3 t0 (base)", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := merged(t, tt.bytes, tt.now...)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(rest, "\n", "\n"+tt.want+"\n", 1)
			if diff := cmp.Diff(strings.ReplaceAll(want, "\n\n", "\n"), strings.Join(lines(&m.out), "\n")); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			if m.packed != tt.packed {
				t.Errorf("%d files packed; want %d", m.packed, tt.packed)
			}
			if e, ok := m.out.Get("/b"); ok && e.Type == tree.File && string(e.Content.Data) != "old" {
				t.Errorf("/b has its bytes at %+v", e.Content)
			}
		})
	}
}

// A guest may tell what can't be.
func TestMergeRefuses(t *testing.T) {
	odd := file("/o", 7, 1, 0)
	odd.Mode = 0o644
	tests := []struct {
		name, bytes string
		now         wire.File
		want        string
	}{
		{"no bytes", "", file("/a", 3, 2, 3), "/a: no bytes"},
		{"other bytes", "longer", file("/a", 3, 2, 3), "/a: 6 bytes of it can be read, it has 3"},
		{"no type", "", odd, "/o: its type 0 is none"},
		{"below a file", "x", file("/m/x/y", 8, 2, 1), "/m/x is a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := merged(t, tt.bytes, tt.now); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

func TestSparse(t *testing.T) {
	s := newSnapshot([]wire.File{file("/a", 1, 1, 100), file("/b", 2, 1, 101)})
	if err := s.fits(101); err != nil {
		t.Error(err)
	}
	if err := s.fits(100); err == nil || !strings.Contains(err.Error(), "/b has 101 bytes, mostly holes") {
		t.Errorf("error %v", err)
	}
}

func TestMergeEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := &merger{ctx: ctx, before: newSnapshot(nil), now: newSnapshot([]wire.File{folder("/", 2)}), tree: &tree.Tree{}}
	if err := m.merge(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Names by which a layer's archive says that something is gone, of the image
// specification's chapter on layers ("Whiteouts").
const (
	whiteout     = ".wh."           // before the name of what is removed
	opaque       = ".wh..wh..opq"   // what layers below have in the folder is removed
	whiteoutMeta = whiteout + ".wh" // others that begin so are a union file system's own
)

// layerVersion is that of a layer file's document.
const layerVersion = 1

// layerMeta is the document of a layer's pack.
type layerMeta struct {
	Version int      `json:"version"`
	Removed []string `json:"removed,omitempty"` // as Layer.Removed, sorted
}

// sorted returns a copy of l with its lists in the order that archives have,
// each change said in one way only. It refuses what no archive could say.
func (l Layer) sorted() (Layer, error) {
	l.Entries = slices.Clone(l.Entries)
	slices.SortStableFunc(l.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	types := make(map[string]tree.Type, len(l.Entries))
	for i, e := range l.Entries {
		switch {
		case i > 0 && l.Entries[i-1].Path == e.Path:
			return l, fmt.Errorf("%s is in the layer twice", e.Path)
		case strings.HasPrefix(path.Base(e.Path), whiteout):
			return l, fmt.Errorf("%s: names that begin with %s mean in a layer that something is removed; rename it", e.Path, whiteout)
		case e.Type == tree.File && e.Digest == "":
			return l, fmt.Errorf("%s has no digest", e.Path)
		}
		types[e.Path] = e.Type
	}
	var err error
	l.Removed, err = sortedRemovals(l.Removed, types)
	return l, err
}

// sortedRemovals returns what a layer with entries of these types removes: of
// a path that it has itself, what is below.
func sortedRemovals(removed []string, types map[string]tree.Type) ([]string, error) {
	var out []string
	for _, p := range removed {
		if clean := path.Clean(p); !path.IsAbs(p) || clean != p && clean+"/" != p {
			return nil, fmt.Errorf("%q can't be removed: it is no clean absolute path", p)
		}
		switch types[strings.TrimSuffix(p, "/")] {
		case "":
			out = append(out, p)
		case tree.Dir:
			out = append(out, strings.TrimSuffix(p, "/")+"/")
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// writeTar writes the archive of a sorted layer: what it removes is in its
// place among the entries, each an empty file.
func (l Layer) writeTar(ctx context.Context, w io.Writer) error {
	entries := slices.Clone(l.Entries)
	for _, p := range l.Removed {
		name := path.Join(path.Dir(p), whiteout+path.Base(p))
		if folder, ok := strings.CutSuffix(p, "/"); ok {
			name = path.Join("/", folder, opaque)
		}
		entries = append(entries, tree.Entry{Path: name, Type: tree.File, ModTime: time.Unix(0, 0)})
	}
	slices.SortStableFunc(entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	return archive.WriteTar(ctx, w, entries)
}

// diffID returns the digest of a sorted layer's archive.
func (l Layer) diffID(ctx context.Context) (string, error) {
	h := sha256.New()
	if err := l.writeTar(ctx, h); err != nil {
		return "", err
	}
	return digestPrefix + hex.EncodeToString(h.Sum(nil)), nil
}

// readLayer returns the layer with that DiffID.
func (s *Store) readLayer(id string) (Layer, error) { return readLayerAt(s.layerPath(id), id) }

func readLayerAt(file, id string) (Layer, error) {
	var meta layerMeta
	entries, err := pack.Read(file, &meta)
	if err != nil {
		return Layer{}, fmt.Errorf("layer %s: %w (build, pull or load the image again)", short(id), err)
	}
	if meta.Version != layerVersion {
		return Layer{}, fmt.Errorf("layer %s: %s has version %d; this program knows %d", short(id), file, meta.Version, layerVersion)
	}
	return Layer{Entries: entries, Removed: meta.Removed}, nil
}

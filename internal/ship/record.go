package ship

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// A record is of the files that a definition was read from, by their bytes.
// What they are called in it is the same wherever the definition lies.
type record struct {
	roots []string          // folders that names are relative to, the definition's first
	sums  map[string]string // SHA-256 by name
}

// newRecord begins the record of a definition with its own bytes.
func newRecord(definition string, src []byte, roots ...string) *record {
	r := &record{roots: roots, sums: make(map[string]string)}
	r.addAs(filepath.Base(definition), src)
	return r
}

// add records what was read of the file at path.
func (r *record) add(path string, b []byte) { r.addAs(r.name(path), b) }

func (r *record) addAs(name string, b []byte) {
	sum := sha256.Sum256(b)
	r.sums[name] = hex.EncodeToString(sum[:])
}

// name is the path relative to the first of the roots that it is below, and
// which one that is.
func (r *record) name(path string) string {
	for i, root := range r.roots {
		if rel, ok := relative(root, path); ok {
			return fmt.Sprintf("%d/%s", i, filepath.ToSlash(rel))
		}
	}
	return path
}

// digest identifies all that was read: the files' names and bytes.
func (r *record) digest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r.sums)) {
		fmt.Fprintf(h, "%s %q\n", r.sums[name], name)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

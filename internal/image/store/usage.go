package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Share is a part of an image's size.
type Share struct {
	What  string `json:"what"`
	Size  int64  `json:"size"`  // bytes
	Files int    `json:"files"` // how many
}

// Ways to divide an image's size.
const (
	ByPackage = "package" // that files are from, or are needed by; else the reason
	ByLayer   = "layer"   // by the text of its step
	ByReason  = "reason"  // as each file has it
)

// Usage divides the size of an image's files, as Image returned them, the
// largest share first.
func (s *Store) Usage(img image.Image, info Info, by string) ([]Share, error) {
	var what func(e tree.Entry) string
	switch by {
	case ByPackage:
		what = func(e tree.Entry) string { return owner(&img.Tree, info.Packages, e) }
	case ByLayer:
		what = s.layerOf(info)
	case ByReason:
		what = func(e tree.Entry) string { return e.Why }
	default:
		return nil, fmt.Errorf("sizes by %q: want %s, %s or %s", by, ByPackage, ByLayer, ByReason)
	}
	shares := map[string]*Share{}
	for _, e := range img.Tree.All() {
		if e.Type != tree.File {
			continue
		}
		name := cmp.Or(what(e), "unknown")
		if shares[name] == nil {
			shares[name] = &Share{What: name}
		}
		shares[name].Size += e.Size
		shares[name].Files++
	}
	all := []Share{}
	for _, sh := range shares {
		all = append(all, *sh)
	}
	slices.SortFunc(all, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.What, b.What))
	})
	return all, nil
}

// owner is the package that brought e, or else what did in the end.
func owner(t *tree.Tree, packages []Package, e tree.Entry) string {
	c := chain{tree: t, packages: packages}
	c.follow(e.Why)
	if c.pkg != "" {
		return fromPackage + c.pkg
	}
	if len(c.reasons) == 0 {
		return ""
	}
	return c.reasons[len(c.reasons)-1]
}

// layerOf tells the step of the layer that has an entry's bytes.
func (s *Store) layerOf(info Info) func(tree.Entry) string {
	steps := map[string]string{}
	for i, h := range info.History {
		if h.Layer != "" {
			steps[s.layerPath(h.Layer)] = cmp.Or(h.CreatedBy, fmt.Sprintf("layer %d %s", i+1, short(h.Layer)))
		}
	}
	return func(e tree.Entry) string { return steps[e.Content.Host] }
}

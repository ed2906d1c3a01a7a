package store

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fakecracker/fakecracker/internal/image"
)

// fits reports whether the guest g is as wished.
func fits(wish, g image.Guest) bool {
	return (wish.OS == "" || wish.OS == g.OS) && (wish.Arch == "" || wish.Arch == g.Arch)
}

// guests leaves out those of several manifests that say that they are for what
// no guest, or not the one that is wished for, can be, unless none is left.
func guests(all []v1.Descriptor, wish image.Guest) []v1.Descriptor {
	var left []v1.Descriptor
	for _, d := range all {
		if p := d.Platform; p != nil && p.OS != "" {
			if g, err := guestOf(p.OS, p.Architecture); err != nil || !fits(wish, g) {
				continue
			}
		}
		left = append(left, d)
	}
	if left == nil {
		return all
	}
	return left
}

// pick returns the one of the manifests that is for the guest wished for. It
// fails with a list of those that there are.
func pick(all []v1.Descriptor, wish image.Guest) (v1.Descriptor, error) {
	var there []string
	var found []v1.Descriptor
	for _, d := range all {
		if d.Platform == nil || d.Platform.OS == "unknown" { // "unknown": a statement about another
			continue
		}
		there = append(there, d.Platform.String())
		if g, err := guestOf(d.Platform.OS, d.Platform.Architecture); err == nil && fits(wish, g) {
			found = append(found, d)
		}
	}
	for _, d := range found {
		if d.Platform.OS == "linux" && d.Platform.Architecture == "amd64" {
			return d, nil
		}
	}
	if len(found) > 0 {
		return found[0], nil
	}
	what := "for a guest (NetBSD or Linux, on 386 or amd64)"
	if wish.OS != "" {
		what = "for " + strings.TrimSuffix(wish.String(), "/")
	}
	if len(there) == 0 {
		return v1.Descriptor{}, fmt.Errorf("there is no image %s in it", what)
	}
	return v1.Descriptor{}, fmt.Errorf("there is no image %s in it, only for %s", what, strings.Join(there, ", "))
}

package image

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Unkept tells in one line for each name which extended attributes the files
// have that the guest's root disk has no room for: NetBSD's FFSv1 none at all,
// Linux's ext4 access control lists and those of other systems. Nil: nothing is lost.
func Unkept(t *tree.Tree, g Guest) []string {
	type lost struct {
		first string // path
		more  int
	}
	names := make(map[string]lost)
	for _, e := range t.All() {
		for name := range e.Xattrs {
			if g.OS == "linux" && tree.LinuxXattr(name) {
				continue
			}
			l, ok := names[name]
			if !ok {
				names[name] = lost{first: e.Path}
				continue
			}
			l.more++
			names[name] = l
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		l := names[name]
		who := l.first
		if l.more > 0 {
			who = fmt.Sprintf("%s and %d more", l.first, l.more)
		}
		lines = append(lines, fmt.Sprintf("the extended attribute %.80q of %s: a disk of %s has no room for it", name, who, g))
	}
	return lines
}

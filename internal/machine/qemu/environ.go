package qemu

import (
	"slices"
	"strings"
)

// environment returns those of our variables that QEMU is given. It needs
// none for itself: a program is found by PATH and libraries by
// LD_LIBRARY_PATH where QEMU is a script or lives in a place of its own, and
// messages and temporary files are where the user wants them. Whatever else
// there is, tokens and passwords perhaps, is none of its business.
func environment(ours []string) []string {
	keep := []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR"}
	given := []string{} // not nil, which would mean all of them
	for _, v := range ours {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(keep, name) {
			given = append(given, v)
		}
	}
	return given
}

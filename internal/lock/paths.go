package lock

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// differences returns the paths whose values differ, sorted.
func differences(a, b map[string]string) []string {
	all := make(map[string]bool)
	for p, v := range a {
		if b[p] != v {
			all[p] = true
		}
	}
	for p, v := range b {
		if a[p] != v {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// maxUp is how many folders above a ship's own a file may be for its path to
// be one from there: another checkout has it in the same place.
const maxUp = 3

// Relative returns the host's path as a lock has it: from the folder dir, with
// slashes, or absolute where it is far from there.
func Relative(dir, host string) string {
	rel, err := filepath.Rel(dir, host)
	if err != nil || strings.Count(filepath.ToSlash(rel), "../") > maxUp {
		return filepath.ToSlash(host)
	}
	return filepath.ToSlash(rel)
}

package tree

import (
	"slices"
	"time"
)

// Clamp returns the entries with no modification time after notAfter. A zero
// notAfter changes nothing.
func Clamp(entries []Entry, notAfter time.Time) []Entry {
	if notAfter.IsZero() {
		return entries
	}
	entries = slices.Clone(entries)
	for i := range entries {
		if entries[i].ModTime.After(notAfter) {
			entries[i].ModTime = notAfter
		}
	}
	return entries
}

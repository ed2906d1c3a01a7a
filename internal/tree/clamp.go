package tree

import (
	"slices"
	"time"
)

// Newest returns when the last of the entries was changed: the zero time where
// there are none.
func Newest(entries []Entry) time.Time {
	var last time.Time
	for _, e := range entries {
		if e.ModTime.After(last) {
			last = e.ModTime
		}
	}
	return last
}

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

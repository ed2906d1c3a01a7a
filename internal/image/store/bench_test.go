package store_test

import (
	"fmt"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// BenchmarkImage opens an image of 5,000 files in three layers, as each run of
// an image begins.
func BenchmarkImage(b *testing.B) {
	s := &store.Store{Dir: b.TempDir()}
	d := draft("big")
	for l := range 3 {
		entries := []tree.Entry{dir("/usr"), dir("/usr/share"), dir(fmt.Sprintf("/usr/share/%d", l))}
		for i := range 1666 {
			entries = append(entries, file(fmt.Sprintf("/usr/share/%d/a-file-of-some-name-%d", l, i), fmt.Sprint(l, i)))
		}
		d.Layers = append(d.Layers, store.Layer{Entries: entries})
	}
	if _, err := s.Create(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := s.Image(b.Context(), "big"); err != nil {
			b.Fatal(err)
		}
	}
}

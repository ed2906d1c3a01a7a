package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEvict(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"a.raw": 31 * day, "b.raw": 3 * day, "c.raw": 2 * day, "d.raw": 0, "other": 99 * day, "e.raw": day,
	} {
		path := filepath.Join(dir, name)
		content := bytes.Repeat([]byte{1}, 1<<20)
		if name == "e.raw" {
			content = nil
		}
		if err := os.WriteFile(path, content, 0o444); err != nil {
			t.Fatal(err)
		}
		if name == "e.raw" { // large, but a hole
			if err := os.Truncate(path, 1<<40); err != nil && os.Geteuid() == 0 {
				t.Fatal(err)
			}
		}
		used := time.Now().Add(-age)
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string { t.Helper(); return names(t, dir) }
	if err := keepDisks.evict(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b.raw", "c.raw", "d.raw", "e.raw", "other"}, left()); diff != "" {
		t.Errorf("after 30 days (-want +got):\n%s", diff)
	}
	small := retention{unused: 30 * day, bytes: 5 << 19, spared: time.Hour}
	if err := small.evict(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c.raw", "d.raw", "e.raw", "other"}, left()); diff != "" {
		t.Errorf("over 2.5 MiB (-want +got):\n%s", diff)
	}
	if err := (retention{unused: day / 2, bytes: 8 << 30, spared: time.Hour}).evict(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"d.raw", "other"}, left()); diff != "" {
		t.Errorf("not used for half a day (-want +got):\n%s", diff)
	}
}

// A disk that is used stays, and a new one sends the old ones away.
func TestDeriveKeepsWhatIsUsed(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		dir := t.TempDir()
		o := Options{Dir: dir}
		img := testImage(t, guest)
		d, err := Derive(t.Context(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-2 * keepDisks.unused)
		if err := os.Chtimes(d.Path, past, past); err != nil {
			t.Fatal(err)
		}
		if d, err = Derive(t.Context(), img, o); err != nil || !d.Cached {
			t.Fatalf("Derive again = %+v, %v", d, err)
		}
		o.Free.Bytes = 1 << 20
		other, err := Derive(t.Context(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("a disk that was just used is gone: %q", got)
		}
		if err := os.Chtimes(d.Path, past, past); err != nil {
			t.Fatal(err)
		}
		o.Free.Bytes = 2 << 20
		third, err := Derive(t.Context(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]bool{d.Path: false, other.Path: true, third.Path: true} {
			if _, err := os.Stat(path); (err == nil) != want {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// aged makes files of a size, each "name age", in a folder.
func aged(t *testing.T, dir string, size int, files ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, text, _ := strings.Cut(f, " ")
		age, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		p, at := filepath.Join(dir, name), time.Now().Add(-age)
		if err := os.WriteFile(p, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// left are the names in the folder, the lock aside.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != ".lock" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

func TestEvict(t *testing.T) {
	r := retention{unused: 100 * time.Hour, bytes: 25, spared: 10 * time.Hour}
	for _, tt := range []struct {
		name  string
		files []string
		want  string
	}{
		{"nothing", nil, ""},
		{"all fit", []string{"a.pack 20h", "b.pack 30h"}, "a.pack b.pack"},
		{"the longest unused go first", []string{"a.pack 40h", "b.pack 20h", "c.pack 30h", "d.pack 50h"}, "b.pack c.pack"},
		{"what is in use stays", []string{"a.pack 1h", "b.pack 2h", "c.pack 3h", "d.pack 50h"}, "a.pack b.pack c.pack"},
		{"not used for long", []string{"a.pack 101h", "b.pack 1h"}, "b.pack"},
		{"others' files stay", []string{"a.pack 101h", "b.txt 101h"}, "b.txt"},
		{"what killed builds left", []string{atomicfile.Prefix + "1 25h", atomicfile.Prefix + "2 1h"}, atomicfile.Prefix + "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stock{t.TempDir(), ".pack"}
			aged(t, s.dir, 10, tt.files...)
			if err := s.evict(r); err != nil {
				t.Fatal(err)
			}
			if got := left(t, s.dir); got != tt.want {
				t.Errorf("left %q; want %q", got, tt.want)
			}
		})
	}
}

func TestUseSpares(t *testing.T) {
	s := stock{t.TempDir(), ".pack"}
	aged(t, s.dir, 10, "a.pack 101h", "b.pack 101h")
	s.use(t.Context(), s.file("a"))
	s.use(t.Context(), s.file("c")) // not there, and so it stays
	if err := s.evict(retention{unused: 100 * time.Hour, spared: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if got := left(t, s.dir); got != "a.pack" {
		t.Errorf("left %q", got)
	}
}

// TestEvictLeavesItToAnother has another process at the same work.
func TestEvictLeavesItToAnother(t *testing.T) {
	s := stock{t.TempDir(), ".pack"}
	aged(t, s.dir, 10, "a.pack 101h")
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.evict(retention{unused: time.Hour}); err != nil || left(t, s.dir) != "a.pack" {
		t.Errorf("evict = %v, left %q", err, left(t, s.dir))
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := s.evict(retention{unused: time.Hour}); err != nil || left(t, s.dir) != "" {
		t.Errorf("evict = %v, left %q", err, left(t, s.dir))
	}
	if err := (stock{filepath.Join(s.dir, "none"), ".pack"}).evict(retention{}); err != nil {
		t.Errorf("of a folder that is not there: %v", err)
	}
}

// TestBuildsEvict looks whether a build that writes into the cache keeps it
// within bounds, and one that only reads marks what it used.
func TestBuildsEvict(t *testing.T) {
	guest := &editor{t: t}
	o := Options{Cache: t.TempDir(), Guest: linux, Runner: guest}
	long := fmt.Sprint(keepPacks.unused + time.Hour)
	aged(t, o.stepPacks().dir, 10, "old.pack "+long)
	aged(t, o.addPacks().dir, 10, "old.pack "+long)
	aged(t, o.earlier().dir, 10, "old.build "+long)
	s := stepShip(t, "1", "make /a")
	if _, _, err := Build(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	var packs []string
	for _, s := range []stock{o.stepPacks(), o.addPacks(), o.earlier()} {
		if left := left(t, s.dir); strings.Contains(left, "old") {
			t.Errorf("%s has %s", s.dir, left)
		}
		all, err := filepath.Glob(filepath.Join(s.dir, "*"+s.suffix))
		if err != nil {
			t.Fatal(err)
		}
		packs = append(packs, all...)
	}
	if len(packs) != 2 { // of the step and of the build
		t.Fatalf("the cache has %q", packs)
	}
	for _, fresh := range []bool{false, true} { // what is found whole, and each step
		o.Fresh = fresh
		then := time.Now().Add(-48 * time.Hour)
		for _, p := range packs {
			if err := os.Chtimes(p, then, then); err != nil {
				t.Fatal(err)
			}
		}
		_, r, err := Build(t.Context(), s, o)
		if err != nil || len(guest.jobs) != 1 || r.Cached == fresh {
			t.Fatalf("fresh %t: %q was run, cached %t, %v", fresh, guest.jobs, r.Cached, err)
		}
		var unused []string
		for _, p := range packs {
			if fi, err := os.Stat(p); err != nil || time.Since(fi.ModTime()) > time.Hour {
				unused = append(unused, p)
			}
		}
		if diff := cmp.Diff([]string(nil), unused); diff != "" {
			t.Errorf("fresh %t: nobody noted the use of\n%s", fresh, diff)
		}
	}
}

package store_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func because(p, why string) tree.Entry {
	e := file(p, p)
	e.Why = why
	return e
}

func TestWhy(t *testing.T) {
	tr, err := store.Merge(layer(nil,
		because("/lib/libz.so.1", "needed by /lib/libpng.so"), because("/lib/libpng.so", "needed by /bin/web"),
		because("/bin/web", "package web 1.0nb2"), because("/bin/other", "package other 3"), because("/bin/alone", "package alone"),
		because("/rc", "ship.conf:5"), because("/loop/a", "needed by /loop/b"), because("/loop/b", "needed by /loop/a"),
		because("/gone", "needed by /not/there"), because("/none", ""), symlink("/lib/libz.so", "libz.so.1"), symlink("/l", "lib"),
	))
	if err != nil {
		t.Fatal(err)
	}
	packages := []store.Package{
		{Name: "web", Version: "1.0nb2", For: "all"},
		{Name: "all", Version: "1", Asked: "ship.conf:3"},
		{Name: "other", Version: "3", For: "circle"},
		{Name: "circle", For: "other"},
	}
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"/lib/libz.so.1", []string{"needed by /lib/libpng.so", "needed by /bin/web", "from package web-1.0nb2", "needed by package all", "asked for by ship.conf:3"}},
		{"/l/libz.so", []string{"needed by /lib/libpng.so", "needed by /bin/web", "from package web-1.0nb2", "needed by package all", "asked for by ship.conf:3"}},
		{"/lib/libz.so", []string{"overlay"}},
		{"/bin/alone", []string{"from package alone"}},
		{"/rc", []string{"ship.conf:5"}},
		{"/loop/a", []string{"needed by /loop/b", "needed by /loop/a", "needed by /loop/b"}},
		{"/gone", []string{"needed by /not/there"}},
		{"/none", nil},
		{"/bin/other", []string{"from package other-3", "needed by package circle", "needed by package other"}},
	} {
		_, got, err := store.Why(&tr, packages, tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
	}
	if _, _, err := store.Why(&tr, packages, "/bin/wep"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestUsage(t *testing.T) {
	s := newStore(t)
	create(t, s, draft("web"))
	img, info, err := s.Image(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	for by, want := range map[string][]store.Share{
		store.ByLayer:   {{What: "RUN change", Size: 9, Files: 2}, {What: "FROM base", Size: 5, Files: 1}},
		store.ByReason:  {{What: "overlay", Size: 14, Files: 3}},
		store.ByPackage: {{What: "overlay", Size: 14, Files: 3}},
	} {
		got, err := s.Usage(img, info, by)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", by, diff)
		}
	}
}

package build

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestSailorsOwn has what sailor puts into each of its ships, and in no other.
func TestSailorsOwn(t *testing.T) {
	want := map[string]string{
		"/dev/MAKEDEV": "/dev/MAKEDEV", "/etc/MAKEDEV": "/dev/MAKEDEV",
		"/etc/localtime": "/usr/share/zoneinfo/Etc/GMT", "/etc/resolv.conf": "nameserver 10.0.2.3\n",
	}
	for _, sailors := range []bool{true, false} {
		s := systemShip(t)
		s.Bins = []string{"/bin/cat"}
		if sailors {
			s.ShipPath = "/home/web"
		}
		img, _, err := Build(t.Context(), s, withSets(t))
		if err != nil {
			t.Fatal(err)
		}
		for p, text := range want {
			got, err := img.Tree.ReadFile(p, 100)
			if (err == nil) != sailors || sailors && string(got) != text {
				t.Errorf("sailor's %t: %s is %q, %v", sailors, p, got, err)
			}
		}
		for p, is := range map[string]bool{"/dev/console": sailors, "/dev/null": sailors, "/bin/sh": sailors, "/bin/cat": true} {
			if e, err := img.Tree.Lookup(p); (err == nil) != is {
				t.Errorf("sailor's %t: %s is there: %t (%s)", sailors, p, err == nil, e.Type)
			}
		}
	}
	s := systemShip(t, "etc/resolv.conf=nameserver 192.0.2.1\n", "etc/localtime=mine")
	s.ShipPath = "/home/web"
	img, _, err := Build(t.Context(), s, withSets(t))
	if err != nil {
		t.Fatal(err)
	}
	for p, text := range map[string]string{"/etc/resolv.conf": "nameserver 192.0.2.1\n", "/etc/localtime": "mine"} {
		if got, err := img.Tree.ReadFile(p, 100); err != nil || string(got) != text {
			t.Errorf("of the overlay: %s is %q, %v", p, got, err)
		}
		if e, _ := img.Tree.Get(p); e.Type != tree.File {
			t.Errorf("%s is a %s", p, e.Type)
		}
	}
}

// TestSettle has the root settled before steps see it, and in the end.
func TestSettle(t *testing.T) {
	s := systemShip(t)
	s.Hooks.Build = []string{"echo x > /x"}
	o := withSets(t)
	var saw []bool
	o.Settle = func(files *tree.Tree, at time.Time) ([]string, error) {
		_, err := files.Lookup("/x")
		saw = append(saw, err == nil)
		return []string{"/etc/settled"}, files.Put(tree.NewFile("/etc/settled", 0o644, nil, at, "settled"))
	}
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bool{false, true}, saw); diff != "" {
		t.Error(diff)
	}
	n := 0
	for _, l := range r.Layers {
		if l.Text == settledText {
			n++
		}
	}
	if _, err := img.Tree.Lookup("/etc/settled"); err != nil || n != 1 {
		t.Errorf("%v, in %d layers", err, n)
	}
	o.Settle = func(*tree.Tree, time.Time) ([]string, error) { return nil, errors.New("odd certs.conf") }
	if _, _, err := Build(t.Context(), s, o); err == nil || !strings.HasSuffix(err.Error(), "odd certs.conf") {
		t.Errorf("Build = %v", err)
	}
}

package build

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
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

// TestCommonOverlays has overlays of a sailor checkout, which leave what is
// there already, bring files that the system's sets have, too.
func TestCommonOverlays(t *testing.T) {
	const passwd = "root:*:0:0::0:0:root:/root:/bin/sh\nadmin:*:100:0::0:0:admin:/:/bin/sh\n"
	s := systemShip(t, "etc/master.passwd="+passwd, "etc/rc.conf=hostname=mine\n")
	s.Overlays[0].Keep = true
	s.ShipPath = "/home/web"
	img, _, err := Build(t.Context(), s, withSets(t))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"/etc/master.passwd": passwd, "/etc/rc.conf": "hostname=mine\n", "/etc/group": "wheel:*:0:root\n",
	} {
		if got, err := img.Tree.ReadFile(p, 1000); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s is %q, %v; want %q", p, got, err, want)
		}
	}
}

// TestSetsBesideTheShip names a file of the host by a relative path.
func TestSetsBesideTheShip(t *testing.T) {
	s := systemShip(t)
	s.File, s.Sets = "/ships/web/ship.conf", []string{"base", "./own.tgz", "../other/x.tgz:/bin/x", "/abs.tgz", "comp:/usr/bin/strip"}
	s.Bins = []string{"/bin/cat"}
	o := withSets(t)
	catalog := o.Catalog
	var asked []string
	o.Catalog = func(ctx context.Context, g image.Guest, sets []string) (tree.Catalog, error) {
		asked = sets
		return catalog(ctx, g, sets)
	}
	if _, _, err := Build(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	want := []string{"base", "/ships/web/own.tgz", "/ships/other/x.tgz:/bin/x", "/abs.tgz", "comp:/usr/bin/strip"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

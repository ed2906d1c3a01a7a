package debian

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
)

func TestExplain(t *testing.T) {
	texts := []string{
		"Package: dash\n",
		"Package: libc6\nDepends: libgcc-s1\n",
		"Package: libgcc-s1\nDepends: libc6\n",
		"Package: web\nPre-Depends: dash\nDepends: libc6 (>= 2.36), tiny | mta, web-common (= 1)\n",
		"Package: web-common\nDepends: libc6\n",
		"Package: postfix\nProvides: mta, other (= 2)\n",
		"Package: alone\n",
	}
	var pkgs []source.Package
	var all []index
	for _, text := range texts {
		x := index{Control: control{"control": text}}
		all = append(all, x)
		pkgs = append(pkgs, source.Package{Name: x.Control.field("Package")})
	}
	explain(pkgs, all, []string{"dash", "web:amd64=1"})
	got := make(map[string]string)
	for _, p := range pkgs {
		got[p.Name] = p.For
	}
	want := map[string]string{
		"dash": "", "web": "", "libc6": "web", "web-common": "web", "postfix": "web", "libgcc-s1": "libc6", "alone": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

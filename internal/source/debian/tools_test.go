package debian

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

// TestTools has an archive with all that scripts may count on, and a package
// whose script calls what no tree has by itself.
func TestTools(t *testing.T) {
	a := repotest.New(t, t.TempDir())
	suite := repotest.Suite{Name: "here"}
	publish := func(name, fields string, ctl map[string]string, files []file) {
		ctl["control"] = "Package: " + name + "\nVersion: 1.0\nArchitecture: amd64\n" + fields
		suite.Packages = append(suite.Packages, repotest.Package{
			Name: name, Version: "1.0", Fields: fields, Deb: makeDeb(t, ".gz", ctl, files),
		})
	}
	publish("base-files", "", map[string]string{}, base)
	publish("base-passwd", "", map[string]string{}, nil)
	publish("dash", "", map[string]string{}, shell[:2])
	for _, name := range scriptTools {
		if name != "coreutils" {
			publish(name, "", map[string]string{}, nil)
		}
	}
	publish("coreutils", "Depends: libtool\n", map[string]string{}, []file{{name: "./usr/bin/touch", body: "\x7fELF"}})
	publish("libtool", "", map[string]string{}, []file{{name: "./usr/lib/libtool.so", body: "\x7fELF"}})
	publish("xx", "", map[string]string{
		"postinst": "#!/bin/sh\nfrob; touch /etc/made\n", "templates": "Template: xx/port\n",
	}, []file{{name: "./usr/bin/frob", body: "\x7fELF"}})
	a.Publish(t, suite)
	srv := httptest.NewServer(http.FileServer(http.Dir(a.Dir)))
	t.Cleanup(srv.Close)
	s := &Source{
		Dir:     t.TempDir(),
		Archive: &repo.Source{Base: srv.URL, Suites: []repo.Suite{{Name: "here"}}, Keyring: a.Keyring(t, true)},
	}
	tr, r, err := s.Packages(t.Context(), []string{"xx"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Scripts) != 1 || r.Scripts[0].Dir != "/" || len(r.Notes) != 1 || !r.Notes[0].Guest {
		t.Errorf("scripts %+v, notes %v; want that of xx", r.Scripts, r.Notes)
	}
	for _, p := range []string{"/usr/bin/touch", "/usr/lib/libtool.so", "/var/lib/dpkg/info/xx.templates", "/usr/sbin/policy-rc.d", "/usr/bin/awk"} {
		_, tool := r.Tools.Get(p)
		if _, there := tr.Get(p); there || !tool {
			t.Errorf("%s is in the tree: %t, among the tools: %t", p, there, tool)
		}
	}
	if _, both := r.Tools.Get("/usr/bin/frob"); both {
		t.Error("/usr/bin/frob is of the tree and among the tools")
	}
	status, err := r.Tools.ReadFile("/var/lib/dpkg/status", 1<<20)
	var known []string
	for l := range strings.Lines(string(status)) {
		if name, ok := strings.CutPrefix(l, "Package: "); ok {
			known = append(known, strings.TrimSpace(name))
		}
	}
	want := slices.Concat(essentials, scriptTools, []string{"libtool", "xx"})
	slices.Sort(known)
	slices.Sort(want)
	if diff := cmp.Diff(want, known); diff != "" || err != nil {
		t.Errorf("dpkg's status: %v\n%s", err, diff)
	}
	if slices.ContainsFunc(r.Packages, func(p source.Package) bool { return p.Name == "coreutils" }) {
		t.Error("coreutils counts as installed")
	}
}

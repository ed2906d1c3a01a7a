package sbom

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var update = flag.Bool("update", false, "write the golden file anew")

const (
	d1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	d2 = "sha512:22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
)

func sample(t *testing.T) Subject {
	t.Helper()
	day := time.Unix(1700000000, 0).UTC()
	var files tree.Tree
	own := tree.NewFile("/etc/rc", 0o644, []byte("#!/bin/sh\n"), day, "overlays (web.conf:3)")
	made := tree.NewFile("/srv/made", 0o644, []byte("made\n"), day, "web.conf:4 ls > /srv/made")
	const why = "package nginx 1.26.2"
	nginx, same := tree.NewFile("/usr/pkg/sbin/nginx", 0o755, []byte("nginx"), day, why), tree.NewFile("/usr/pkg/etc/same", 0o644, []byte("#!/bin/sh\n"), day, why)
	for _, e := range []tree.Entry{own, made, nginx, same} {
		if err := files.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return Subject{
		Image: image.Image{Name: "web", Guest: image.Guest{OS: "netbsd", Arch: "i386"}, Tree: files},
		ID:    d1, Tool: "fakecracker-test", Created: day,
		Sets: []source.Package{{Name: "base", Version: "10.1", Digest: d2, URL: "http://localhost/base.tgz"}},
		Packages: []source.Package{
			{Name: "nginx", Version: "1.26.2nb1", Arch: "i386", Digest: d1, URL: "http://localhost/nginx.tgz", License: "2-clause-bsd", Homepage: "https://nginx.org/"},
			{Name: "pcre2", Version: "10.44", License: "modified-bsd AND own-words", For: "nginx"},
		},
		Bases:   []Base{{"tools:1", d1, []source.Package{{Name: "curl", Version: "8.10.1"}, {Name: "nghttp2", Version: "1.63", For: "curl"}, {Name: "nginx", Version: "1.24.0"}}}},
		Made:    map[string]string{"/srv/made": "ls > /srv/made", "/etc/rc": "echo", "/gone": "rm /gone"},
		Fetched: []Fetched{{"http://localhost/a/x.tar", d1}},
		Own:     []string{own.Digest},
	}
}

func TestGolden(t *testing.T) {
	got, _, err := Encode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "web.spdx.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKnown takes facts of an earlier document for the files' bytes, which are
// gone by then.
func TestKnown(t *testing.T) {
	first := sample(t)
	want, facts, err := Encode(first)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts) != 2 { // nginx is too short for a program
		t.Errorf("%d facts: %v", len(facts), facts)
	}
	var gone tree.Tree
	for _, e := range first.Image.Tree.All() {
		if e.Type == tree.File {
			e.Content = tree.Content{Host: filepath.Join(t.TempDir(), "gone")}
		}
		if err := gone.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	second := first
	second.Image.Tree = gone
	if _, _, err := Encode(second); err == nil {
		t.Error("files that are gone were read")
	}
	second.Known = facts
	got, again, err := Encode(second)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(facts, again); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// TestReferences looks whether each ID is well formed, is there once, and is
// reached from the document.
func TestReferences(t *testing.T) {
	s := sample(t)
	s.Packages = append(s.Packages, source.Package{Name: "a+b", Version: "1"}, source.Package{Name: "a_b", Version: "1"}, source.Package{Name: "a-b-2", Version: "1"})
	b, _, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{d.ID: true}
	said := map[relation]bool{}
	for _, r := range d.Relations {
		if said[r] || !slices.Contains([]string{"DESCRIBES", "CONTAINS", "DEPENDS_ON", "DESCENDANT_OF"}, r.How) {
			t.Errorf("%v: said before: %t", r, said[r])
		}
		said[r] = true
		if !reached[r.From] {
			t.Errorf("%s %s %s: the first was not named before", r.From, r.How, r.To)
		}
		reached[r.To] = true
	}
	seen := map[string]bool{}
	check := func(id string) {
		if seen[id] || !reached[id] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(id) {
			t.Errorf("ID %q: there before: %t, reached: %t", id, seen[id], reached[id])
		}
		seen[id] = true
	}
	for _, p := range d.Packages {
		check(p.ID)
	}
	for _, f := range d.Files {
		check(f.ID)
		if len(f.Checksums) != 2 || f.Checksums[0].Algorithm != "SHA1" || f.Checksums[1].Algorithm != "SHA256" {
			t.Errorf("%s has the digests %v", f.Name, f.Checksums)
		}
	}
	if len(seen)+1 != len(reached) {
		t.Errorf("%d are named, %d there", len(reached), len(seen)+1)
	}
}

func TestSubjectsHaveTheirOwnNamespace(t *testing.T) {
	s := sample(t)
	a, _, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Packages[0].Version = "1.26.3"
	b, _, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	find := regexp.MustCompile(`"documentNamespace": "(.*)"`)
	if bytes.Equal(find.Find(a), find.Find(b)) {
		t.Errorf("both have %s", find.Find(a))
	}
}

// TestGoModules looks into this very test. Go leaves the modules that a test
// depends on out of it.
func TestGoModules(t *testing.T) {
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	e := tree.NewFile("/bin/test", 0o755, program, time.Unix(0, 0), "shipbins")
	found, err := goModules(e)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range found {
		names = append(names, m.Path)
	}
	if diff := cmp.Diff([]string{"stdlib", "github.com/fakecracker/fakecracker"}, names); diff != "" {
		t.Errorf("modules (-want +got):\n%s", diff)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.ReadFile(sh); err != nil {
		t.Fatal(err)
	}
	if found, err := goModules(tree.NewFile("/bin/sh", 0o755, program, time.Unix(0, 0), "")); err != nil || found != nil {
		t.Errorf("a program in C has %v, %v", found, err)
	}
}

func TestLicense(t *testing.T) {
	for _, tt := range []struct {
		expr, want string
		ok         bool
	}{
		{"2-clause-bsd", "BSD-2-Clause", true},
		{"(gnu-gpl-v2 OR artistic) AND mit", "(GPL-2.0-only OR Artistic-1.0) AND MIT", true},
		{"mit AND nobody-knows", noAssertion, false},
	} {
		if got, ok := spdxLicense(tt.expr); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %s, %t; want %s, %t", tt.expr, got, ok, tt.want, tt.ok)
		}
	}
}

func TestPURL(t *testing.T) {
	got := purl("deb", "debian/libstdc++6", "1:12.2.0-14+deb12u1~a", "amd64")[0].Locator
	if want := "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1~a?arch=amd64"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

package pkgsrc

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// TestInstallMore installs packages beside those that a tree has already.
func TestInstallMore(t *testing.T) {
	lib := testPackage{name: "lib-1", files: []testFile{{name: "lib/l", text: "l"}}}
	user := func(name string) testPackage {
		return testPackage{name: name, summary: []string{"DEPENDS=lib-[0-9]*"}, files: []testFile{{name: "bin/" + name, text: name}}}
	}
	r := newRepo(t, lib, user("a-1"), user("b-1"),
		testPackage{name: "enemy-1", summary: []string{"CONFLICTS=a-[0-9]*"}},
		testPackage{name: "hostile-1", before: []string{"@pkgcfl quiet-[0-9]*"}}, testPackage{name: "quiet-1"},
		testPackage{name: "twin-1"}, testPackage{name: "twin-2"})
	s := r.source(t)
	tr := baseTree(t)
	install := func(names ...string) error {
		t.Helper()
		in, err := s.Install(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		return in.Apply(&tr)
	}
	const dir = "/usr/pkg/pkgdb/lib-1/"
	for _, step := range []struct {
		name      string
		by        string
		automatic bool
	}{
		{"a", "a-1\n", true},
		{"b", "a-1\nb-1\n", true},
		{"a", "a-1\nb-1\n", true},
		{"lib", "a-1\nb-1\n", false},
		{"b", "a-1\nb-1\n", false},
	} {
		if err := install(step.name); err != nil {
			t.Fatal(err)
		}
		if by, err := tr.ReadFile(dir+"+REQUIRED_BY", 1<<10); err != nil || string(by) != step.by {
			t.Errorf("after %s lib is required by %q, %v", step.name, by, err)
		}
		if _, err := tr.ReadFile(dir+"+INSTALLED_INFO", 1<<10); errors.Is(err, fs.ErrNotExist) == step.automatic {
			t.Errorf("after %s lib is automatic: %t, %v", step.name, !step.automatic, err)
		}
	}
	if err := install("hostile", "twin-1"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"enemy":  "install enemy-1: it conflicts with a-1, which is installed already",
		"quiet":  "install quiet-1: it conflicts with hostile-1, which is installed already",
		"twin-2": "install twin-2: twin-1 is installed already: ask for one of them only, or for all packages at once",
	} {
		if err := install(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, not %s", err, want)
		}
	}
}

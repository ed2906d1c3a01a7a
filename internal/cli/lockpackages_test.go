package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/lock"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// shelf is a source of packages: versions by name, the newest first. What is
// asked for by its version comes in that. It depends on nothing but order.
type shelf struct {
	versions map[string][]string
	between  string // what parts a name from a version
	asked    [][]string
}

func (s *shelf) Key() string { return "shelf" }

func (s *shelf) Packages(_ context.Context, names []string) (tree.Tree, source.Report, error) {
	s.asked = append(s.asked, names)
	found := map[string]string{}
	r := source.Report{Key: "shelf"}
	for _, n := range names {
		for name, versions := range s.versions {
			for _, v := range versions {
				if n == name+s.between+v {
					found[name] = v
				}
			}
			if n == name && found[name] == "" {
				found[name] = versions[0]
			}
		}
		if name, version, ok := strings.Cut(n, s.between); ok && found[name] != version {
			return tree.Tree{}, r, fmt.Errorf("package %s has no version %s", name, version)
		}
	}
	for name, v := range found {
		r.Packages = append(r.Packages, source.Package{Name: name, Version: v})
	}
	return tree.Tree{}, r, nil
}

func TestLockedPackages(t *testing.T) {
	locked := []lock.Package{{Name: "nginx", Version: "1.22.1-9"}, {Name: "libpcre2", Version: "10.42", For: "nginx"}}
	for _, tt := range []struct {
		name    string
		linux   bool
		between string
		names   []string
		nginx   []string // versions that there are
		asked   string
		got     string
		err     string
	}{
		{"Debian has it still", true, "=", []string{"nginx"}, []string{"1.22.1-10", "1.22.1-9"}, "[nginx] [nginx=1.22.1-9 libpcre2=10.42]", "1.22.1-9", ""},
		{"Debian's is the newest", true, "=", []string{"nginx", "libpcre2"}, []string{"1.22.1-9"}, "[nginx libpcre2]", "1.22.1-9", ""},
		{"Debian has it no more", true, "=", []string{"nginx"}, []string{"1.22.1-10"}, "[nginx] [nginx=1.22.1-9 libpcre2=10.42]", "1.22.1-10", "package nginx has no version 1.22.1-9"},
		{"asked for with a processor", true, "=", []string{"nginx:amd64"}, []string{"2", "1.22.1-9"}, "[nginx:amd64] [nginx=1.22.1-9 libpcre2=10.42]", "1.22.1-9", ""},
		{"pkgsrc has it still", false, "-", []string{"nginx"}, []string{"1.26.2", "1.22.1-9"}, "[nginx nginx-1.22.1-9 libpcre2-10.42]", "1.22.1-9", ""},
		{"pkgsrc has it no more", false, "-", []string{"nginx"}, []string{"1.26.2"}, "[nginx nginx-1.22.1-9 libpcre2-10.42] [nginx]", "1.26.2", "package nginx has no version 1.22.1-9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from := &shelf{versions: map[string][]string{"nginx": tt.nginx, "libpcre2": {"10.42"}}, between: tt.between}
			p := &lockedPackages{PackageSource: from, locked: locked, linux: tt.linux}
			_, r, err := p.Packages(t.Context(), tt.names)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]source.Package{}
			for _, p := range r.Packages {
				got[p.Name] = p
			}
			if got["nginx"].Version != tt.got {
				t.Errorf("got %v; want nginx %s", r.Packages, tt.got)
			}
			if strings.Contains(tt.asked, "libpcre2=") && tt.err == "" && got["libpcre2"].For != "nginx" {
				t.Errorf("libpcre2 is for %q", got["libpcre2"].For)
			}
			if got := fmt.Sprint(from.asked); got != "["+tt.asked+"]" {
				t.Errorf("asked for %s; want [%s]", got, tt.asked)
			}
			if p.err == nil && tt.err != "" || p.err != nil && p.err.Error() != tt.err {
				t.Errorf("error %v; want %q", p.err, tt.err)
			}
			if p.Key() == from.Key() || r.Key != p.Key() {
				t.Errorf("key %q of the report, %q before", r.Key, p.Key())
			}
		})
	}
}

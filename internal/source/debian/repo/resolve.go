package repo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/spelling"
)

// A Given is a package that is taken as installed, in a version newer than any.
type Given struct {
	Name     string
	Provides string // as in a package list
}

// Resolve returns the named packages and all that they depend on, without what
// is given, each behind those that it depends on. Recommended packages are left
// out. A name may be "name=version"; ErrNotFound is wrapped where there is no
// such package.
//
// A dependency on several alternatives is met by the first that can be had, as
// apt does it, after those that leave no choice.
func (x *Index) Resolve(names []string, given []Given) ([]source.Package, error) {
	asked, err := x.findAll(names)
	if err != nil {
		return nil, err
	}
	// What one asked for needs is found before what the next one does, as by
	// apt. Where that leads nowhere, all of it at once may.
	s, err := x.solve(asked, given, false)
	if err != nil {
		if s, err = x.solve(asked, given, true); err != nil {
			return nil, fmt.Errorf("resolve packages: %w", err)
		}
	}
	var found []source.Package
	for _, p := range s.ordered(asked) {
		found = append(found, p.described())
	}
	return found, nil
}

// findAll returns the packages that were asked for, each once.
func (x *Index) findAll(names []string) ([]*pkg, error) {
	var asked []*pkg
	byName := make(map[string]*pkg)
	for _, n := range names {
		p, err := x.find(n)
		if err != nil {
			return nil, err
		}
		switch q := byName[p.Name]; {
		case q == nil:
			byName[p.Name] = p
			asked = append(asked, p)
		case q != p && !strings.Contains(n, "="): // the other one says which
		case q != p && q == x.byName[p.Name][0]:
			byName[p.Name] = p
			asked[slices.Index(asked, q)] = p
		case q != p:
			return nil, fmt.Errorf("resolve packages: both %s %s and %s %s are asked for", q.Name, q.Version, p.Name, p.Version)
		}
	}
	return asked, nil
}

// solve chooses the packages asked for and what they need.
func (x *Index) solve(asked []*pkg, given []Given, atOnce bool) (*solver, error) {
	s := newSolver(x)
	for _, g := range given {
		s.take(&pkg{Name: g.Name, Version: givenVersion, Arch: x.arch, Provides: g.Provides, given: true})
	}
	for _, p := range asked {
		if err := s.conflict(p); err != nil {
			return nil, err
		}
		s.take(p)
	}
	if atOnce {
		return s, s.solve()
	}
	all := s.open
	s.open = nil
	for _, p := range asked {
		for _, n := range all {
			if n.of == p {
				s.open = append(s.open, n)
			}
		}
		if err := s.solve(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

const givenVersion = "99"

// find returns the package that was asked for.
func (x *Index) find(asked string) (*pkg, error) {
	name, version, versioned := strings.Cut(asked, "=")
	name, arch, qualified := strings.Cut(name, ":")
	if qualified && arch != x.arch && arch != "all" {
		return nil, fmt.Errorf("%w: %q is for the processor %s, and the guest's is %s", ErrNotFound, asked, arch, x.arch)
	}
	for _, p := range x.byName[name] {
		if !versioned || p.Version == version {
			return p, nil
		}
	}
	if all := x.byName[name]; len(all) > 0 {
		return nil, fmt.Errorf("%w: package %q has no version %s in %s (it has %s)", ErrNotFound, name, version, x.name, versions(all))
	}
	switch all := x.providers[name]; {
	case versioned:
	case len(all) == 1:
		return all[0], nil
	case len(all) > 1:
		return nil, fmt.Errorf("package %q is provided by several packages: name one of %s", name, listed(all))
	}
	msg := fmt.Sprintf("package %q not found in %s", asked, x.name)
	if near := spelling.Nearest(name, x.Names()); near != "" {
		msg += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return nil, notFound(msg)
}

// notFound is an error whose text needs no more to be said.
type notFound string

// Error implements error.
func (e notFound) Error() string { return string(e) }

// Is makes it ErrNotFound.
func (e notFound) Is(err error) bool { return err == ErrNotFound }

func versions(all []*pkg) string {
	var list []string
	for _, p := range all {
		if !slices.Contains(list, p.Version) {
			list = append(list, p.Version)
		}
	}
	return strings.Join(list, ", ")
}

// listed names no more than a handful of packages.
func listed(all []*pkg) string {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("%d more", len(all)-5))
	}
	return strings.Join(names, ", ")
}

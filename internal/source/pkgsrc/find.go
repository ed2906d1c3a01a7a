package pkgsrc

import (
	"slices"
	"strings"
)

// candidates returns the packages of the index that p matches. Those that it
// names outright come before those that it happens to match too, the newer
// before the older, whatever the order of p's alternatives, as pkg_add(1)
// orders them.
func (x *index) candidates(p pattern) []listed {
	type ranked struct {
		listed
		meant   bool
		version version
	}
	var found []ranked
	seen := make(map[string]bool)
	for _, a := range p.alts {
		for _, l := range x.near(a) {
			if seen[l.name()] || !a.match(l.name()) {
				continue
			}
			seen[l.name()] = true
			meant := l.base == a.name || l.base == a.stem() || l.name() == a.name
			found = append(found, ranked{l, meant, parseVersion(l.version)})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int {
		if a.meant != b.meant {
			if a.meant {
				return -1
			}
			return 1
		}
		return b.version.compare(a.version)
	})
	all := make([]listed, len(found))
	for i, f := range found {
		all[i] = f.listed
	}
	return all
}

// near returns packages among which are all that a matches.
func (x *index) near(a alternative) []listed {
	if len(a.bounds) > 0 {
		return x.named(a.name)
	}
	prefix := a.literal()
	all := slices.Clone(x.starting(prefix))
	for i := range prefix { // the name may end, and its version begin, at any hyphen of it
		if prefix[i] == '-' {
			all = append(all, x.named(prefix[:i])...)
		}
	}
	return all
}

// asked returns the packages that somebody meant who asked for name: one of
// that very name, else what the pattern matches, else, as pkgin(1)'s users
// write it, those whose version begins with what name ends in ("apache-2.4").
func (x *index) asked(name string) (pattern, []listed, error) {
	p, err := parsePattern(name)
	if err != nil {
		return pattern{}, nil, err
	}
	if base, version, ok := splitName(name); ok {
		for _, l := range x.named(base) {
			if l.version == version {
				return p, []listed{l}, nil
			}
		}
		for _, more := range []string{".*", "nb*"} {
			p.alts = append(p.alts, alternative{name: globQuote(name) + more, glob: true})
		}
	}
	return p, x.candidates(p), nil
}

// globQuote returns the glob that only matches s, unless s has one in it.
func globQuote(s string) string {
	if strings.ContainsAny(s, "*?[]<>{}") {
		return s
	}
	return strings.ReplaceAll(s, `\`, `\\`)
}

// superseding returns the packages that say that they take the place of the
// package named base.
func (x *index) superseding(base string) ([]listed, error) {
	var found []listed
	for _, l := range x.packages {
		b, err := x.record(l)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(b), base) {
			continue // most are not decoded for nothing
		}
		e, err := x.entry(l)
		if err != nil {
			return nil, err
		}
		for _, text := range e.Supersedes {
			if p, err := parsePattern(text); err == nil && p.names(base) {
				found = append(found, l)
				break
			}
		}
	}
	return found, nil
}

// names reports whether p is about the package base, in whatever version.
func (p pattern) names(base string) bool {
	for _, a := range p.alts {
		if name, _, ok := splitName(a.name); a.name == base || a.stem() == base || (ok && name == base) {
			return true
		}
	}
	return false
}

// bases returns the names of all packages, without their versions.
func (x *index) bases() []string {
	var all []string
	for _, l := range x.packages {
		if len(all) == 0 || all[len(all)-1] != l.base {
			all = append(all, l.base)
		}
	}
	return all
}

package pkgsrc

import (
	"errors"
	"fmt"
	"strings"
)

// What a pattern may be: pkg_install has the same limit to its length, and
// none to its alternatives.
const (
	maxPattern      = 1024 // bytes, also of each alternative
	maxAlternatives = 1024
)

// A pattern names packages as pkg_match of pkg_install does (pkg_info(1),
// "PACKAGE WILDCARDS"): after its braces are expanded, any of its
// alternatives has to match.
type pattern struct {
	text string
	alts []alternative
}

// An alternative is relational ("apache>=2.4<2.5"), or a name or glob(7)
// that stands for a whole package name or for the name without its version.
type alternative struct {
	name   string // relational: of the package; else the text
	bounds []bound
	glob   bool
}

// A bound is one of "<", "<=", ">", ">=" and a version.
type bound struct {
	op      string
	version version
}

func (b bound) admits(v version) bool {
	switch c := v.compare(b.version); b.op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	default:
		return c >= 0
	}
}

func parsePattern(text string) (pattern, error) {
	texts, err := expandBraces(text)
	if err != nil {
		return pattern{}, fmt.Errorf("the package pattern %.80q: %w", text, err)
	}
	p := pattern{text: text}
	for _, t := range texts {
		p.alts = append(p.alts, parseAlternative(t))
	}
	return p, nil
}

func parseAlternative(t string) alternative {
	i := strings.IndexAny(t, "<>")
	if i < 0 {
		return alternative{name: t, glob: strings.ContainsAny(t, "*?[]")}
	}
	a := alternative{name: t[:i]}
	rest := t[i:]
	if upper := strings.IndexByte(rest[1:], '<'); rest[0] == '>' && upper >= 0 {
		a.bounds = append(a.bounds, parseBound(rest[1+upper:]))
		rest = rest[:1+upper]
	}
	a.bounds = append(a.bounds, parseBound(rest))
	return a
}

// parseBound reads a text that begins with < or >.
func parseBound(s string) bound {
	n := 1
	if strings.HasPrefix(s[1:], "=") {
		n = 2
	}
	return bound{op: s[:n], version: parseVersion(s[n:])}
}

// match reports whether the package named name is meant.
func (p pattern) match(name string) bool {
	for _, a := range p.alts {
		if a.match(name) {
			return true
		}
	}
	return false
}

func (a alternative) match(name string) bool {
	if len(a.bounds) == 0 {
		return a.name == name || (a.glob && matchGlob(a.name, name)) || a.matchUnversioned(name)
	}
	base, v, ok := splitName(name)
	if !ok || base != a.name {
		return false
	}
	parsed := parseVersion(v)
	for _, b := range a.bounds {
		if !b.admits(parsed) {
			return false
		}
	}
	return true
}

// matchUnversioned takes the alternative for a name without its version:
// "nginx" is "nginx-[0-9]*".
func (a alternative) matchUnversioned(name string) bool {
	if a.glob {
		return matchGlob(a.name+"-[0-9]*", name)
	}
	rest, ok := strings.CutPrefix(name, a.name+"-")
	return ok && rest != "" && '0' <= rest[0] && rest[0] <= '9'
}

// stem is the name of the package that the alternative's author had in mind:
// "font-adobe" of font-adobe-[0-9]*, which also matches font-adobe-100dpi-1.0.
func (a alternative) stem() string { return strings.TrimSuffix(a.name, "-[0-9]*") }

// literal is what every name that matches begins with.
func (a alternative) literal() string {
	if i := strings.IndexAny(a.name, `*?[\`); a.glob && i >= 0 {
		return a.name[:i]
	}
	return a.name
}

// expandBraces returns the texts that s stands for: "a{b,c}d" is abd and acd,
// and braces may be in braces.
func expandBraces(s string) ([]string, error) {
	var done []string
	for todo := []string{s}; len(todo) > 0; {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if len(t) > maxPattern {
			return nil, fmt.Errorf("it is longer than %d bytes", maxPattern)
		}
		open := strings.IndexByte(t, '{')
		if open < 0 {
			done = append(done, t)
			continue
		}
		parts, rest, err := alternatives(t[open:])
		if err != nil {
			return nil, err
		}
		if len(done)+len(todo)+len(parts) > maxAlternatives {
			return nil, fmt.Errorf("it has more than %d alternatives", maxAlternatives)
		}
		for i := range parts { // the last first, as the next one is taken from the end
			todo = append(todo, t[:open]+parts[len(parts)-1-i]+rest)
		}
	}
	return done, nil
}

// alternatives splits a text that begins with a brace into what is between
// the commas up to the brace that closes it, and what comes after that.
func alternatives(s string) (parts []string, rest string, err error) {
	depth, start := 0, 1
	for i := range len(s) {
		switch {
		case s[i] == '{':
			depth++
		case s[i] == ',' && depth == 1:
			parts = append(parts, s[start:i])
			start = i + 1
		case s[i] == '}':
			if depth--; depth == 0 {
				return append(parts, s[start:i]), s[i+1:], nil
			}
		}
	}
	return nil, "", errors.New("a brace in it is not closed")
}

package repo

import (
	"strings"
)

// An alternative is a package that a relation names: "libc6 (>= 2.36)".
type alternative struct {
	name    string
	arch    string // behind a colon: "any", "native" or a processor; mostly empty
	op      string // "<<", "<=", "=", ">=" or ">>"; empty: any version
	version string
}

// String is as the relation has it.
func (a alternative) String() string {
	s := a.name
	if a.arch != "" {
		s += ":" + a.arch
	}
	if a.op != "" {
		s += " (" + a.op + " " + a.version + ")"
	}
	return s
}

// parseRelations reads a field of relations (Debian Policy, 7.1): each of the
// clauses is satisfied by one of its alternatives.
func parseRelations(field string) [][]alternative {
	var clauses [][]alternative
	for part := range strings.SplitSeq(field, ",") {
		var clause []alternative
		for text := range strings.SplitSeq(part, "|") {
			if a := parseAlternative(text); a.name != "" {
				clause = append(clause, a)
			}
		}
		if len(clause) > 0 {
			clauses = append(clauses, clause)
		}
	}
	return clauses
}

func parseAlternative(text string) alternative {
	text, _, _ = strings.Cut(text, "[") // of source packages, as is what follows
	text, _, _ = strings.Cut(text, "<!")
	name, version, _ := strings.Cut(text, "(")
	var a alternative
	a.name, a.arch, _ = strings.Cut(strings.TrimSpace(name), ":")
	version = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(version), ")"))
	n := len(version) - len(strings.TrimLeft(version, "<>="))
	a.op, a.version = version[:n], strings.TrimSpace(version[n:])
	switch a.op { // the old ones mean these
	case "<":
		a.op = "<="
	case ">":
		a.op = ">="
	}
	return a
}

// accepts reports whether the version will do; none is one that a package
// provides without saying which.
func (a alternative) accepts(version string) bool {
	if a.op == "" {
		return true
	}
	if version == "" {
		return false
	}
	c := CompareVersions(version, a.version)
	switch a.op {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	case ">>":
		return c > 0
	}
	return false
}

// matches reports whether p, itself or by what it provides, is what a names.
func (a alternative) matches(p *pkg) bool {
	if p.Name == a.name {
		return a.accepts(p.Version)
	}
	for _, v := range p.provides() {
		if v.name == a.name && a.accepts(v.version) {
			return true
		}
	}
	return false
}

// foreign reports whether a is of another processor's package.
func (a alternative) foreign(arch string) bool {
	return a.arch != "" && a.arch != "any" && a.arch != "native" && a.arch != arch && a.arch != "all"
}

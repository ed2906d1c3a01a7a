package debian

import (
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
)

// explain fills For of pkgs, whose files are all: each package that asked does
// not name is for the first that depends on it, going from those asked for
// outwards, so that one can follow it back to them.
func explain(pkgs []source.Package, all []index, asked []string) {
	byName := providers(pkgs, all)
	known := make([]bool, len(pkgs))
	var queue []int
	for _, name := range asked {
		for _, i := range byName[relationName(name)] {
			if pkgs[i].Name == relationName(name) && !known[i] {
				known[i] = true
				queue = append(queue, i)
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		for _, name := range all[p].needs() {
			for _, i := range byName[name] {
				if !known[i] {
					known[i] = true
					pkgs[i].For = pkgs[p].Name
					queue = append(queue, i)
				}
			}
		}
	}
}

// relations returns the names in a field of relations between packages (Debian
// Policy, 7.1): "a (>= 1) | b, c:any" has three.
func relations(field string) []string {
	var names []string
	for part := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == ',' || r == '|' }) {
		if f := strings.Fields(part); len(f) > 0 {
			names = append(names, relationName(f[0]))
		}
	}
	return names
}

// relationName takes version and architecture from a name.
func relationName(s string) string {
	if i := strings.IndexAny(s, ":=("); i >= 0 {
		return s[:i]
	}
	return s
}

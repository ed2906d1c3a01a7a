package debian

import (
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
)

// arrange returns the packages, whose files are all, each behind those that it
// depends on as far as that can be, and else by name: in an order that is the
// same whoever found the packages, so that the tree is. Of those that depend on
// each other, the first by name comes last.
func arrange(pkgs []source.Package, all []index) []installing {
	byName := providers(pkgs, all)
	names := make([]int, len(pkgs))
	for i := range names {
		names[i] = i
	}
	slices.SortStableFunc(names, func(a, b int) int { return strings.Compare(pkgs[a].Name, pkgs[b].Name) })
	var sorted []installing
	seen := make([]bool, len(pkgs))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, name := range all[i].needs() {
			for _, j := range byName[name] {
				visit(j)
			}
		}
		sorted = append(sorted, installing{pkgs[i], all[i]})
	}
	for _, i := range names {
		visit(i)
	}
	return sorted
}

// providers returns which of pkgs are there by a name, their own or one that
// they provide.
func providers(pkgs []source.Package, all []index) map[string][]int {
	byName := make(map[string][]int)
	for i, p := range pkgs {
		byName[p.Name] = append(byName[p.Name], i)
		for _, name := range relations(all[i].Control.field("Provides")) {
			byName[name] = append(byName[name], i)
		}
	}
	return byName
}

// needs returns the names that a package depends on.
func (x index) needs() []string {
	return relations(x.Control.field("Pre-Depends") + "," + x.Control.field("Depends"))
}

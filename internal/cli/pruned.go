package cli

import (
	"fmt"
	"path"
	"strings"
)

// kindsOfPruned are what --prune leaves out, by how people call it, and what
// the paths have in them.
var kindsOfPruned = []struct{ name, part string }{
	{"manual pages", "/man/"},
	{"info pages", "/info/"},
	{"headers", "/include/"},
	{"translations", "/locale/"},
	{"translations", "/nls/"},
	{"static libraries", ".a"},
}

// tellPruned tells what --prune left out: how many of each kind, and with -v
// each.
func (r *runner) tellPruned(paths []string) {
	if len(paths) == 0 {
		return
	}
	if r.app.verbose {
		for _, p := range paths {
			r.status.line("pruned", "%s", p)
		}
		return
	}
	r.status.line("pruned", "%s (-v lists them)", summaryOfPruned(paths))
}

// summaryOfPruned returns "manual pages (12), headers (3), others (1)".
func summaryOfPruned(paths []string) string {
	counts := make(map[string]int)
	var names []string
	for _, p := range paths {
		kind := kindOfPruned(p)
		if counts[kind]++; counts[kind] == 1 {
			names = append(names, kind)
		}
	}
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s (%d)", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

func kindOfPruned(p string) string {
	for _, k := range kindsOfPruned {
		if strings.Contains(p, k.part) && strings.HasPrefix(k.part, "/") || path.Ext(p) == k.part {
			return k.name
		}
	}
	return "others"
}

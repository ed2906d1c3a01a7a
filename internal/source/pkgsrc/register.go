package pkgsrc

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// modes are those that pkg_add(1) gives the files of its database; other
// files get 0444.
var modes = map[string]uint32{"+CONTENTS": 0o644, "+INSTALL": 0o555, "+DEINSTALL": 0o555, "+INSTALLED_INFO": 0o644, "+REQUIRED_BY": 0o644}

// metaFile returns a file of the package in pkg_add(1)'s database.
func (s *Source) metaFile(p plan, name, text string) tree.Entry {
	mode, ok := modes[name]
	if !ok {
		mode = 0o444
	}
	return tree.NewFile(path.Join(s.dbDir(), p.name, name), mode, []byte(text), s.time(), p.pkg.Why())
}

// register has the plans record their packages as pkg_add(1) does: the files
// that came with each, which packages depend on it (+REQUIRED_BY), and whether
// it is only there for others (+INSTALLED_INFO). pkgdb.byfile.db, which finds
// the package of a file, is left to "pkg_admin rebuild".
func (s *Source) register(plans []plan, choices []choice, all []*unpacked) {
	for i := range plans {
		files := maps.Clone(all[i].Meta)
		if by := requiredBy(choices, i); by != "" {
			files["+REQUIRED_BY"] = by
		}
		if choices[i].needed != asker {
			files["+INSTALLED_INFO"] = "automatic=yes\n"
		}
		if from := all[i].list.prefix; from != s.prefix(all[i]) {
			files["+CONTENTS"] = strings.Replace(files["+CONTENTS"], "@cwd "+from+"\n", "@cwd "+s.prefix(all[i])+"\n", 1)
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			e := s.metaFile(plans[i], name, files[name])
			plans[i].actions = append(plans[i].actions, action{do: put, path: e.Path, entry: e})
		}
	}
}

// requiredBy returns the names of the packages that depend on the i-th, a
// line each.
func requiredBy(choices []choice, i int) string {
	var b strings.Builder
	for _, c := range choices {
		if slices.Contains(c.depends, i) {
			b.WriteString(c.name() + "\n")
		}
	}
	return b.String()
}

// scripts returns how the package's +INSTALL script has to be run, if it has
// commands of its own, as pkg_add(1) runs it: in its folder of the database,
// path.Dir of the script. The script is only run at PRE-INSTALL where it has
// commands for that stage, and then after the files were put into place.
func (s *Source) scripts(p plan, u *unpacked, r scriptReport) []source.Script {
	var stages []string
	if r.own["PRE-INSTALL"]+r.own["UNPACK"] > 0 || r.bad != nil {
		stages = append(stages, "PRE-INSTALL")
	}
	if r.own["POST-INSTALL"]+r.own[""] > 0 || r.bad != nil {
		stages = append(stages, "POST-INSTALL")
	}
	var all []source.Script
	for _, stage := range stages {
		e := s.metaFile(p, "+INSTALL", u.Meta["+INSTALL"])
		all = append(all, source.Script{
			Package: p.pkg.String(),
			File:    e,
			Args:    []string{e.Path, p.name, stage},
			Env: []string{
				"PKG_PREFIX=" + s.prefix(u), "PKG_METADATA_DIR=" + path.Dir(e.Path),
				"PKG_REFCOUNT_DBDIR=" + s.dbDir() + ".refcount", "PKG_RCD_SCRIPTS=yes",
			},
		})
	}
	return all
}

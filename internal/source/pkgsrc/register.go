package pkgsrc

import (
	"fmt"
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

// maxRegistered is how long a file of the database may be, in bytes.
const maxRegistered = maxContents

// A record is what the database of packages has of one.
type record struct {
	pkg        source.Package
	name       string            // "nginx-1.26.2"
	files      map[string]string // that came with it
	automatic  bool              // it is only there for others…
	requiredBy []string          // …these
	conflicts  []pattern
}

// recordOf returns what is to be recorded of the i-th choice.
func (s *Source) recordOf(choices []choice, i int, pkg source.Package, u *unpacked) record {
	r := record{pkg: pkg, name: u.list.name, files: maps.Clone(u.Meta), automatic: choices[i].needed != asker, conflicts: choices[i].conflicts}
	for _, c := range choices {
		if slices.Contains(c.depends, i) {
			r.requiredBy = append(r.requiredBy, c.name())
		}
	}
	if from := u.list.prefix; from != s.prefix(u) {
		r.files["+CONTENTS"] = strings.Replace(r.files["+CONTENTS"], "@cwd "+from+"\n", "@cwd "+s.prefix(u)+"\n", 1)
	}
	return r
}

// metaFile returns a file of the package in pkg_add(1)'s database.
func (in *Installed) metaFile(r record, name, text string) tree.Entry {
	mode, ok := modes[name]
	if !ok {
		mode = 0o444
	}
	return tree.NewFile(path.Join(in.dbDir, r.name, name), mode, []byte(text), in.t0, r.pkg.Why())
}

// register records the packages as pkg_add(1) does: the files that came with
// each, which packages depend on it (+REQUIRED_BY), and whether it is only
// there for others (+INSTALLED_INFO), beside what was recorded before.
// pkgdb.byfile.db, which finds the package of a file, is left to "pkg_admin
// rebuild".
func (in *Installed) register(a *applier) error {
	for _, r := range in.records {
		files := maps.Clone(r.files)
		dir := path.Join(in.dbDir, r.name)
		info := path.Join(dir, "+INSTALLED_INFO")
		_, before := a.lookup(path.Join(dir, "+CONTENTS"))
		if _, automatic := a.lookup(info); r.automatic && (!before || automatic) {
			files["+INSTALLED_INFO"] = "automatic=yes\n"
		} else if err := a.remove(info); err != nil {
			return err
		}
		by := slices.Concat(registeredLines(a.t, path.Join(dir, "+REQUIRED_BY")), r.requiredBy)
		slices.Sort(by)
		if by = slices.Compact(by); len(by) > 0 {
			files["+REQUIRED_BY"] = strings.Join(by, "\n") + "\n"
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := a.place(in.metaFile(r, name, files[name])); err != nil {
				return fmt.Errorf("register %s: %w", r.name, err)
			}
		}
	}
	return nil
}

// registeredLines returns the lines of a file of the database, none where it
// is not there.
func registeredLines(t *tree.Tree, p string) []string {
	b, err := t.ReadFile(p, maxRegistered)
	if err != nil {
		return nil // whoever wrote it, it is no list
	}
	return strings.Fields(string(b))
}

// checkRegistered fails where a package that the tree has already goes not
// with one of those that come.
func (in *Installed) checkRegistered(t *tree.Tree) error {
	at, err := t.Resolve(in.dbDir)
	if err != nil {
		return nil // there is none
	}
	for _, e := range t.Below(at) {
		if path.Base(e.Path) != "+CONTENTS" || path.Dir(path.Dir(e.Path)) != at {
			continue
		}
		name := path.Base(path.Dir(e.Path))
		text, err := t.ReadFile(e.Path, maxRegistered)
		if err != nil {
			return fmt.Errorf("read what is installed: %w", err)
		}
		var conflicts []pattern
		for line := range strings.Lines(string(text)) {
			if p, err := parsePattern(strings.TrimSpace(strings.TrimPrefix(line, "@pkgcfl "))); err == nil && strings.HasPrefix(line, "@pkgcfl ") {
				conflicts = append(conflicts, p)
			}
		}
		if err := in.checkBeside(name, conflicts); err != nil {
			return err
		}
	}
	return nil
}

// checkBeside compares what comes with the installed package name.
func (in *Installed) checkBeside(name string, conflicts []pattern) error {
	base, _, _ := splitName(name)
	for _, r := range in.records {
		switch other, _, _ := splitName(r.name); {
		case r.name == name:
		case other == base:
			return fmt.Errorf("install %s: %s is installed already: ask for one of them only, or for all packages at once", r.name, name)
		case matchesAny(r.conflicts, name) || matchesAny(conflicts, r.name):
			return fmt.Errorf("install %s: it conflicts with %s, which is installed already", r.name, name)
		}
	}
	return nil
}

// scripts returns how the package's +INSTALL script has to be run, if it has
// commands of its own, as pkg_add(1) runs it: in its folder of the database,
// path.Dir of the script. The script is only run at PRE-INSTALL where it has
// commands for that stage, and then after the files were put into place.
func (s *Source) scripts(in *Installed, p plan, u *unpacked, r scriptReport) []source.Script {
	var stages []string
	if r.own["PRE-INSTALL"]+r.own["UNPACK"] > 0 || r.bad != nil {
		stages = append(stages, "PRE-INSTALL")
	}
	if r.own["POST-INSTALL"]+r.own[""] > 0 || r.bad != nil {
		stages = append(stages, "POST-INSTALL")
	}
	var all []source.Script
	for _, stage := range stages {
		e := in.metaFile(record{pkg: p.pkg, name: p.name}, "+INSTALL", u.Meta["+INSTALL"])
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

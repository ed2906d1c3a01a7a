package pkgsrc

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A plan is all that installing one package does to a tree, in order.
type plan struct {
	pkg     source.Package
	name    string // "nginx-1.26.2"
	groups  []group
	users   []user
	actions []action
}

// A group is a line of an +INSTALL script's GROUP table.
type group struct {
	name string
	gid  string // decimal; empty where any will do
}

// A user is a line of its USER table.
type user struct {
	name, group        string
	uid                string // decimal; empty where any will do
	gecos, home, shell string
}

// What a user has whose line doesn't say it (mk/pkginstall of pkgsrc).
const (
	usualHome  = "/nonexistent"
	usualShell = "/sbin/nologin"
)

// planner turns what a package says into a plan.
type planner struct {
	plan
	prefix string
	t      tables
	notes  []source.Note
}

// planOf makes the plan for the package u, whose files go below prefix.
func planOf(pkg source.Package, u *unpacked, prefix string) (plan, []source.Note) {
	p := &planner{plan: plan{pkg: pkg, name: u.list.name}, prefix: prefix, t: readTables(u.Meta["+INSTALL"])}
	p.accounts()
	p.folders()
	p.walk(u)
	p.configuration()
	p.permissions()
	p.shells()
	return p.plan, p.notes
}

func (p *planner) do(a action) { p.actions = append(p.actions, a) }

func (p *planner) note(script string, line int, format string, args ...any) {
	p.notes = append(p.notes, source.Note{Package: p.pkg.String(), Script: script, Line: line, Text: fmt.Sprintf(format, args...)})
}

// abs takes a path for one below the prefix, unless it is absolute.
func (p *planner) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(p.prefix, name)
}

// column returns the i-th field of a table's line, empty where there is none.
func column(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// accounts reads "group:gid" and "user:group:uid:gecos:home:shell".
func (p *planner) accounts() {
	for _, f := range p.t[tableGroup] {
		if f[0] != "" {
			p.groups = append(p.groups, group{name: f[0], gid: column(f, 1)})
		}
	}
	for _, f := range p.t[tableUser] {
		u := user{name: f[0], group: column(f, 1), uid: column(f, 2), gecos: column(f, 3), home: column(f, 4), shell: column(f, 5)}
		if u.name == "" || u.group == "" {
			continue
		}
		if u.gecos == "" {
			u.gecos = strings.TrimPrefix(p.pkg.Name+" ", u.name+" ") + u.name + " user"
		}
		if u.home == "" {
			u.home = usualHome
		}
		if u.shell == "" {
			u.shell = usualShell
		}
		p.users = append(p.users, u)
	}
}

// folders reads "path flags mode user group". The flag m says to make it; f,
// that it is needed even where no configuration is wanted, and o, that it
// belongs to the package, make no difference here.
func (p *planner) folders() {
	for _, f := range p.t[tableDir] {
		if strings.Contains(column(f, 1), "m") {
			p.do(action{do: makeDir, path: p.abs(f[0]), mode: column(f, 2), user: column(f, 3), group: column(f, 4)})
		}
	}
}

// configuration reads "path flags example mode user group". The flag c says
// to copy the example where nothing is at the path. Scripts for rc.d, flag r,
// are copied too, as with PKG_RCD_SCRIPTS=yes: a service is only started when
// the ship says so.
func (p *planner) configuration() {
	for _, f := range p.t[tableFile] {
		if strings.Contains(column(f, 1), "c") && column(f, 2) != "" {
			p.do(action{do: copyFile, path: p.abs(f[0]), from: p.abs(f[2]), mode: column(f, 3), user: column(f, 4), group: column(f, 5)})
		}
	}
}

// permissions reads "path mode user group".
func (p *planner) permissions() {
	for _, f := range p.t[tablePerms] {
		if len(f) > 0 {
			p.do(action{do: change, path: p.abs(f[0]), mode: column(f, 1), user: column(f, 2), group: column(f, 3), lax: true})
		}
	}
}

// shells reads "path", which is below the prefix: absolute ones are skipped
// by pkgsrc too.
func (p *planner) shells() {
	for _, f := range p.t[tableShell] {
		if len(f) > 0 && !path.IsAbs(f[0]) {
			p.do(action{do: addShell, path: p.abs(f[0])})
		}
	}
}

// walk follows the packing list as pkg_add(1) does.
func (p *planner) walk(u *unpacked) {
	files := make(map[string]tree.Entry, len(u.entries))
	for _, e := range u.entries {
		files[e.Path] = e
	}
	var mode, owner, group, last string
	dir := p.prefix
	for _, l := range u.list.lines {
		switch l.verb {
		case "mode":
			mode = l.arg
		case "owner":
			owner = l.arg
		case "group":
			group = l.arg
		case "cwd":
			if dir = l.arg; dir == u.list.prefix {
				dir = p.prefix
			}
		case "pkgdir":
			p.do(action{do: makeDir, path: p.abs(l.arg)})
		case "exec":
			p.exec(l, dir, last)
		case "file":
			last = l.arg
			e := files[path.Join(u.list.prefix, l.arg)]
			p.do(action{do: put, path: p.abs(l.arg), entry: p.moved(e, u.list.prefix), mode: mode, user: owner, group: group})
		}
	}
}

// moved returns e with the prefix that is wanted in place of the package's
// own. Its owner is root until the list or a table says otherwise: the
// numbers in the archive are those of the machine that packed it.
func (p *planner) moved(e tree.Entry, from string) tree.Entry {
	move := func(name string) string { return path.Join(p.prefix, strings.TrimPrefix(name, from)) }
	e.Path, e.Why = move(e.Path), p.pkg.Why()
	switch e.Type {
	case tree.Hardlink:
		e.Link = move(e.Link)
	case tree.Symlink:
		e.Mode = 0o777 // no system looks at another
	}
	e.UID, e.GID = 0, 0
	return e
}

// exec does what a command of the packing list would, or notes it.
func (p *planner) exec(l plistLine, dir, last string) {
	full := path.Join(dir, last)
	command := strings.NewReplacer("%%", "%", "%F", last, "%D", dir, "%B", path.Dir(full), "%f", path.Base(full)).Replace(l.arg)
	actions, ok := trivial(command, p.prefix)
	if !ok {
		p.note("+CONTENTS", l.line, "%s", command)
		return
	}
	p.actions = slices.Concat(p.actions, actions)
}

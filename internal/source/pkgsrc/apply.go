package pkgsrc

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/accounts"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A verb is a kind of action.
type verb string

const (
	put      verb = "put"    // entry is at path
	makeDir  verb = "mkdir"  // a folder, and those above it, unless it is there
	copyFile verb = "copy"   // the file at from, unless something is at path
	link     verb = "link"   // a symbolic link to from
	change   verb = "change" // mode and owner
	remove   verb = "remove" // a file
	touch    verb = "touch"  // an empty file, unless something is there
	addShell verb = "shell"  // a line for path in /etc/shells, where there is that file
)

// An action is one thing that installing a package does to a tree.
type action struct {
	do          verb
	path        string // absolute and clean
	from        string
	entry       tree.Entry
	mode        string // as chmod(1) takes it; empty: as it is
	user, group string // names or numbers; empty: as they are
	force       bool   // link: in the place of another file
	lax         bool   // change: only where there is something at path
}

// maxShells is how many bytes of /etc/shells are expected.
const maxShells = 1 << 20

// An applier carries plans out on a tree.
type applier struct {
	t    *tree.Tree
	t0   time.Time // of what has no time of its own
	db   *accounts.DB
	from map[string]string // the package that each file put is of
	plan plan              // the one at hand
}

// apply carries out all of p.
func (a *applier) apply(p plan) error {
	a.plan = p
	for _, act := range p.actions {
		if err := a.act(act); err != nil {
			return fmt.Errorf("install %s: %w", p.name, err)
		}
	}
	return nil
}

func (a *applier) act(x action) error {
	switch x.do {
	case put:
		return a.put(x)
	case makeDir:
		if err := a.makeDir(x.path); err != nil {
			return err
		}
		return a.change(x)
	case copyFile:
		return a.copy(x)
	case link:
		return a.link(x)
	case remove:
		return a.remove(x.path)
	case touch:
		return a.touch(x.path)
	case addShell:
		return a.addShell(x.path)
	}
	return a.change(x)
}

// put adds a file of the package.
func (a *applier) put(x action) error {
	if other, ok := a.from[x.path]; ok && other != a.plan.name {
		return fmt.Errorf("%s has the file %s too", other, x.path)
	}
	a.from[x.path] = a.plan.name
	e := x.entry
	if e.Type == "" {
		return fmt.Errorf("%s is not among the unpacked files: remove the cache and try again", x.path)
	}
	var err error
	if e.Type == tree.Hardlink {
		if e.Link, err = a.t.ResolveParent(e.Link); err != nil {
			return err
		}
		return a.place(e)
	}
	if err := a.set(&e, x); err != nil {
		return err
	}
	return a.place(e)
}

// place adds e, where the tree's links of folders lead to.
func (a *applier) place(e tree.Entry) error {
	p, err := a.t.ResolveParent(e.Path)
	if err != nil {
		return err
	}
	e.Path = p
	return a.t.Put(e)
}

// set gives e the mode and owner that x says.
func (a *applier) set(e *tree.Entry, x action) error {
	var err error
	if x.mode != "" && e.Type != tree.Symlink {
		if e.Mode, err = tree.ChangeMode(e.Mode, x.mode, e.Type == tree.Dir); err != nil {
			return fmt.Errorf("%s: %w", x.path, err)
		}
	}
	if x.user != "" {
		if e.UID, err = userID(a.db, x.user); err != nil {
			return fmt.Errorf("give %s to the user %s: %w", x.path, x.user, err)
		}
	}
	if x.group != "" {
		if e.GID, err = groupID(a.db, x.group); err != nil {
			return fmt.Errorf("give %s to the group %s: %w", x.path, x.group, err)
		}
	}
	return nil
}

// change changes what is at a path.
func (a *applier) change(x action) error {
	if x.mode == "" && x.user == "" && x.group == "" {
		return nil
	}
	e, err := a.t.Lookup(x.path)
	if errors.Is(err, fs.ErrNotExist) && x.lax {
		return nil
	}
	if err == nil {
		err = a.set(&e, x)
	}
	switch {
	case err != nil:
		return err
	case e.Type == tree.File:
		return a.t.Rewrite(e)
	}
	return a.t.Put(e)
}

func (a *applier) makeDir(p string) error {
	e, err := a.t.Lookup(p)
	if err == nil && e.Type == tree.Dir {
		return nil
	}
	if err == nil {
		return fmt.Errorf("make the folder %s: a %s is in its place (%s)", p, e.Type, e.Why)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if up := path.Dir(p); up != p {
		if err := a.makeDir(up); err != nil {
			return err
		}
	}
	return a.place(tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755, ModTime: a.t0, Why: a.plan.pkg.Why()})
}

// copy copies a file, if there is one and nothing in its place, as cp(1) does.
func (a *applier) copy(x action) error {
	if _, err := a.t.Lookup(x.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e, err := a.t.Lookup(x.from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.Type != tree.File {
		return fmt.Errorf("copy %s to %s: it is a %s", x.from, x.path, e.Type)
	}
	if err := a.makeDir(path.Dir(x.path)); err != nil {
		return err
	}
	e.Path, e.UID, e.GID, e.Why = x.path, 0, 0, a.plan.pkg.Why()
	if err := a.set(&e, x); err != nil {
		return err
	}
	return a.place(e)
}

func (a *applier) link(x action) error {
	if e, ok := a.lookup(x.path); ok && (!x.force || e.Type == tree.Dir) {
		return fmt.Errorf("make the link %s: a %s is in its place (%s)", x.path, e.Type, e.Why)
	}
	if err := a.makeDir(path.Dir(x.path)); err != nil {
		return err
	}
	return a.place(tree.Entry{Path: x.path, Type: tree.Symlink, Mode: 0o777, Link: x.from, ModTime: a.t0, Why: a.plan.pkg.Why()})
}

// lookup returns what is at p itself.
func (a *applier) lookup(p string) (tree.Entry, bool) {
	q, err := a.t.ResolveParent(p)
	if err != nil {
		return tree.Entry{}, false
	}
	return a.t.Get(q)
}

func (a *applier) remove(p string) error {
	e, ok := a.lookup(p)
	if ok && e.Type == tree.Dir {
		return fmt.Errorf("remove %s: it is a folder", p)
	}
	if ok {
		a.t.Remove(e.Path)
	}
	return nil
}

func (a *applier) touch(p string) error {
	if _, err := a.t.Lookup(p); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := a.makeDir(path.Dir(p)); err != nil {
		return err
	}
	return a.place(tree.NewFile(p, 0o644, nil, a.t0, a.plan.pkg.Why()))
}

// addShell lists a login shell that is there.
func (a *applier) addShell(p string) error {
	const list = "/etc/shells"
	e, err := a.t.Lookup(list)
	if _, missing := a.t.Lookup(p); err != nil || missing != nil {
		return nil
	}
	b, err := a.t.ReadFile(list, maxShells)
	if err != nil {
		return err
	}
	text := string(b)
	if strings.HasPrefix(text, p) || strings.Contains(text, "\n"+p) {
		return nil
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	changed := tree.NewFile(e.Path, e.Mode, []byte(text+p+"\n"), e.ModTime, e.Why)
	changed.UID, changed.GID = e.UID, e.GID
	return a.t.Rewrite(changed)
}

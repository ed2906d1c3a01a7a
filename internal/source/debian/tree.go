package debian

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/accounts"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// docs are the folders of what people read and services don't.
var docs = []string{
	"/usr/share/doc", "/usr/share/doc-base", "/usr/share/man", "/usr/share/info", "/usr/share/locale",
	"/usr/share/lintian", "/usr/share/bug",
}

// Tree returns the files of pkgs, which Fetch has got, as they are after
// their installation.
func (s *Source) Tree(ctx context.Context, pkgs []source.Package) (tree.Tree, source.Report, error) {
	return s.install(ctx, pkgs, nil)
}

// install is Tree, and notes which packages are there for which of those that
// were asked for.
func (s *Source) install(ctx context.Context, pkgs []source.Package, asked []string) (tree.Tree, source.Report, error) {
	all, err := s.load(ctx, pkgs)
	if err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	in := &installer{s: s, pkgs: arrange(pkgs, all)}
	for i, p := range in.pkgs {
		in.report.Packages = append(in.report.Packages, p.Package)
		all[i] = p.files
	}
	explain(in.report.Packages, all, asked)
	if err := in.install(ctx); err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	if err := in.leave(ctx, asked); err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	return in.tree, in.report, nil
}

// installing is a package on its way into the tree.
type installing struct {
	source.Package
	files index
}

// installer does what dpkg does, on a tree.
type installer struct {
	s      *Source
	pkgs   []installing
	tree   tree.Tree
	report source.Report
	state  dpkgState
	later  []later // scripts that are not recognised, in their order
}

func (in *installer) install(ctx context.Context) error {
	in.essentialFirst()
	if err := in.mergeUsr(); err != nil {
		return err
	}
	for _, p := range in.pkgs {
		if err := in.runScript(ctx, p, "preinst", "install"); err != nil {
			return err
		}
		if err := in.unpack(p); err != nil {
			return fmt.Errorf("unpack %s: %w", p, err)
		}
	}
	in.tree.MakeParents(in.s.time())
	for _, p := range in.pkgs {
		if err := in.runScript(ctx, p, "postinst", "configure", ""); err != nil {
			return err
		}
	}
	if err := in.fixShells(); err != nil {
		return err
	}
	in.prune()
	in.tree.MakeParents(in.s.time())
	return nil
}

// essentialFirst moves the packages that others use without saying so, such
// as base-passwd with its users, before those.
func (in *installer) essentialFirst() {
	slices.SortStableFunc(in.pkgs, func(a, b installing) int { return a.rank() - b.rank() })
}

func (p installing) rank() int {
	switch {
	case p.Name == "base-files" || p.Name == "base-passwd":
		return 0
	case p.files.Control.field("Essential") == "yes":
		return 1
	}
	return 2
}

// usrDirs are the folders of the root that are links into /usr since Debian
// 12, whatever a package says.
var usrDirs = []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// mergeUsr makes those links that every root has.
func (in *installer) mergeUsr() error {
	for _, d := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		e := tree.Entry{
			Path: d, Type: tree.Symlink, Mode: 0o777, Link: "usr" + d, ModTime: in.s.time(), Why: "merged /usr",
		}
		if err := in.tree.Put(e); err != nil {
			return err
		}
	}
	return nil
}

// merged returns where p is in a merged /usr.
func merged(p string) string {
	for _, d := range usrDirs {
		if p == d || strings.HasPrefix(p, d+"/") {
			return "/usr" + p
		}
	}
	return p
}

// unpack puts the files of p into the tree.
func (in *installer) unpack(p installing) error {
	for _, e := range p.files.Entries {
		e.Why = p.Why()
		if slices.Contains(usrDirs, e.Path) && e.Type == tree.Symlink {
			continue
		}
		e.Path = merged(e.Path)
		if e.Type == tree.Hardlink {
			e.Link = merged(e.Link)
		}
		e.Path = in.diverted(e.Path, p.Name)
		if err := in.put(e); err != nil {
			return err
		}
	}
	return nil
}

// put puts e where its path leads to. A folder over one, or over a link to
// one, changes nothing, as with dpkg; nor does a link over what it leads to,
// which is how a file that moved from /bin to /usr/bin leaves a trace.
func (in *installer) put(e tree.Entry) error {
	p, err := in.tree.ResolveParent(e.Path)
	if err != nil {
		return err
	}
	e.Path = p
	old, ok := in.tree.Get(p)
	if ok && e.Type == tree.Dir {
		if at, err := in.tree.Lookup(p); err == nil && at.Type == tree.Dir {
			return nil
		}
	}
	if ok && e.Type == tree.Symlink && old.Type != tree.Symlink {
		to := e.Link
		if !strings.HasPrefix(to, "/") {
			to = filepath.Join(filepath.Dir(p), to)
		}
		if merged(to) == p {
			return nil
		}
	}
	return in.tree.Put(e)
}

// fixShells gives users whose shell isn't in the tree, as bash seldom is,
// /bin/sh.
func (in *installer) fixShells() error {
	e, err := in.tree.Lookup("/etc/passwd")
	if notExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	db, err := accounts.Load(&in.tree)
	if err != nil {
		return err
	}
	for _, l := range db.Entries("passwd") {
		name, shell := l[:strings.IndexByte(l, ':')], l[strings.LastIndexByte(l, ':')+1:]
		if _, err := in.tree.Lookup(shell); err == nil || !strings.HasSuffix(shell, "/bash") {
			continue
		}
		if err := db.Modify(name, func(u *accounts.User) { u.Shell = "/bin/sh" }); err != nil {
			return err
		}
	}
	return db.Store(&in.tree, e.ModTime, e.Why)
}

// prune takes out what docs names, and the alternatives that led there.
func (in *installer) prune() {
	for _, d := range docs {
		for _, e := range in.tree.Below(d) {
			if e.Type == tree.File {
				in.report.PrunedFiles++
				in.report.PrunedBytes += e.Size
			}
		}
		in.tree.Remove(d)
	}
	for _, e := range in.tree.Below("/etc/alternatives") {
		if strings.HasPrefix(e.Link, "/usr/share/man/") {
			in.tree.Remove(e.Path)
		}
	}
}

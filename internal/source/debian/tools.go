package debian

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// scriptTools are the packages that maintainer scripts may count on without
// saying so (Debian Policy 3.8), and those whose commands are else done
// natively.
var scriptTools = append([]string{
	"bash", "bsdutils", "coreutils", "debianutils", "diffutils", "findutils", "grep", "gzip", "hostname", "libc-bin",
	"login", "mawk", "passwd", "perl-base", "sed", "sysvinit-utils", "tar", "util-linux",
}, tools...)

// withTools returns the tree with the tools that scripts for the guest lack,
// which go into the report. Where they can't be had, as without a network, there
// are none.
func (in *installer) withTools(ctx context.Context, asked []string) (*tree.Tree, error) {
	lacking := false
	for _, l := range in.later {
		missing, err := l.missing(&in.tree)
		if err != nil {
			return nil, err
		}
		lacking = lacking || missing != nil
	}
	if !lacking || asked == nil {
		return &in.tree, nil
	}
	in.s.Say("get tools for maintainer scripts")
	tools, err := in.fetchTools(ctx, asked)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		in.s.Log().Warn("there are no tools for maintainer scripts", "err", err)
		return &in.tree, nil
	}
	in.report.Tools = tools
	all := in.tree.Clone()
	return &all, all.Merge(tools, true)
}

// fetchTools returns what is not in the tree of the packages scriptTools and
// what those depend on, and dpkg's records of all packages.
func (in *installer) fetchTools(ctx context.Context, asked []string) (tree.Tree, error) {
	pkgs, _, err := in.s.resolve(ctx, slices.Concat(asked, scriptTools))
	if err != nil {
		return tree.Tree{}, err
	}
	pkgs = slices.DeleteFunc(pkgs, func(p source.Package) bool {
		_, there := in.installed(p.Name)
		return there
	})
	if err := in.s.Fetch(ctx, pkgs); err != nil {
		return tree.Tree{}, err
	}
	files, err := in.s.load(ctx, pkgs)
	if err != nil {
		return tree.Tree{}, err
	}
	all := &installer{s: in.s, tree: in.tree.Clone(), pkgs: arrange(pkgs, files)}
	for _, p := range all.pkgs {
		if err := all.unpack(p); err != nil {
			return tree.Tree{}, fmt.Errorf("unpack %s: %w", p, err)
		}
	}
	all.prune()
	all.pkgs = append(all.pkgs, in.pkgs...)
	if err := all.addRecords(); err != nil {
		return tree.Tree{}, err
	}
	all.tree.MakeParents(in.s.time())
	return in.beside(&all.tree)
}

// beside returns what all has at paths where the tree has nothing.
func (in *installer) beside(all *tree.Tree) (tree.Tree, error) {
	var t tree.Tree
	for _, e := range all.All() {
		if _, there := in.tree.Get(e.Path); there {
			continue
		}
		e.Why = "tools of maintainer scripts"
		if err := t.Put(e); err != nil {
			return tree.Tree{}, err
		}
	}
	return t, nil
}

// addRecords adds what dpkg and debconf know of the packages, the links that
// alternatives would make, and the word that no service is to be started
// (invoke-rc.d(8)).
func (in *installer) addRecords() error {
	files := map[string]string{
		"/var/lib/dpkg/diversions": "", "/var/lib/dpkg/statoverride": "",
		"/usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
	}
	var status strings.Builder
	for _, p := range in.pkgs {
		first, rest, _ := strings.Cut(strings.TrimSpace(p.files.Control["control"]), "\n")
		fmt.Fprintf(&status, "%s\nStatus: install ok installed\n%s\n\n", first, rest)
		maps.Copy(files, p.records())
	}
	files["/var/lib/dpkg/status"] = status.String()
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if err := in.tree.Put(tree.NewFile(p, 0o755, []byte(files[p]), in.s.time(), "")); err != nil {
			return err
		}
	}
	for _, l := range [][2]string{{"/usr/bin/awk", "mawk"}, {"/usr/bin/which", "which.debianutils"}} {
		if _, there := in.tree.Get(l[0]); there {
			continue
		}
		if err := in.tree.Put(tree.Entry{Path: l[0], Type: tree.Symlink, Mode: 0o777, Link: l[1], ModTime: in.s.time()}); err != nil {
			return err
		}
	}
	return nil
}

// records returns the files that dpkg keeps of a package, by path: which files
// it has, and what it asks.
func (p installing) records() map[string]string {
	var list strings.Builder
	for _, e := range p.files.Entries {
		fmt.Fprintln(&list, e.Path)
	}
	at := path.Join(scriptDir, p.Name)
	all := map[string]string{at + ".list": list.String()}
	for _, name := range []string{"templates", "config"} {
		if text := p.files.Control[name]; text != "" {
			all[at+"."+name] = text
		}
	}
	return all
}

package debian

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// dpkgState is what packages tell dpkg and its helpers in their scripts.
type dpkgState struct {
	diversions   []diversion
	statOverride []string          // paths whose owner and mode a script has claimed
	alternatives map[string]int    // link to the priority of what it leads to
	debconf      map[string]string // answers that scripts have set
}

// clone returns a state of its own.
func (d dpkgState) clone() dpkgState {
	return dpkgState{
		diversions: slices.Clone(d.diversions), statOverride: slices.Clone(d.statOverride),
		alternatives: maps.Clone(d.alternatives), debconf: maps.Clone(d.debconf),
	}
}

// A diversion sends what other packages have at a path elsewhere
// (dpkg-divert(1)).
type diversion struct{ path, to, pkg string }

// diverted returns where pkg's file at p goes.
func (in *installer) diverted(p, pkg string) string {
	for _, d := range in.state.diversions {
		if d.path == p && d.pkg != pkg {
			return d.to
		}
	}
	return p
}

// runNatively does what a script is for, where that is simpler than the
// script, and reports whether it has.
func (in *installer) runNatively(pkg, script string) bool {
	switch {
	case pkg == "libc6": // looks at the running kernel, restarts services
		return true
	case pkg != "dash":
		return false
	}
	if script == "postinst" { // wins /bin/sh from bash, with diversions
		_ = in.tree.Put(tree.Entry{ // /usr/bin is a folder, and holds dash by now
			Path: "/usr/bin/sh", Type: tree.Symlink, Mode: 0o777, Link: "dash", ModTime: in.s.time(), Why: "package dash",
		})
	}
	return true
}

func doDpkg(c *call) (int, error) {
	switch {
	case len(c.args) == 5 && c.args[1] == "--compare-versions":
		return compareVersions(c.args[2], c.args[3], c.args[4])
	case len(c.args) == 2 && c.args[1] == "--print-architecture":
		fmt.Fprintln(&c.out, c.to.s.arch())
		return 0, nil
	case len(c.args) == 2 && strings.HasPrefix(c.args[1], "--assert"), len(c.args) == 2 && c.args[1] == "--validate":
		return 0, nil
	}
	return doDpkgQuery(c)
}

// dpkg-query(1), as dpkg too: the files of packages, the packages of files, and
// what is known of a package.
func doDpkgQuery(c *call) (int, error) {
	opts, names := c.options("-L -S -W -s -l --listfiles --search --show --status --list", "-f", "--showformat")
	if has(opts, "-W", "--show") && len(names) == 1 {
		return c.show(names[0], opts["-f"]+opts["--showformat"])
	}
	if len(opts) != 1 || len(names) == 0 {
		return 1, fmt.Errorf("this use of %s has no native version", c.args[0])
	}
	status := 0
	for _, name := range names {
		ok, err := true, error(nil)
		switch {
		case has(opts, "-L", "--listfiles"):
			ok = c.listFiles(name)
		case has(opts, "-S", "--search"):
			ok, err = c.searchFiles(name)
		default:
			ok = c.status(name, has(opts, "-l", "--list"))
		}
		if err != nil {
			return 2, err
		}
		if !ok {
			status = 1
		}
	}
	return status, nil
}

// show writes what format asks for of a package.
func (c *call) show(name, format string) (int, error) {
	if format == "" {
		format = "${Package}\t${Version}\n"
	}
	p, ok := c.to.installed(name)
	if !ok {
		return 1, nil
	}
	text := strings.NewReplacer(
		"${Package}", p.Name, "${Version}", p.Version, "${Architecture}", p.Arch, "${Status}", "install ok installed",
		"${db:Status-Abbrev}", "ii ", "${db:Status-Status}", "installed", `\n`, "\n", `\t`, "\t",
	).Replace(format)
	if strings.Contains(text, "${") {
		return 1, fmt.Errorf("format %q has no native version", format)
	}
	c.out.WriteString(text)
	return 0, nil
}

// listFiles writes the paths of a package's files.
func (c *call) listFiles(name string) bool {
	p, ok := c.to.installed(name)
	for _, e := range p.files.Entries {
		fmt.Fprintln(&c.out, e.Path)
	}
	return ok
}

// searchFiles writes which packages have files that match, as "NAME: PATH".
func (c *call) searchFiles(pattern string) (found bool, err error) {
	if !strings.HasPrefix(pattern, "/") {
		pattern = "*" + pattern + "*"
	}
	for _, p := range c.to.pkgs {
		for _, e := range p.files.Entries {
			ok, err := path.Match(pattern, e.Path)
			if err != nil {
				return false, err
			}
			if ok {
				found = true
				fmt.Fprintf(&c.out, "%s: %s\n", p.Name, e.Path)
			}
		}
	}
	return found, nil
}

// status writes what is known of a package, or its line of a list.
func (c *call) status(name string, list bool) bool {
	p, ok := c.to.installed(name)
	switch {
	case !ok:
	case list:
		fmt.Fprintf(&c.out, "ii  %s %s %s\n", p.Name, p.Version, p.Arch)
	default:
		before, after, _ := strings.Cut(strings.TrimSpace(p.files.Control["control"]), "\n")
		fmt.Fprintf(&c.out, "%s\nStatus: install ok installed\n%s\n", before, after)
	}
	return ok
}

// installed returns the package that is called name, or "name:arch".
func (in *installer) installed(name string) (installing, bool) {
	name, _, _ = strings.Cut(name, ":")
	i := slices.IndexFunc(in.pkgs, func(p installing) bool { return p.Name == name })
	if i < 0 {
		return installing{}, false
	}
	return in.pkgs[i], true
}

// dpkg-divert(1) --add; other uses change nothing on a fresh root.
func doDivert(c *call) (int, error) {
	opts, rest := c.options("--add --rename --no-rename --remove --list --listpackage --truename --local --quiet", "--package", "--divert")
	if len(rest) != 1 {
		return 1, errors.New("no file")
	}
	p := merged(c.abs(rest[0]))
	i := slices.IndexFunc(c.to.state.diversions, func(d diversion) bool { return d.path == p })
	switch {
	case has(opts, "--listpackage"):
		if i >= 0 {
			fmt.Fprintln(&c.out, c.to.state.diversions[i].pkg)
		}
		return 0, nil
	case has(opts, "--truename"):
		if i >= 0 {
			p = c.to.state.diversions[i].to
		}
		fmt.Fprintln(&c.out, p)
		return 0, nil
	case has(opts, "--list", "--remove") || i >= 0:
		return 0, nil
	}
	d := diversion{path: p, to: p + ".distrib", pkg: c.pkg.Name}
	if to := opts["--divert"]; to != "" {
		d.to = merged(c.abs(to))
	}
	c.to.state.diversions = append(c.to.state.diversions, d)
	if e, err := c.get(p, false); err == nil && has(opts, "--rename") {
		if err := c.copy(p, d.to, true, true, false); err != nil {
			return 1, err
		}
		c.to.tree.Remove(e.Path)
	}
	return 0, nil
}

// dpkg-statoverride(1): sets owner and mode now, which is what --update does,
// and answers --list.
func doStatoverride(c *call) (int, error) {
	opts, rest := c.options("--add --force --force-statoverride-add --force-statoverride-remove --list --quiet --remove --update")
	switch {
	case has(opts, "--list"):
		for _, p := range rest {
			if slices.Contains(c.to.state.statOverride, p) {
				return 0, nil
			}
		}
		return 1, nil
	case has(opts, "--remove"):
		return 0, nil
	case has(opts, "--add") && len(rest) == 4:
		p := c.abs(rest[3])
		mode, err := tree.ChangeMode(0, rest[2], false)
		if err != nil {
			return 1, err
		}
		c.to.state.statOverride = append(c.to.state.statOverride, p)
		if _, err := c.get(p, true); err != nil {
			return 0, nil // for a file that is not there yet
		}
		if err := c.chown(p, rest[0]+":"+rest[1]); err != nil {
			return 1, err
		}
		return 0, c.chmod(p, mode)
	}
	return 1, errors.New("this use of dpkg-statoverride has no native version")
}

// ucf(1): a configuration file that is not there yet is put there.
func doUcf(c *call) (int, error) {
	opts, rest := c.options("--debconf-ok --purge -p --three-way", "--src-dir", "--state-dir", "--sum-file", "--debconf-template")
	if has(opts, "--purge", "-p") {
		return 0, nil
	}
	if len(rest) != 2 {
		return 1, errors.New("no source and target")
	}
	if _, err := c.get(c.abs(rest[1]), true); err == nil {
		return 0, nil
	}
	if err := c.mkdir(path.Dir(c.abs(rest[1])), 0o755, true); err != nil {
		return 1, err
	}
	return 0, c.copy(c.abs(rest[0]), c.abs(rest[1]), false, true, true)
}

// update-alternatives(1) --install LINK NAME PATH PRIORITY [--slave LINK NAME
// PATH]…: the highest priority wins.
func doAlternatives(c *call) (int, error) {
	args := slices.DeleteFunc(slices.Clone(c.args[1:]), func(a string) bool {
		return a == "--quiet" || a == "--force" || a == "--verbose"
	})
	if len(args) == 0 || args[0] != "--install" {
		return 0, nil // to remove, choose or show: nothing is there, or the best is chosen
	}
	if len(args) < 5 {
		return 1, errors.New("--install takes a link, a name, a path and a priority")
	}
	prio, err := strconv.Atoi(args[4])
	if err != nil {
		return 1, fmt.Errorf("priority %q", args[4])
	}
	link := c.abs(args[1])
	if old, ok := c.to.state.alternatives[link]; ok && old >= prio {
		return 0, nil
	}
	if _, err := c.get(c.abs(args[3]), true); err != nil {
		return 1, err
	}
	if c.to.state.alternatives == nil {
		c.to.state.alternatives = make(map[string]int)
	}
	c.to.state.alternatives[link] = prio
	if err := c.alternative(link, args[2], args[3]); err != nil {
		return 1, err
	}
	for rest := args[5:]; len(rest) >= 4 && rest[0] == "--slave"; rest = rest[4:] {
		if _, err := c.get(c.abs(rest[3]), true); err != nil {
			continue // such as manuals that were left out
		}
		if err := c.alternative(c.abs(rest[1]), rest[2], rest[3]); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

// alternative makes link → /etc/alternatives/name → p.
func (c *call) alternative(link, name, p string) error {
	middle := path.Join("/etc/alternatives", path.Base(name))
	for _, l := range []struct{ at, to string }{{middle, p}, {link, middle}} {
		if err := c.mkdir(path.Dir(l.at), 0o755, true); err != nil {
			return err
		}
		if err := c.link(l.to, l.at, map[string]string{"-s": "", "-f": "", "-T": ""}); err != nil {
			return err
		}
	}
	return nil
}

package debian

import (
	"errors"
	"fmt"
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
	return 1, errors.New("this use of dpkg has no native version")
}

// compareVersions is dpkg --compare-versions: the relations whose name ends
// in "-nl" take a missing version as later than any, the others as earlier.
func compareVersions(a, op, b string) (int, error) {
	base, later := strings.CutSuffix(op, "-nl")
	var n int
	switch {
	case a == b:
	case a == "" || b == "":
		n = -1
		if (b == "") != later {
			n = 1
		}
	default:
		n = versionOrder(a, b)
	}
	ok, known := map[string]bool{
		"lt": n < 0, "le": n <= 0, "eq": n == 0, "ne": n != 0, "ge": n >= 0, "gt": n > 0,
		"<<": n < 0, "<=": n <= 0, "=": n == 0, ">=": n >= 0, ">>": n > 0, "<": n <= 0, ">": n >= 0,
	}[base]
	if !known {
		return 2, fmt.Errorf("relation %q", op)
	}
	if ok {
		return 0, nil
	}
	return 1, nil
}

// versionOrder compares versions by Debian Policy 5.6.12: epoch, upstream
// version, revision.
func versionOrder(a, b string) int {
	epochA, upA, revA := splitVersion(a)
	epochB, upB, revB := splitVersion(b)
	if epochA != epochB {
		return epochA - epochB
	}
	if n := partOrder(upA, upB); n != 0 {
		return n
	}
	return partOrder(revA, revB)
}

func splitVersion(v string) (epoch int, upstream, revision string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		if n, err := strconv.Atoi(e); err == nil {
			epoch, v = n, rest
		}
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// partOrder compares by turns what has no digits, where "~" is before the end
// and letters are before other characters, and numbers.
func partOrder(a, b string) int {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	for a != "" || b != "" {
		for (a != "" && !isDigit(rune(a[0]))) || (b != "" && !isDigit(rune(b[0]))) {
			if n := charOrder(a) - charOrder(b); n != 0 {
				return n
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		endA := len(a) - len(strings.TrimLeftFunc(a, isDigit))
		endB := len(b) - len(strings.TrimLeftFunc(b, isDigit))
		numA, numB := strings.TrimLeft(a[:endA], "0"), strings.TrimLeft(b[:endB], "0")
		if n := len(numA) - len(numB); n != 0 {
			return n
		}
		if n := strings.Compare(numA, numB); n != 0 {
			return n
		}
		a, b = a[endA:], b[endB:]
	}
	return 0
}

func charOrder(s string) int {
	switch {
	case s == "" || s[0] >= '0' && s[0] <= '9':
		return 0
	case s[0] == '~':
		return -1
	case s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z':
		return int(s[0])
	}
	return int(s[0]) + 256
}

// dpkg-divert(1) --add; other uses change nothing on a fresh root.
func doDivert(c *call) (int, error) {
	opts, rest := c.options("--package", "--divert")
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
	opts, rest := c.options()
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
		mode, err := changeMode(0, rest[2], false)
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
	opts, rest := c.options("--src-dir", "--state-dir", "--sum-file", "--debconf-template")
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
	for from, to := range map[string]string{middle: p, link: middle} {
		if err := c.mkdir(path.Dir(from), 0o755, true); err != nil {
			return err
		}
		if err := c.link(to, from, map[string]string{"-s": "", "-f": "", "-T": ""}); err != nil {
			return err
		}
	}
	return nil
}

// doDebconf answers debconf's questions (debconf-devel(7)) with what scripts
// have set, else the templates' defaults, as when nobody is asked.
func doDebconf(c *call) (int, error) {
	arg := func(i int) string {
		if i < len(c.args) {
			return c.args[i]
		}
		return ""
	}
	switch arg(1) {
	case "get":
		v, ok := c.to.state.debconf[arg(2)]
		if !ok {
			v = c.defaultOf(arg(2))
		}
		fmt.Fprintln(&c.out, v)
	case "set":
		if c.to.state.debconf == nil {
			c.to.state.debconf = make(map[string]string)
		}
		c.to.state.debconf[arg(2)] = strings.Join(c.args[min(3, len(c.args)):], " ")
	case "fget":
		fmt.Fprintln(&c.out, "false")
	case "version":
		fmt.Fprintln(&c.out, "2.0")
	}
	return 0, nil
}

// defaultOf returns the default of a question of the package's own.
func (c *call) defaultOf(question string) string {
	found := false
	for l := range strings.Lines(c.pkg.files.Control["templates"]) {
		k, v, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ":")
		switch {
		case k == "Template":
			found = strings.TrimSpace(v) == question
		case k == "Default" && found:
			return strings.TrimSpace(v)
		}
	}
	return ""
}

package debian

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// update-ca-certificates(8): one file of all certificates that
// /etc/ca-certificates.conf lists (all that there are, when it lists none),
// and a link to each. The links by the subjects' hashes, which only OpenSSL's
// CApath needs, are left out.
func doCACertificates(c *call) (int, error) {
	const dir, certs = "/usr/share/ca-certificates", "/etc/ssl/certs"
	var all []byte
	for _, e := range c.to.tree.Below(dir) {
		name := strings.TrimPrefix(e.Path, dir+"/")
		if e.Type != tree.File || path.Ext(name) != ".crt" || !c.listed(name) {
			continue
		}
		b, err := c.read(e.Path)
		if err != nil {
			return 1, err
		}
		all = append(append(all, strings.TrimRight(string(b), "\n")...), '\n')
		link := path.Join(certs, strings.TrimSuffix(path.Base(name), ".crt")+".pem")
		if err := c.mkdir(certs, 0o755, true); err != nil {
			return 1, err
		}
		if err := c.link(e.Path, link, map[string]string{"-s": "", "-f": ""}); err != nil {
			return 1, err
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	return 0, c.write(path.Join(certs, "ca-certificates.crt"), all, 0o644)
}

// listed reports whether a certificate is to be trusted.
func (c *call) listed(name string) bool {
	b, err := c.read("/etc/ca-certificates.conf")
	lines := strings.Split(string(b), "\n")
	switch {
	case err != nil || slices.Contains(lines, "!"+name):
		return err != nil
	case slices.Contains(lines, name):
		return true
	}
	return !slices.ContainsFunc(lines, func(l string) bool { return l != "" && l[0] != '#' && l[0] != '!' })
}

// a2enmod(8) and its like: links from mods-enabled to mods-available, for
// each module that one depends on too.
func doApacheEnable(c *call) (int, error) {
	kind := map[string]string{"a2enmod": "mods", "a2enconf": "conf", "a2ensite": "sites"}[c.args[0]]
	_, names := c.options()
	for _, n := range names {
		if err := c.apacheEnable(kind, n, 0); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

func (c *call) apacheEnable(kind, name string, depth int) error {
	const conf, deepest = "/etc/apache2", 8
	if depth > deepest || strings.Contains(name, "/") {
		return fmt.Errorf("%s %s", kind, name)
	}
	found := false
	for _, ext := range []string{".load", ".conf"} {
		from := path.Join(conf, kind+"-available", name+ext)
		b, err := c.read(from)
		if err != nil {
			continue
		}
		found = true
		at := path.Join(conf, kind+"-enabled", name+ext)
		if err := c.link("../"+kind+"-available/"+name+ext, at, map[string]string{"-s": "", "-f": ""}); err != nil {
			return err
		}
		for l := range strings.Lines(string(b)) {
			needs, ok := strings.CutPrefix(l, "# Depends:")
			if !ok {
				continue
			}
			for _, n := range strings.Fields(needs) {
				if err := c.apacheEnable(kind, n, depth+1); err != nil {
					return err
				}
			}
		}
	}
	if !found {
		return fmt.Errorf("%s %s is not available", kind, name)
	}
	return nil
}

// stat(1) -c with one of the formats for owner, group, mode and size.
func doStat(c *call) (int, error) {
	opts, rest := c.options("-c", "--format")
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	for _, p := range rest {
		e, err := c.get(c.abs(p), has(opts, "-L", "--dereference"))
		if err != nil {
			return 1, nil
		}
		format := opts["-c"] + opts["--format"]
		for verb, value := range map[string]string{
			"%u": fmt.Sprint(e.UID), "%g": fmt.Sprint(e.GID), "%a": fmt.Sprintf("%o", e.Mode), "%s": fmt.Sprint(e.Size),
			"%U": a.userName(e.UID), "%G": a.groupName(e.GID), "%n": p,
		} {
			format = strings.ReplaceAll(format, verb, value)
		}
		if format == "" || strings.Contains(format, "%") {
			return 1, errors.New("this format has no native version")
		}
		fmt.Fprintln(&c.out, format)
	}
	return 0, nil
}

// userName returns a user's name, UNKNOWN when there is none, as stat(1).
func (a accounts) userName(uid uint32) string  { return nameOf(a.passwd, uid) }
func (a accounts) groupName(gid uint32) string { return nameOf(a.groups, gid) }

func nameOf(lines [][]string, id uint32) string {
	for _, l := range lines {
		if l[2] == fmt.Sprint(id) {
			return l[0]
		}
	}
	return "UNKNOWN"
}

// ls(1) without the long form.
func doLs(c *call) (int, error) {
	opts, rest := c.options()
	if has(opts, "-l", "-n", "-R") {
		return 1, errors.New("the long form has no native version")
	}
	if len(rest) == 0 {
		rest = []string{c.dir}
	}
	status := 0
	for _, p := range rest {
		e, err := c.get(c.abs(p), true)
		switch {
		case err != nil:
			status = 2
		case e.Type != tree.Dir || has(opts, "-d"):
			fmt.Fprintln(&c.out, p)
		default:
			all, err := c.list(c.abs(p))
			if err != nil {
				return 2, err
			}
			for _, d := range all {
				if has(opts, "-a", "-A") || !strings.HasPrefix(d.Name(), ".") {
					fmt.Fprintln(&c.out, d.Name())
				}
			}
		}
	}
	return status, nil
}

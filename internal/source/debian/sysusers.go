package debian

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// configs returns the files that a systemd tool is given: by name, below
// folder of /etc, /run or /usr/lib; or with none given, all of them.
func (c *call) configs(names []string, folder string) (string, error) {
	var all strings.Builder
	if len(names) == 0 {
		found, err := c.list("/usr/lib/" + folder)
		if err != nil && !notExist(err) {
			return "", err
		}
		for _, d := range found {
			names = append(names, d.Name())
		}
	}
	for _, n := range names {
		if n == "-" {
			all.Write(c.in)
			continue
		}
		p := c.abs(n)
		if !strings.Contains(n, "/") {
			p = path.Join("/usr/lib", folder, n)
			if _, err := c.get(path.Join("/etc", folder, n), true); err == nil {
				p = path.Join("/etc", folder, n)
			}
		}
		b, err := c.read(p)
		if err != nil {
			return "", err
		}
		all.Write(append(b, '\n'))
	}
	return all.String(), nil
}

// systemd-sysusers(8), for lines of the types u, g and m (sysusers.d(5)).
func doSysusers(c *call) (int, error) {
	_, names := c.options("", "--replace")
	text, err := c.configs(names, "sysusers.d")
	if err != nil {
		return 1, err
	}
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	for l := range strings.Lines(text) {
		f := fields(l)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		for len(f) < 6 {
			f = append(f, "-")
		}
		if err := sysuser(&a, f); err != nil {
			return 1, fmt.Errorf("%s: %w", strings.TrimSpace(l), err)
		}
	}
	return 0, c.save(a)
}

func sysuser(a *accounts, f []string) error {
	id := dash(f[2])
	switch strings.TrimRight(f[0], "!-") {
	case "g":
		_, err := a.addGroup(f[1], id)
		return err
	case "m":
		return a.join(f[1], f[2])
	case "u":
		uid, group, _ := strings.Cut(id, ":")
		gid, err := a.addGroup(f[1], uid)
		if group != "" {
			g, gerr := a.group(group)
			gid, err = fmt.Sprint(g.gid), gerr
		}
		if err != nil {
			return err
		}
		if uid == "" && !idTaken(*a, gid) {
			uid = gid
		}
		home, shell := dash(f[4]), dash(f[5])
		if home == "" {
			home = "/"
		}
		if shell == "" {
			shell = "/usr/sbin/nologin"
		}
		return a.addUser([7]string{f[1], "*", uid, gid, dash(f[3]), home, shell})
	case "r":
		return nil // a range of numbers
	}
	return errors.New("this type has no native version")
}

// dash returns a field, "" where it is "-".
func dash(f string) string {
	if f == "-" {
		return ""
	}
	return f
}

// fields splits a line at its blanks, except within quotes.
func fields(l string) []string {
	var all []string
	for l = strings.TrimSpace(l); l != ""; l = strings.TrimLeft(l, " \t") {
		if q := l[0]; q == '"' || q == '\'' {
			in, rest, _ := strings.Cut(l[1:], string(q))
			all, l = append(all, in), rest
			continue
		}
		end := strings.IndexAny(l, " \t")
		if end < 0 {
			end = len(l)
		}
		all, l = append(all, l[:end]), l[end:]
	}
	return all
}

// systemd-tmpfiles(8) --create, for folders, files, links and owners
// (tmpfiles.d(5)). Without file names it is run at every boot anyway.
func doTmpfiles(c *call) (int, error) {
	opts, names := c.options("--create --remove --clean --boot --graceful", "--prefix", "--exclude-prefix")
	if !has(opts, "--create") {
		return 0, nil
	}
	text, err := c.configs(names, "tmpfiles.d")
	if err != nil {
		return 1, err
	}
	for l := range strings.Lines(text) {
		f := fields(l)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		for len(f) < 7 {
			f = append(f, "-")
		}
		if err := c.tmpfile(f); err != nil {
			return 1, fmt.Errorf("%s: %w", strings.TrimSpace(l), err)
		}
	}
	return 0, nil
}

// tmpfile does one line: type, path, mode, user, group, age, argument.
func (c *call) tmpfile(f []string) error {
	p := path.Clean(f[1])
	if !path.IsAbs(p) || strings.Contains(p, "%") {
		return errors.New("this path has no native version")
	}
	_, missing := c.get(p, true)
	var err error
	switch strings.TrimRight(f[0], "!-=+~^$") {
	case "d", "D", "v", "q", "Q":
		err = c.mkdir(p, 0o755, true)
	case "f", "F", "w":
		if missing != nil {
			err = c.write(p, []byte(dash(f[6])), 0o644)
		}
	case "L":
		if missing != nil {
			err = c.put(tree.Entry{Path: p, Type: tree.Symlink, Mode: 0o777, Link: f[6], ModTime: c.to.s.time(), Why: c.why()})
		}
		return err
	case "z", "Z", "e":
		if missing != nil {
			return nil
		}
	case "x", "X", "r", "R": // about what is removed later
		return nil
	default:
		return errors.New("this type has no native version")
	}
	if err != nil {
		return err
	}
	if mode := strings.TrimLeft(dash(f[2]), "~:"); mode != "" {
		bits, err := tree.ChangeMode(0, mode, false)
		if err != nil {
			return err
		}
		if err := c.chmod(p, bits); err != nil {
			return err
		}
	}
	return c.chown(p, dash(f[3])+":"+dash(f[4]))
}

package debian

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/internal/accounts"
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

// eachLine calls do with the fields of each line of a configuration, at least
// n of them.
func eachLine(text string, n int, do func(f []string) error) error {
	for l := range strings.Lines(text) {
		f := fields(l)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		for len(f) < n {
			f = append(f, "-")
		}
		if err := do(f); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(l), err)
		}
	}
	return nil
}

// systemd-sysusers(8), for lines of the types u, g and m (sysusers.d(5)).
// Members come last, since their lines may stand before those of their users.
func doSysusers(c *call) (int, error) {
	_, names := c.options("", "--replace")
	text, err := c.configs(names, "sysusers.d")
	if err != nil {
		return 1, err
	}
	return c.changeAccounts(func(db *accounts.DB) error {
		for _, members := range []bool{false, true} {
			err := eachLine(text, 6, func(f []string) error {
				if (f[0] == "m") != members {
					return nil
				}
				return sysuser(db, f)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sysuser(db *accounts.DB, f []string) error {
	id := dash(f[2])
	switch strings.TrimRight(f[0], "!-") {
	case "g":
		return sysgroup(db, f[1], id)
	case "m":
		return db.Join(f[1], f[2])
	case "u":
		number, group, _ := strings.Cut(id, ":")
		if group == "" {
			group = f[1]
			if err := sysgroup(db, group, number); err != nil {
				return err
			}
		}
		uid, err := parseID(dash(number))
		if err != nil || db.HasUser(f[1]) {
			return err
		}
		u := accounts.User{Name: f[1], UID: uid, Group: group, System: true, Gecos: dash(f[3])}
		u.Home, u.Shell = cmp.Or(dash(f[4]), "/"), cmp.Or(dash(f[5]), noLogin)
		return db.AddUser(u)
	case "r":
		return nil // a range of numbers
	}
	return errors.New("this type has no native version")
}

// sysgroup adds a group that isn't there, with another number where the one
// that is suggested is taken.
func sysgroup(db *accounts.DB, name, id string) error {
	gid, err := parseID(id)
	if err != nil || db.HasGroup(name) {
		return err
	}
	if _, taken := db.Entry("group", id); taken {
		gid = 0
	}
	_, err = db.AddGroup(name, gid)
	return err
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
	if err := eachLine(text, 7, c.tmpfile); err != nil {
		return 1, err
	}
	return 0, nil
}

// tmpfile does one line: type, path, mode, user, group, age, argument.
func (c *call) tmpfile(f []string) error {
	kind := strings.TrimRight(f[0], "!-=+~^$")
	if strings.Contains("xXrRhHtTaA", kind) || strings.Contains("zZe", kind) && strings.Contains(f[1], "%") {
		return nil // what is removed later, attributes that trees don't hold, what is there after a boot
	}
	p := path.Clean(f[1])
	if !path.IsAbs(p) || strings.Contains(p, "%") {
		return errors.New("this path has no native version")
	}
	_, missing := c.get(p, true)
	var err error
	switch kind {
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

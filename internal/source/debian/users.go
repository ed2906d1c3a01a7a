package debian

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// adduser(8): a system user gets the group nogroup unless told otherwise, and
// no home is made when it is said or not there to be made.
func doAdduser(c *call) (int, error) {
	opts, names := c.options("--disabled-login --disabled-password --force-badname --allow-bad-names --group --no-create-home --nohome --no-home --quiet --system", "--home", "--shell", "--uid", "--gid", "--gecos", "--ingroup", "--comment", "--firstuid", "--lastuid")
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	switch {
	case len(names) == 2:
		if err := a.join(names[0], names[1]); err != nil {
			return 1, err
		}
		return 0, c.save(a)
	case len(names) != 1:
		return 1, errors.New("no user name")
	case a.hasUser(names[0]):
		return 0, nil
	}
	name := names[0]
	l := [7]string{name, "*", opts["--uid"], "", opts["--gecos"] + opts["--comment"], opts["--home"], opts["--shell"]}
	if l[5] == "" {
		l[5] = "/home/" + name
		if has(opts, "--system") {
			l[5] = "/nonexistent"
		}
	}
	if l[6] == "" {
		l[6] = "/usr/sbin/nologin"
	}
	if l[3], err = adduserGroup(&a, name, opts); err != nil {
		return 1, err
	}
	if err := c.addUser(a, l); err != nil {
		return 1, err
	}
	if has(opts, "--no-create-home", "--nohome", "--no-home") || l[5] == "/nonexistent" {
		return 0, nil
	}
	return 0, c.makeHome(l[5], name)
}

// adduserGroup returns the number of the group that adduser gives.
func adduserGroup(a *accounts, name string, opts map[string]string) (string, error) {
	if g := opts["--ingroup"] + opts["--gid"]; g != "" {
		found, err := a.group(g)
		return fmt.Sprint(found.gid), err
	}
	if has(opts, "--group") || !has(opts, "--system") {
		id := opts["--uid"]
		if a.hasGroup(name) || id == "" || hasID(a, id) {
			id = ""
		}
		return a.addGroup(name, id)
	}
	return fmt.Sprint(noGroup), nil
}

func hasID(a *accounts, id string) bool {
	for _, l := range a.groups {
		if l[2] == id {
			return true
		}
	}
	return false
}

// addUser adds the user, with the number of the group of its name if that is
// free, and saves.
func (c *call) addUser(a accounts, l [7]string) error {
	if l[2] == "" && a.hasGroup(l[0]) {
		if _, err := a.user(l[3]); err == nil && !idTaken(a, l[3]) {
			l[2] = l[3]
		}
	}
	if err := a.addUser(l); err != nil {
		return err
	}
	return c.save(a)
}

func idTaken(a accounts, id string) bool {
	for _, l := range a.passwd {
		if l[2] == id {
			return true
		}
	}
	return false
}

func (c *call) makeHome(home, name string) error {
	if _, err := c.get(home, true); err == nil || !path.IsAbs(home) {
		return nil
	}
	if err := c.mkdir(path.Clean(home), 0o755, true); err != nil {
		return err
	}
	return c.chown(path.Clean(home), name+":")
}

func doAddgroup(c *call) (int, error) {
	opts, names := c.options("--quiet --system --force-badname", "--gid")
	if len(names) == 2 {
		return doAdduser(c)
	}
	return c.newGroup(names, opts["--gid"])
}

func doGroupadd(c *call) (int, error) {
	opts, names := c.options("-f -r --force --system", "-g", "--gid", "-K")
	return c.newGroup(names, opts["-g"]+opts["--gid"])
}

func (c *call) newGroup(names []string, id string) (int, error) {
	if len(names) != 1 {
		return 1, errors.New("no group name")
	}
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	if _, err := a.addGroup(names[0], id); err != nil {
		return 1, err
	}
	return 0, c.save(a)
}

// useradd(8) makes a group of the user's name, unless told which to use.
func doUseradd(c *call) (int, error) {
	opts, names := c.options("-l -m -M -N -r -U --create-home --no-create-home --no-user-group --system --user-group",
		"-u", "--uid", "-g", "--gid", "-d", "--home-dir", "--home", "-s", "--shell", "-c", "--comment",
		"-G", "--groups", "-b", "-K", "-k")
	if len(names) != 1 {
		return 1, errors.New("no user name")
	}
	a, err := c.accounts()
	if err != nil || a.hasUser(names[0]) {
		return 0, err
	}
	home := opts["-d"] + opts["--home-dir"] + opts["--home"]
	l := [7]string{names[0], "*", opts["-u"] + opts["--uid"], "", opts["-c"] + opts["--comment"], home, opts["-s"] + opts["--shell"]}
	if home == "" {
		l[5] = "/home/" + names[0]
	}
	if l[6] == "" {
		l[6] = "/usr/sbin/nologin"
	}
	g, err := a.group(opts["-g"] + opts["--gid"])
	l[3] = fmt.Sprint(g.gid)
	if opts["-g"]+opts["--gid"] == "" {
		l[3], err = a.addGroup(names[0], "")
	}
	if err != nil {
		return 1, err
	}
	if err := c.addUser(a, l); err != nil {
		return 1, err
	}
	for g := range strings.SplitSeq(opts["-G"]+opts["--groups"], ",") {
		if g != "" {
			if err := c.joinGroup(names[0], g); err != nil {
				return 1, err
			}
		}
	}
	if has(opts, "-m", "--create-home") {
		return 0, c.makeHome(l[5], names[0])
	}
	return 0, nil
}

func (c *call) joinGroup(name, group string) error {
	a, err := c.accounts()
	if err != nil {
		return err
	}
	if err := a.join(name, group); err != nil {
		return err
	}
	return c.save(a)
}

// usermod(8), of which groups and locks are done.
func doUsermod(c *call) (int, error) {
	opts, names := c.options("-a -L -U --append --lock --unlock", "-G", "--groups", "-d", "--home", "-s", "--shell", "-c", "--comment")
	if len(names) != 1 {
		return 1, errors.New("no user name")
	}
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	for _, l := range a.passwd {
		if l[0] != names[0] {
			continue
		}
		for o, field := range map[string]int{"-d": 5, "--home": 5, "-s": 6, "--shell": 6, "-c": 4, "--comment": 4} {
			if v, ok := opts[o]; ok {
				l[field] = v
			}
		}
	}
	for g := range strings.SplitSeq(opts["-G"]+opts["--groups"], ",") {
		if g != "" {
			if err := a.join(names[0], g); err != nil {
				return 1, err
			}
		}
	}
	return 0, c.save(a)
}

func doGetent(c *call) (int, error) {
	_, rest := c.options("")
	a, err := c.accounts()
	if err != nil || len(rest) == 0 {
		return 1, err
	}
	lines := map[string][][]string{"passwd": a.passwd, "group": a.groups, "shadow": a.passwd}[rest[0]]
	if len(rest) == 1 {
		for _, l := range lines {
			fmt.Fprintln(&c.out, strings.Join(l, ":"))
		}
		return 0, nil
	}
	for _, l := range lines {
		if l[0] == rest[1] || l[2] == rest[1] {
			fmt.Fprintln(&c.out, strings.Join(l, ":"))
			return 0, nil
		}
	}
	return 2, nil
}

// id(1) of a user, or of root, who runs the scripts.
func doID(c *call) (int, error) {
	opts, names := c.options("-g -G -n -r -u --group --groups --name --real --user")
	if len(names) == 0 {
		names = []string{"root"}
	}
	a, err := c.accounts()
	if err != nil {
		return 1, err
	}
	if !a.hasUser(names[0]) && names[0] != "root" {
		return 1, nil
	}
	u, err := a.user(names[0])
	if err != nil {
		u = user{name: "root"}
	}
	g, err := a.group(fmt.Sprint(u.gid))
	if err != nil {
		return 1, err
	}
	number, name := fmt.Sprint(u.uid), u.name
	if has(opts, "-g", "--group", "-G", "--groups") {
		number, name = fmt.Sprint(g.gid), g.name
	}
	switch {
	case has(opts, "-n", "--name"):
		fmt.Fprintln(&c.out, name)
	case has(opts, "-u", "--user", "-g", "--group", "-G", "--groups"):
		fmt.Fprintln(&c.out, number)
	default:
		fmt.Fprintf(&c.out, "uid=%d(%s) gid=%d(%s)\n", u.uid, u.name, g.gid, g.name)
	}
	return 0, nil
}

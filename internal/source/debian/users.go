package debian

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/accounts"
)

// The ranges of numbers that Debian gives to system accounts (Policy 9.2.2).
const (
	firstSystemID = 100
	lastSystemID  = 999
	noGroup       = "65534"
	noLogin       = "/usr/sbin/nologin"
)

// accounts reads the tree's users and groups. Files that are missing are as
// empty ones.
func (s *script) accounts() (*accounts.DB, error) {
	db, err := accounts.Load(&s.to.tree)
	if err != nil {
		return nil, err
	}
	if db.OS == "" {
		db.OS = accounts.Linux
	}
	db.First, db.Last = firstSystemID, lastSystemID
	return db, nil
}

// save writes users and groups back.
func (s *script) save(db *accounts.DB) error { return db.Store(&s.to.tree, s.to.s.time(), s.why()) }

// changeAccounts calls do with the accounts and saves what it has made of
// them, unless it fails.
func (s *script) changeAccounts(do func(db *accounts.DB) error) (int, error) {
	db, err := s.accounts()
	if err == nil {
		err = do(db)
	}
	if err == nil {
		err = s.save(db)
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// parseID reads a number that an option gives; an empty one is 0, for a free
// one.
func parseID(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("the number of a user or group is %q", s)
	}
	return uint32(n), nil
}

// newUser fills what a useradd(8) without options gives, and where opts say so,
// the number.
func newUser(name, id string, system bool) (accounts.User, error) {
	uid, err := parseID(id)
	return accounts.User{Name: name, UID: uid, System: system, Home: "/home/" + name, Shell: noLogin}, err
}

// adduser(8): a system user gets the group nogroup unless told otherwise, and
// no home is made when it is said or not there to be made.
func doAdduser(c *call) (int, error) {
	opts, names := c.options("--disabled-login --disabled-password --force-badname --allow-bad-names --group --no-create-home --nohome --no-home --quiet --system", "--home", "--shell", "--uid", "--gid", "--gecos", "--ingroup", "--comment", "--firstuid", "--lastuid")
	switch {
	case len(names) == 2:
		return c.changeAccounts(func(db *accounts.DB) error { return db.Join(names[0], names[1]) })
	case len(names) != 1:
		return 1, errors.New("no user name")
	}
	u, err := newUser(names[0], opts["--uid"], has(opts, "--system"))
	if err != nil {
		return 1, err
	}
	u.Gecos = opts["--gecos"] + opts["--comment"]
	u.Group = opts["--ingroup"] + opts["--gid"]
	if u.Group == "" && u.System && !has(opts, "--group") {
		u.Group = noGroup
	}
	if u.System {
		u.Home = "/nonexistent"
	}
	withHome := !has(opts, "--no-create-home", "--nohome", "--no-home")
	return c.addUser(u, opts["--home"], opts["--shell"], withHome)
}

// useradd(8) makes a group of the user's name, unless told which to use.
func doUseradd(c *call) (int, error) {
	opts, names := c.options("-l -m -M -N -r -U --create-home --no-create-home --no-user-group --system --user-group",
		"-u", "--uid", "-g", "--gid", "-d", "--home-dir", "--home", "-s", "--shell", "-c", "--comment",
		"-G", "--groups", "-b", "-K", "-k")
	if len(names) != 1 {
		return 1, errors.New("no user name")
	}
	u, err := newUser(names[0], opts["-u"]+opts["--uid"], has(opts, "-r", "--system"))
	if err != nil {
		return 1, err
	}
	u.Gecos = opts["-c"] + opts["--comment"]
	u.Group = opts["-g"] + opts["--gid"]
	u.Groups = groupNames(opts)
	home := opts["-d"] + opts["--home-dir"] + opts["--home"]
	return c.addUser(u, home, opts["-s"]+opts["--shell"], has(opts, "-m", "--create-home"))
}

// groupNames returns the further groups that useradd and usermod are told.
func groupNames(opts map[string]string) []string {
	return strings.FieldsFunc(opts["-G"]+opts["--groups"], func(r rune) bool { return r == ',' })
}

// addUser adds a user who isn't there yet, with a home and shell other than
// u's where they are given.
func (c *call) addUser(u accounts.User, home, shell string, withHome bool) (int, error) {
	if home != "" {
		u.Home = home
	}
	if shell != "" {
		u.Shell = shell
	}
	there := false
	status, err := c.changeAccounts(func(db *accounts.DB) error {
		if there = db.HasUser(u.Name); there {
			return nil
		}
		return db.AddUser(u)
	})
	if err != nil || there || !withHome || u.Home == "/nonexistent" {
		return status, err
	}
	return 0, c.makeHome(u.Home, u.Name)
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
	gid, err := parseID(id)
	if err != nil {
		return 1, err
	}
	return c.changeAccounts(func(db *accounts.DB) error {
		if db.HasGroup(names[0]) {
			return nil
		}
		_, err := db.AddGroup(names[0], gid)
		return err
	})
}

// usermod(8), but for the user's name and numbers.
func doUsermod(c *call) (int, error) {
	opts, names := c.options("-a -L -U --append --lock --unlock", "-G", "--groups", "-d", "--home", "-s", "--shell", "-c", "--comment")
	if len(names) != 1 {
		return 1, errors.New("no user name")
	}
	return c.changeAccounts(func(db *accounts.DB) error {
		for _, g := range groupNames(opts) {
			if err := db.Join(names[0], g); err != nil {
				return err
			}
		}
		return db.Modify(names[0], func(u *accounts.User) { modify(u, opts) })
	})
}

// modify does what usermod's options say.
func modify(u *accounts.User, opts map[string]string) {
	for o, field := range map[string]*string{
		"-d": &u.Home, "--home": &u.Home, "-s": &u.Shell, "--shell": &u.Shell, "-c": &u.Gecos, "--comment": &u.Gecos,
	} {
		if v, ok := opts[o]; ok {
			*field = v
		}
	}
	// What nothing matches is locked already.
	if has(opts, "-L", "--lock") && !strings.HasPrefix(u.Password, "!") && u.Password != "*" {
		u.Password = "!" + u.Password
	}
	if rest := strings.TrimPrefix(u.Password, "!"); has(opts, "-U", "--unlock") && rest != "" {
		u.Password = rest
	}
}

func doGetent(c *call) (int, error) {
	_, rest := c.options("")
	db, err := c.accounts()
	if err != nil || len(rest) == 0 {
		return 1, err
	}
	if len(rest) == 1 {
		for _, l := range db.Entries(rest[0]) {
			fmt.Fprintln(&c.out, l)
		}
		return 0, nil
	}
	if l, ok := db.Entry(rest[0], rest[1]); ok {
		fmt.Fprintln(&c.out, l)
		return 0, nil
	}
	return 2, nil
}

// id(1) of a user, or of root, who runs the scripts.
func doID(c *call) (int, error) {
	opts, names := c.options("-g -G -n -r -u --group --groups --name --real --user")
	if len(names) == 0 {
		names = []string{"root"}
	}
	db, err := c.accounts()
	if err != nil {
		return 1, err
	}
	number := [2]string{"0", "0"}
	name := [2]string{"root", "root"}
	if l, ok := db.Entry("passwd", names[0]); ok {
		f := strings.Split(l, ":")
		name[0], number[0], number[1] = f[0], f[2], f[3]
	} else if names[0] != "root" {
		return 1, nil
	}
	if l, ok := db.Entry("group", number[1]); ok {
		name[1], _, _ = strings.Cut(l, ":")
	} else {
		name[1] = number[1]
	}
	which := 0
	if has(opts, "-g", "--group", "-G", "--groups") {
		which = 1
	}
	switch {
	case has(opts, "-n", "--name"):
		fmt.Fprintln(&c.out, name[which])
	case has(opts, "-u", "--user", "-g", "--group", "-G", "--groups"):
		fmt.Fprintln(&c.out, number[which])
	default:
		fmt.Fprintf(&c.out, "uid=%s(%s) gid=%s(%s)\n", number[0], name[0], number[1], name[1])
	}
	return 0, nil
}

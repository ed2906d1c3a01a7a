package accounts

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A User is somebody to add.
type User struct {
	Name string
	// UID is the number; 0: a free one. (Users with the number 0 are not
	// added.)
	UID uint32
	// Group is the group to log in with, a name or a number. Empty: "users"
	// on NetBSD, as useradd(8) has it, and a group of the user's own name,
	// made where it is missing, on Linux.
	Group  string
	Groups []string // further groups, which must exist
	// Password is the encrypted one; empty: "*", which nothing matches.
	Password string
	// System says that it is a system's account: on Linux, its password never
	// ages, and is "!" where it is not given, as useradd(8) -r has it.
	System bool
	Class  string // of login.conf(5), on NetBSD
	Gecos  string // full name and what else finger(1) shows
	Home   string // empty: /home/ and the name
	Shell  string // empty: /sbin/nologin on NetBSD, /usr/sbin/nologin on Linux
}

// AddGroup adds a group with the number gid, or with a free one when that is
// 0, and returns its number. A group that exists keeps its number; asking for
// another is an error, and so is a number that another group has.
func (db *DB) AddGroup(name string, gid uint32) (uint32, error) {
	if err := db.checkName(name); err != nil {
		return 0, fmt.Errorf("add group %q: %w", name, err)
	}
	if db.HasGroup(name) {
		have, err := db.LookupGroup(name)
		if err == nil && gid != 0 && gid != have {
			err = fmt.Errorf("it exists with the number %d, not %d", have, gid)
		}
		if err != nil {
			return 0, fmt.Errorf("add group %s: %w", name, err)
		}
		return have, nil
	}
	gid, err := db.number(db.groups, gid, "group")
	if err != nil {
		return 0, fmt.Errorf("add group %s: %w", name, err)
	}
	db.groups.fields = groupFields
	db.groups.add([]string{name, db.noPassword(), id(gid), ""})
	return gid, nil
}

// AddUser adds a user. One that exists is left as it is, but is made a member
// of u.Groups; asking for another number of it is an error, and so is a number
// that another user has.
func (db *DB) AddUser(u User) error {
	if err := db.addUser(u); err != nil {
		return fmt.Errorf("add user %q: %w", u.Name, err)
	}
	for _, g := range u.Groups {
		if err := db.Join(u.Name, g); err != nil {
			return fmt.Errorf("add user %s: %w", u.Name, err)
		}
	}
	return nil
}

func (db *DB) addUser(u User) error {
	if err := db.checkName(u.Name); err != nil {
		return err
	}
	if db.HasUser(u.Name) {
		have, _, err := db.lookupUser(u.Name)
		if err == nil && u.UID != 0 && u.UID != have {
			err = fmt.Errorf("it exists with the number %d, not %d", have, u.UID)
		}
		return err
	}
	if db.OS == "" {
		return errors.New("the tree has no accounts, and nothing says of which system they would be")
	}
	for _, f := range []string{u.Password, u.Class, u.Gecos, u.Home, u.Shell} {
		if err := checkField(f); err != nil {
			return err
		}
	}
	gid, err := db.loginGroup(&u)
	if err != nil {
		return err
	}
	if u.UID == 0 && db.users.find(2, id(gid)) == nil && gid >= db.first() && db.HasGroup(u.Name) {
		u.UID = gid // the same as that of its own group, where it is free
	}
	if u.UID, err = db.number(db.users, u.UID, "user"); err != nil {
		return err
	}
	db.addRecord(u, gid)
	return nil
}

// loginGroup returns the number of u's group.
func (db *DB) loginGroup(u *User) (uint32, error) {
	if u.Group != "" {
		return db.LookupGroup(u.Group)
	}
	if db.OS == NetBSD {
		return db.LookupGroup("users")
	}
	gid := u.UID
	if db.HasGroup(u.Name) || db.groups.find(2, id(gid)) != nil {
		gid = 0
	}
	return db.AddGroup(u.Name, gid)
}

// addRecord adds the lines of u, with what it doesn't say filled in.
func (db *DB) addRecord(u User, gid uint32) {
	u.Home = cmp.Or(u.Home, "/home/"+u.Name)
	if u.System && db.shadow.lines != nil {
		u.Password = cmp.Or(u.Password, "!")
	}
	u.Password = cmp.Or(u.Password, "*")
	if db.OS == NetBSD {
		shell := cmp.Or(u.Shell, "/sbin/nologin")
		db.users.add([]string{u.Name, u.Password, id(u.UID), id(gid), u.Class, "0", "0", u.Gecos, u.Home, shell})
		return
	}
	hash := u.Password
	if db.shadow.lines != nil {
		db.shadow.add(shadowRecord(u))
		hash = "x"
	}
	db.users.add([]string{u.Name, hash, id(u.UID), id(gid), u.Gecos, u.Home, cmp.Or(u.Shell, "/usr/sbin/nologin")})
}

// Join makes a user a member of a group.
func (db *DB) Join(user, group string) error {
	l := db.groups.find(0, group)
	if l == nil {
		return fmt.Errorf("make %s a member of %s: there is no such group", user, group)
	}
	if !db.HasUser(user) {
		return fmt.Errorf("make %s a member of %s: there is no such user", user, group)
	}
	members := strings.FieldsFunc(l[3], func(r rune) bool { return r == ',' })
	if !slices.Contains(members, user) {
		l[3] = strings.Join(append(members, user), ",")
	}
	return nil
}

// number returns want, if no record of tab has it, or when it is 0 the first
// number that neither a user nor a group has.
func (db *DB) number(tab table, want uint32, what string) (uint32, error) {
	if want > maxID {
		return 0, fmt.Errorf("number %d is more than %d", want, maxID)
	}
	if want != 0 {
		if l := tab.find(2, id(want)); l != nil {
			return 0, fmt.Errorf("the %s %s has the number %d already", what, l[0], want)
		}
		return want, nil
	}
	last := cmp.Or(db.Last, 60000)
	for n := db.first(); n <= last; n++ {
		if db.users.find(2, id(n)) == nil && db.groups.find(2, id(n)) == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("all numbers from %d to %d are taken", db.first(), last)
}

func (db *DB) first() uint32 { return cmp.Or(db.First, 1000) }

// noPassword is what stands for the password of a group without one.
func (db *DB) noPassword() string {
	if db.OS == NetBSD {
		return "*"
	}
	return "x"
}

func id(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// checkName refuses what no system takes for a name: what the files use as
// separators, what commands would take for an option or a number, and what
// NIS uses.
func (db *DB) checkName(name string) error {
	most := 32
	if db.OS == NetBSD {
		most = maxName
	}
	switch {
	case name == "" || len(name) > most:
		return fmt.Errorf("a name has from 1 to %d bytes, not %d", most, len(name))
	case strings.ContainsAny(name, ":,/ \t\n\x00") || strings.ContainsAny(name[:1], "-+#"):
		return errors.New("it is no name")
	}
	if _, err := strconv.ParseUint(name, 10, 64); err == nil {
		return errors.New("it is a number, not a name")
	}
	return nil
}

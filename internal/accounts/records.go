package accounts

import (
	"fmt"
	"slices"
	"strings"
)

// Entries returns the records of a database of getent(1), a line each:
// "passwd" as passwd(5) has it on either system, "group", and "shadow" of
// Linux. There are none of others.
func (db *DB) Entries(database string) []string {
	var tab table
	switch database {
	case "passwd":
		tab = db.users
	case "group":
		tab = db.groups
	case "shadow":
		tab = db.shadow
	}
	var all []string
	for _, l := range tab.lines {
		switch {
		case len(l) != tab.fields:
			continue
		case tab.fields == masterFields:
			l = []string{l[0], "*", l[2], l[3], l[7], l[8], l[9]}
		}
		all = append(all, strings.Join(l, ":"))
	}
	return all
}

// Entry returns the first record of a database, as Entries has it, with this
// name or number.
func (db *DB) Entry(database, key string) (string, bool) {
	for _, l := range db.Entries(database) {
		f := strings.Split(l, ":")
		if f[0] == key || database != "shadow" && f[2] == key {
			return l, true
		}
	}
	return "", false
}

// Modify changes the password, class, full name, home and shell of a user to
// what change makes of them. The name and the numbers stay.
func (db *DB) Modify(name string, change func(u *User)) error {
	l := db.users.find(0, name)
	if l == nil {
		return fmt.Errorf("change user %q: there is no such user", name)
	}
	u := User{Name: name}
	fields := db.userFields(l, &u)
	for p, f := range fields {
		*p = *f
	}
	change(&u)
	for p := range fields {
		if err := checkField(*p); err != nil {
			return fmt.Errorf("change user %s: %w", name, err)
		}
	}
	for p, f := range fields {
		*f = *p
	}
	return nil
}

// userFields returns where the record l has the fields of u that can change.
func (db *DB) userFields(l []string, u *User) map[*string]*string {
	rest := l[len(l)-3:] // the last three are the same on all systems
	fields := map[*string]*string{&u.Password: &l[1], &u.Gecos: &rest[0], &u.Home: &rest[1], &u.Shell: &rest[2]}
	if db.OS == NetBSD {
		fields[&u.Class] = &l[4]
	}
	if s := db.shadow.find(0, l[0]); s != nil {
		fields[&u.Password] = &s[1]
	}
	return fields
}

// shadowRecord returns the line of shadow(5) of a new user.
func shadowRecord(u User) []string {
	ages := []string{"", "0", "99999", "7", "", "", ""} // as login.defs(5) has them
	if u.System {
		ages = slices.Repeat([]string{""}, len(ages))
	}
	return append([]string{u.Name, u.Password}, ages...)
}

// checkField refuses what would end a field or its line.
func checkField(f string) error {
	if strings.ContainsAny(f, ":\n\x00") {
		return fmt.Errorf("%q can't stand in a field of passwd(5)", f)
	}
	return nil
}

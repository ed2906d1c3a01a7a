// Package accounts is the users and groups of a tree, as passwd(5) and group(5)
// of NetBSD and of Linux have them: it finds their numbers, adds some, and
// writes all files that must agree, NetBSD's pwd.db and spwd.db included.
package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// The systems that a DB can be for.
const (
	NetBSD = "netbsd"
	Linux  = "linux"
)

const (
	masterFile = "/etc/master.passwd"
	passwdFile = "/etc/passwd"
	shadowFile = "/etc/shadow"
	groupFile  = "/etc/group"
	dbFile     = "/etc/pwd.db"
	secureFile = "/etc/spwd.db"
)

// maxFile bounds the files that are read, in bytes.
const maxFile = 16 << 20

// Fields of a line.
const (
	masterFields = 10 // name:password:uid:gid:class:change:expire:gecos:home:shell
	passwdFields = 7  // name:password:uid:gid:gecos:home:shell
	shadowFields = 9  // name:password and seven ages in days
	groupFields  = 4  // name:password:gid:members
)

// A DB is the users and groups of one tree. The zero value has none. It is not
// safe for concurrent use.
type DB struct {
	// OS is the system whose files these are, "" while nothing says so.
	OS string
	// First and Last are the numbers that new users and groups get one of
	// when they ask for none. Zero: 1000 and 60000, as useradd(8) has it.
	First, Last uint32

	users  table // master.passwd on NetBSD, passwd on Linux
	shadow table // of Linux
	groups table
}

// table is the lines of a file, split at their colons. Those that don't have
// the right number of fields, such as remarks, are kept and are no records.
type table struct {
	lines  [][]string
	fields int
}

// Load reads the accounts of t: of NetBSD where there is /etc/master.passwd,
// else of Linux where there is /etc/passwd. Files that are missing are as
// empty ones.
func Load(t *tree.Tree) (*DB, error) {
	db := &DB{}
	var err error
	read := func(p string, fields int) (tab table) {
		if err == nil {
			tab, err = load(t, p, fields)
		}
		return tab
	}
	db.groups = read(groupFile, groupFields)
	if db.users = read(masterFile, masterFields); db.users.lines != nil {
		db.OS = NetBSD
		return db, err
	}
	if db.users = read(passwdFile, passwdFields); db.users.lines != nil {
		db.OS = Linux
		db.shadow = read(shadowFile, shadowFields)
	}
	return db, err
}

// load reads a file. Its lines are nil where it doesn't exist.
func load(t *tree.Tree, p string, fields int) (table, error) {
	b, err := t.ReadFile(p, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return table{fields: fields}, nil
	}
	if err != nil {
		return table{}, fmt.Errorf("load accounts: %w", err)
	}
	return parse(b, fields), nil
}

func parse(b []byte, fields int) table {
	tab := table{lines: [][]string{}, fields: fields}
	for l := range strings.Lines(string(b)) {
		tab.lines = append(tab.lines, strings.Split(strings.TrimSuffix(l, "\n"), ":"))
	}
	return tab
}

// bytes returns the file.
func (tab table) bytes() []byte {
	var b []byte
	for _, l := range tab.lines {
		b = append(append(b, strings.Join(l, ":")...), '\n')
	}
	return b
}

// find returns the first record whose field i is v.
func (tab table) find(i int, v string) []string {
	for _, l := range tab.lines {
		if len(l) == tab.fields && l[i] == v {
			return l
		}
	}
	return nil
}

// add adds a record, before lines of NIS, which begin with a plus sign and
// stand for all that is not above them.
func (tab *table) add(l []string) {
	at := slices.IndexFunc(tab.lines, func(l []string) bool { return strings.HasPrefix(l[0], "+") })
	if at < 0 {
		at = len(tab.lines)
	}
	tab.lines = slices.Insert(tab.lines, at, l)
}

// Lookup returns the numbers that "user", "user:group" and "user:" mean, each
// part a name or a number. A user alone has the group it logs in with; a
// number alone that is no user's is the group's too, as COPY --chown has it.
func (db *DB) Lookup(spec string) (uid, gid uint32, err error) {
	user, group, _ := strings.Cut(spec, ":")
	uid, gid, err = db.lookupUser(user)
	if err == nil && group != "" {
		gid, err = db.LookupGroup(group)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look up the owner %q: %w", spec, err)
	}
	return uid, gid, nil
}

func (db *DB) lookupUser(user string) (uid, gid uint32, err error) {
	l := db.users.find(0, user)
	if l == nil {
		n, err := parseID(user)
		if err != nil {
			return 0, 0, fmt.Errorf("there is no user %q", user)
		}
		if l = db.users.find(2, strconv.FormatUint(uint64(n), 10)); l == nil {
			return n, n, nil
		}
	}
	if uid, err = parseID(l[2]); err != nil {
		return 0, 0, fmt.Errorf("user %s has the number %q", l[0], l[2])
	}
	if gid, err = parseID(l[3]); err != nil {
		return 0, 0, fmt.Errorf("user %s has the group number %q", l[0], l[3])
	}
	return uid, gid, nil
}

// LookupGroup returns the number that a group's name or number means. A number
// need not be any group's.
func (db *DB) LookupGroup(group string) (uint32, error) {
	if l := db.groups.find(0, group); l != nil {
		gid, err := parseID(l[2])
		if err != nil {
			return 0, fmt.Errorf("group %s has the number %q", group, l[2])
		}
		return gid, nil
	}
	gid, err := parseID(group)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q", group)
	}
	return gid, nil
}

// HasUser reports whether there is a user of this name.
func (db *DB) HasUser(name string) bool { return db.users.find(0, name) != nil }

// HasGroup reports whether there is a group of this name.
func (db *DB) HasGroup(name string) bool { return db.groups.find(0, name) != nil }

// maxID is the greatest number of a user or group (UID_MAX in NetBSD's
// sys/syslimits.h).
const maxID = 1<<31 - 1

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n > maxID {
		err = strconv.ErrRange
	}
	return uint32(n), err
}

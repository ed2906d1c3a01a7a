package debian

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The ranges of numbers that Debian gives to system accounts (Policy 9.2.2).
const (
	firstSystemID = 100
	lastSystemID  = 999
	noGroup       = 65534
)

const passwdFile, groupFile = "/etc/passwd", "/etc/group"

// accounts are /etc/passwd and /etc/group (passwd(5), group(5)), line by line.
type accounts struct {
	passwd, groups      [][]string
	oddUsers, oddGroups odd
}

// odd are the lines of a file that are no accounts, such as remarks, by how
// many accounts come before them. They are kept as they are.
type odd map[int][]string

type user struct {
	name     string
	uid, gid uint32
}

type group struct {
	name string
	gid  uint32
}

// accounts reads the tree's users and groups. Files that are missing are as
// empty ones.
func (s *script) accounts() (accounts, error) {
	users, err := s.readOptional(passwdFile)
	if err != nil {
		return accounts{}, err
	}
	groups, err := s.readOptional(groupFile)
	if err != nil {
		return accounts{}, err
	}
	var a accounts
	a.passwd, a.oddUsers = parseLines(users, 7)
	a.groups, a.oddGroups = parseLines(groups, 4)
	return a, nil
}

// readOptional is read, of a file that may be missing.
func (s *script) readOptional(p string) ([]byte, error) {
	b, err := s.read(p)
	if notExist(err) {
		return nil, nil
	}
	return b, err
}

// parseLines splits the lines that have this number of fields.
func parseLines(b []byte, fields int) (lines [][]string, others odd) {
	others = make(odd)
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		parts := strings.Split(l, ":")
		if len(parts) == fields {
			lines = append(lines, parts)
			continue
		}
		others[len(lines)] = append(others[len(lines)], l)
	}
	return lines, others
}

// save writes users and groups back.
func (s *script) save(a accounts) error {
	if err := s.write(passwdFile, formatLines(a.passwd, a.oddUsers), 0o644); err != nil {
		return err
	}
	return s.write(groupFile, formatLines(a.groups, a.oddGroups), 0o644)
}

func formatLines(lines [][]string, others odd) []byte {
	var b []byte
	for i := range len(lines) + 1 {
		for _, l := range others[i] {
			b = append(b, l+"\n"...)
		}
		if i < len(lines) {
			b = append(b, strings.Join(lines[i], ":")+"\n"...)
		}
	}
	return b
}

// user finds a user by name or number; a number need not be anyone's.
func (a accounts) user(name string) (user, error) {
	for _, l := range a.passwd {
		if l[0] == name || l[2] == name {
			uid, err := parseID(l[2])
			if err != nil {
				return user{}, err
			}
			gid, err := parseID(l[3])
			return user{l[0], uid, gid}, err
		}
	}
	if n, err := parseID(name); err == nil {
		return user{name, n, n}, nil
	}
	return user{}, fmt.Errorf("there is no user %q", name)
}

// group finds a group by name or number; a number need not be anyone's.
func (a accounts) group(name string) (group, error) {
	for _, l := range a.groups {
		if l[0] == name || l[2] == name {
			gid, err := parseID(l[2])
			return group{l[0], gid}, err
		}
	}
	if n, err := parseID(name); err == nil {
		return group{name, n}, nil
	}
	return group{}, fmt.Errorf("there is no group %q", name)
}

func (a accounts) hasUser(name string) bool  { return hasLine(a.passwd, name) }
func (a accounts) hasGroup(name string) bool { return hasLine(a.groups, name) }

func hasLine(lines [][]string, name string) bool {
	return slices.ContainsFunc(lines, func(l []string) bool { return l[0] == name })
}

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}

// freeID returns the first number that neither a user nor a group has, so
// that both can have the same.
func (a accounts) freeID() (string, error) {
	taken := make(map[string]bool)
	for _, l := range slices.Concat(a.passwd, a.groups) {
		taken[l[2]] = true
	}
	for n := firstSystemID; n <= lastSystemID; n++ {
		if id := strconv.Itoa(n); !taken[id] {
			return id, nil
		}
	}
	return "", fmt.Errorf("all numbers from %d to %d are taken", firstSystemID, lastSystemID)
}

// addGroup adds a group with the number id, a free one when that is empty.
func (a *accounts) addGroup(name, id string) (string, error) {
	if !validName(name) {
		return "", fmt.Errorf("group name %q", name)
	}
	if g, err := a.group(name); err == nil && g.name == name && a.hasGroup(name) {
		return strconv.FormatUint(uint64(g.gid), 10), nil
	}
	if id == "" {
		var err error
		if id, err = a.freeID(); err != nil {
			return "", err
		}
	}
	if _, err := parseID(id); err != nil {
		return "", fmt.Errorf("group number %q", id)
	}
	a.groups = append(a.groups, []string{name, "x", id, ""})
	return id, nil
}

// addUser adds a user; l has the fields of passwd(5), the number may be
// empty for a free one.
func (a *accounts) addUser(l [7]string) error {
	if !validName(l[0]) {
		return fmt.Errorf("user name %q", l[0])
	}
	if a.hasUser(l[0]) {
		return nil
	}
	if l[2] == "" {
		var err error
		if l[2], err = a.freeID(); err != nil {
			return err
		}
	}
	for i, f := range l {
		if strings.ContainsAny(f, ":\n") {
			return fmt.Errorf("field %d of user %s: %q", i+1, l[0], f)
		}
	}
	for _, n := range l[2:4] {
		if _, err := parseID(n); err != nil {
			return fmt.Errorf("number %q of user %s", n, l[0])
		}
	}
	a.passwd = append(a.passwd, l[:])
	return nil
}

// join makes a user a member of a group.
func (a *accounts) join(name, group string) error {
	for _, l := range a.groups {
		if l[0] != group {
			continue
		}
		members := strings.FieldsFunc(l[3], func(r rune) bool { return r == ',' })
		if !slices.Contains(members, name) {
			l[3] = strings.Join(append(members, name), ",")
		}
		return nil
	}
	return fmt.Errorf("there is no group %q", group)
}

// validName follows adduser(8): no separators of the files, no option, no
// number.
func validName(n string) bool {
	if n == "" || len(n) > 32 || strings.ContainsAny(n, ":,/ \t\n") || n[0] == '-' {
		return false
	}
	_, err := parseID(n)
	return err != nil
}

//go:build linux || netbsd

package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// maxAccounts is how much of /etc/passwd and /etc/group is read, in bytes.
const maxAccounts = 1 << 20

// An account is whom the service runs as.
type account struct {
	name   string // "" for a number that /etc/passwd does not have
	uid    uint32
	gid    uint32
	groups []uint32 // supplementary
	home   string
}

// accountOf resolves a name or number, with ":group" or without, by the
// guest's files. "" is root, whom it knows without them.
func accountOf(user string) (account, error) {
	passwd, err := openAccounts("/etc/passwd")
	if err != nil {
		return account{}, err
	}
	defer passwd.Close()
	group, err := openAccounts("/etc/group")
	if err != nil {
		return account{}, err
	}
	defer group.Close()
	return resolve(user, passwd, group)
}

// openAccounts opens an account file; one that is missing is empty.
func openAccounts(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return f, err
}

// resolve is accountOf with passwd(5) and group(5) given.
func resolve(user string, passwd, group io.Reader) (account, error) {
	name, groupName, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "root"
	}
	acct, err := findUser(name, passwd)
	if err != nil {
		return account{}, err
	}
	groups, err := readRecords(group, 4)
	if err != nil {
		return account{}, fmt.Errorf("read /etc/group: %w", err)
	}
	if hasGroup {
		// As with docker, a named group stands alone.
		acct.gid, err = findGroup(groupName, groups)
		return acct, err
	}
	acct.groups = memberships(acct, groups)
	return acct, nil
}

func findUser(name string, passwd io.Reader) (account, error) {
	users, err := readRecords(passwd, 6)
	if err != nil {
		return account{}, fmt.Errorf("read /etc/passwd: %w", err)
	}
	number, isNumber := parseID(name)
	for _, u := range users {
		uid, ok1 := parseID(u[2])
		gid, ok2 := parseID(u[3])
		if !ok1 || !ok2 || u[0] != name && !(isNumber && uid == number) {
			continue
		}
		home := u[5]
		if home == "" {
			home = "/"
		}
		return account{name: u[0], uid: uid, gid: gid, home: home}, nil
	}
	switch {
	case isNumber:
		return account{uid: number, home: "/"}, nil
	case name == "root":
		return account{name: "root", home: "/"}, nil
	}
	return account{}, fmt.Errorf("there is no user %q in the guest's /etc/passwd", name)
}

func findGroup(name string, groups [][]string) (uint32, error) {
	for _, g := range groups {
		if gid, ok := parseID(g[2]); ok && g[0] == name {
			return gid, nil
		}
	}
	if gid, ok := parseID(name); ok {
		return gid, nil
	}
	return 0, fmt.Errorf("there is no group %q in the guest's /etc/group", name)
}

// memberships are the groups that list the account as a member.
func memberships(acct account, groups [][]string) []uint32 {
	var ids []uint32
	for _, g := range groups {
		gid, ok := parseID(g[2])
		if !ok || gid == acct.gid || acct.name == "" {
			continue
		}
		for _, member := range strings.Split(g[3], ",") {
			if member == acct.name && len(ids) < 16 { // NetBSD's NGROUPS_MAX
				ids = append(ids, gid)
			}
		}
	}
	return ids
}

// readRecords reads the lines that have at least n fields between colons.
func readRecords(r io.Reader, n int) ([][]string, error) {
	var records [][]string
	lines := bufio.NewScanner(io.LimitReader(r, maxAccounts))
	for lines.Scan() {
		if f := strings.Split(lines.Text(), ":"); len(f) >= n && f[0] != "" {
			records = append(records, f)
		}
	}
	return records, lines.Err()
}

func parseID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

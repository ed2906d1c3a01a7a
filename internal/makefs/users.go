package makefs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/mtree"
)

// readIDs returns who looks up users and groups: those in the files of the
// folder dir, or the host's where there is none.
func readIDs(dir string) (mtree.IDs, error) {
	if dir == "" {
		return mtree.IDs{User: hostUser, Group: hostGroup}, nil
	}
	users, err := readNames(filepath.Join(dir, "master.passwd"))
	if err != nil {
		return mtree.IDs{}, fmt.Errorf("read the users: %w", err)
	}
	groups, err := readNames(filepath.Join(dir, "group"))
	if err != nil {
		return mtree.IDs{}, fmt.Errorf("read the groups: %w", err)
	}
	return mtree.IDs{User: in(users, dir), Group: in(groups, dir)}, nil
}

// in looks names up in a table.
func in(ids map[string]uint32, dir string) func(string) (uint32, error) {
	return func(name string) (uint32, error) {
		if id, ok := ids[name]; ok {
			return id, nil
		}
		return 0, fmt.Errorf("not in %s", dir)
	}
}

// readNames reads names and their numbers from a file in the form of
// passwd(5) or group(5): they are the first and the third field of a line.
// As for getpwent(3), the first line with a name counts, and lines of another
// form are passed over.
func readNames(name string) (_ map[string]uint32, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	ids := map[string]uint32{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if strings.HasPrefix(lines.Text(), "#") || len(fields) < 3 {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if _, there := ids[fields[0]]; err == nil && !there {
			ids[fields[0]] = uint32(id)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ids, nil
}

var errUnknown = errors.New("not known on this host")

func hostUser(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, errUnknown
	}
	return parseHostID(u.Uid)
}

func hostGroup(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, errUnknown
	}
	return parseHostID(g.Gid)
}

func parseHostID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("its number here is %q", s)
	}
	return uint32(n), nil
}

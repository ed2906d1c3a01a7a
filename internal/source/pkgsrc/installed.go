package pkgsrc

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fakecracker/fakecracker/internal/accounts"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Installed is packages that are ready to be put into a tree, with the
// accounts, folders and configuration that they want there.
type Installed struct {
	Report source.Report

	plans   []plan // each after those of what it depends on
	records []record
	dbDir   string
	t0      time.Time
}

// Apply installs the packages into t, which has the base system by then: it
// makes users and groups that are missing, the packages' folders and files,
// copies of example configurations where nothing is in their place (scripts
// for /etc/rc.d among them), and what else the packages' lists and tables say,
// in the order that pkg_add(1) would. It fails where a package that t has
// already does not go with them. After an error t has some of that, and
// is of no use.
func (in *Installed) Apply(t *tree.Tree) error {
	db, err := accounts.Load(t)
	if err != nil {
		return fmt.Errorf("install packages: %w", err)
	}
	if err := in.apply(t, db); err != nil {
		return err
	}
	if !in.wantAccounts() {
		return nil
	}
	if err := db.Store(t, in.t0, in.accountsWhy()); err != nil {
		return fmt.Errorf("make the accounts of packages: %w", err)
	}
	t.MakeParents(in.t0)
	return nil
}

// apply is Apply without writing the accounts into t.
func (in *Installed) apply(t *tree.Tree, db *accounts.DB) error {
	if err := in.checkRegistered(t); err != nil {
		return err
	}
	if err := in.addAccounts(db); err != nil {
		return err
	}
	a := &applier{t: t, t0: in.t0, db: db, from: make(map[string]string)}
	for _, p := range in.plans {
		if err := a.apply(p); err != nil {
			return err
		}
	}
	if err := in.register(a); err != nil {
		return err
	}
	t.MakeParents(in.t0)
	return nil
}

func (in *Installed) wantAccounts() bool { return in.accountsWhy() != "" }

// accountsWhy is the Entry.Why of files of accounts: the first package that
// has any.
func (in *Installed) accountsWhy() string {
	for _, p := range in.plans {
		if len(p.groups)+len(p.users) > 0 {
			return p.pkg.Why()
		}
	}
	return ""
}

// addAccounts adds what is missing. A tree without accounts gets NetBSD's.
func (in *Installed) addAccounts(db *accounts.DB) error {
	if !in.wantAccounts() {
		return nil
	}
	if err := db.Default(accounts.NetBSD); err != nil {
		return fmt.Errorf("make the accounts of packages: %w", err)
	}
	for _, p := range in.plans {
		for _, g := range p.groups {
			gid, err := parseID(g.gid)
			if err == nil {
				_, err = db.AddGroup(g.name, gid)
			}
			if err != nil {
				return fmt.Errorf("install %s: %w", p.name, err)
			}
		}
		for _, u := range p.users {
			uid, err := parseID(u.uid)
			if err == nil {
				err = db.AddUser(accounts.User{Name: u.name, UID: uid, Group: u.group, Gecos: u.gecos, Home: u.home, Shell: u.shell})
			}
			if err != nil {
				return fmt.Errorf("install %s: %w", p.name, err)
			}
		}
	}
	return nil
}

// parseID reads a number of a table, 0 where there is none.
func parseID(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the number of a user or group is %.40q", s)
	}
	return uint32(n), nil
}

// userID returns the number of a user's name; root needs no account.
func userID(db *accounts.DB, name string) (uint32, error) {
	if name == "root" {
		return 0, nil
	}
	uid, _, err := db.Lookup(name)
	return uid, err
}

// groupID returns the number of a group's name; wheel needs no account.
func groupID(db *accounts.DB, name string) (uint32, error) {
	if name == "wheel" {
		return 0, nil
	}
	_, gid, err := db.Lookup("0:" + name)
	return gid, err
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The account databases. There are no pwd.db and spwd.db: this userland reads
// the text.
const (
	masterFile = "/etc/master.passwd"
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// records reads a file of lines with fields between colons.
func records(file string) ([][]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, strings.Split(line, ":"))
		}
	}
	return all, nil
}

// writeRecords writes them into a new file that takes the place of the old.
func writeRecords(file string, all [][]string, mode os.FileMode) error {
	var b strings.Builder
	for _, r := range all {
		b.WriteString(strings.Join(r, ":") + "\n")
	}
	if err := os.WriteFile(file+".tmp", []byte(b.String()), mode); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

func find(all [][]string, field int, value string) []string {
	for _, r := range all {
		if len(r) > field && r[field] == value {
			return r
		}
	}
	return nil
}

// freeID is the least number from 1000 on that no record has in field 2.
func freeID(all [][]string) string {
	for n := 1000; ; n++ {
		if id := strconv.Itoa(n); find(all, 2, id) == nil {
			return id
		}
	}
}

// groupadd is groupadd(8).
func groupadd(args []string) error {
	o, err := getopt(args, "fg:or:v")
	if err != nil {
		return err
	}
	if err := o.want(1, 1); err != nil {
		return err
	}
	all, err := records(groupFile)
	if err != nil {
		return err
	}
	name, gid := o.rest[0], o.value('g', freeID(all))
	switch {
	case find(all, 0, name) != nil:
		return fmt.Errorf("group %s exists", name)
	case find(all, 2, gid) != nil && !o.has('o'):
		return fmt.Errorf("gid %s is taken", gid)
	}
	return writeRecords(groupFile, append(all, []string{name, "*", gid, ""}), 0o644)
}

// useradd is useradd(8).
func useradd(args []string) error {
	o, err := getopt(args, "b:c:d:e:f:G:g:k:L:mM:op:r:Ss:u:v")
	if err != nil {
		return err
	}
	if err := o.want(1, 1); err != nil {
		return err
	}
	all, err := records(masterFile)
	if err != nil {
		return err
	}
	name, uid := o.rest[0], o.value('u', freeID(all))
	switch {
	case find(all, 0, name) != nil:
		return fmt.Errorf("user %s exists", name)
	case find(all, 2, uid) != nil && !o.has('o'):
		return fmt.Errorf("uid %s is taken", uid)
	}
	group := o.value('g', "users")
	if group == "=uid" {
		if err := groupadd([]string{"-g", uid, name}); err != nil {
			return err
		}
		group = name
	}
	gid, err := groupID(group)
	if err != nil {
		return err
	}
	home := o.value('d', "/home/"+name)
	entry := []string{
		name, o.value('p', "*************"), uid, strconv.Itoa(gid), "", "0", "0",
		o.value('c', ""), home, o.value('s', "/bin/sh"),
	}
	if err := writeAccounts(append(all, entry)); err != nil || !o.has('m') {
		return err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	number, err := strconv.Atoi(uid)
	if err != nil {
		return err
	}
	return os.Chown(home, number, gid)
}

// writeAccounts writes master.passwd, and passwd from it.
func writeAccounts(all [][]string) error {
	if err := writeRecords(masterFile, all, 0o600); err != nil {
		return err
	}
	return writePasswd(all, passwdFile)
}

// writePasswd leaves out what is secret, and the fields that the old format
// does not have: class, change and expire.
func writePasswd(all [][]string, file string) error {
	var public [][]string
	for _, r := range all {
		if len(r) != 10 {
			return fmt.Errorf("%s: %d fields, not 10", r[0], len(r))
		}
		public = append(public, []string{r[0], "*", r[2], r[3], r[7], r[8], r[9]})
	}
	return writeRecords(file, public, 0o644)
}

// pwdMkdb is pwd_mkdb(8): it checks the text and installs it, but makes no
// databases.
func pwdMkdb(args []string) error {
	o, err := getopt(args, "BLc:d:plsu:vw")
	if err != nil {
		return err
	}
	if err := o.want(1, 1); err != nil {
		return err
	}
	all, err := records(o.rest[0])
	if err != nil {
		return err
	}
	dir := strings.TrimSuffix(o.value('d', ""), "/")
	if o.has('p') {
		if err := writePasswd(all, dir+passwdFile); err != nil {
			return err
		}
	}
	if o.rest[0] == dir+masterFile {
		return nil
	}
	return os.Rename(o.rest[0], dir+masterFile)
}

func whoami([]string) error { return id([]string{"-un"}) }

// id is id(1).
func id(args []string) error {
	o, err := getopt(args, "Ggnru")
	if err != nil {
		return err
	}
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		u = &user.User{Uid: strconv.Itoa(os.Geteuid()), Gid: strconv.Itoa(os.Getegid())}
	}
	if len(o.rest) > 0 {
		if u, err = user.Lookup(o.rest[0]); err != nil {
			return fmt.Errorf("%s: no such user", o.rest[0])
		}
	}
	group := u.Gid
	if g, err := user.LookupGroupId(u.Gid); err == nil {
		group = g.Name
	}
	switch {
	case o.has('u') && o.has('n'):
		fmt.Println(u.Username)
	case o.has('u'):
		fmt.Println(u.Uid)
	case o.has('g') && o.has('n'):
		fmt.Println(group)
	case o.has('g'):
		fmt.Println(u.Gid)
	default:
		fmt.Printf("uid=%s(%s) gid=%s(%s)\n", u.Uid, u.Username, u.Gid, group)
	}
	return nil
}

// su is su(1) of a superuser: another user's shell, with the arguments behind
// the name.
func su(args []string) error {
	o, err := getopt(args, "dflm")
	if err != nil {
		return err
	}
	rest, login := o.rest, o.has('l') || o.has('d')
	if len(rest) > 0 && rest[0] == "-" {
		rest, login = rest[1:], true
	}
	name := "root"
	if len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	all, err := records(passwdFile)
	if err != nil {
		return err
	}
	r := find(all, 0, name)
	if len(r) < 7 {
		return fmt.Errorf("unknown user %s", name)
	}
	if err := drop(r); err != nil {
		return err
	}
	shell := r[6]
	if o.has('m') || shell == "" {
		shell = "/bin/sh"
	}
	return execIn(append([]string{shell}, rest...), suEnvironment(r, login))
}

// drop gives up being root for the account's numbers.
func drop(account []string) error {
	uid, err := strconv.Atoi(account[2])
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account[3])
	if err != nil {
		return err
	}
	return errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid), syscall.Setuid(uid))
}

func suEnvironment(account []string, login bool) []string {
	vars := os.Environ()
	if login {
		vars = slices.DeleteFunc(vars, func(v string) bool { return !strings.HasPrefix(v, "TERM=") })
		vars = append(vars, "PATH=/sbin:/usr/sbin:/bin:/usr/bin:/usr/pkg/sbin:/usr/pkg/bin")
	}
	return append(vars, "HOME="+account[5], "SHELL="+account[6], "USER="+account[0], "LOGNAME="+account[0])
}

func nologin([]string) error {
	fmt.Println("This account is currently not available.")
	return exit(1)
}

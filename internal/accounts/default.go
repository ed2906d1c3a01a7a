package accounts

import (
	"fmt"
	"slices"
	"strings"
)

// The users and groups that a system has from the start, of those that a
// small tree may need. Nobody can log in by a password.
const (
	netbsdUsers = `root:*:0:0::0:0:Charlie &:/root:/bin/sh
toor:*:0:0::0:0:Bourne-again Superuser:/root:/bin/sh
daemon:*:1:1::0:0:The devil himself:/:/sbin/nologin
operator:*:2:5::0:0:System &:/usr/guest/operator:/sbin/nologin
bin:*:3:7::0:0:Binaries Commands and Source:/:/sbin/nologin
games:*:7:13::0:0:& pseudo-user:/usr/games:/sbin/nologin
ntpd:*:15:15::0:0:& pseudo-user:/var/chroot/ntpd:/sbin/nologin
sshd:*:16:16::0:0:& pseudo-user:/var/chroot/sshd:/sbin/nologin
uucp:*:66:1::0:0:UNIX-to-UNIX Copy:/nonexistent:/sbin/nologin
nobody:*:32767:39::0:0:Unprivileged user:/nonexistent:/sbin/nologin
`
	netbsdGroups = `wheel:*:0:root
daemon:*:1:daemon
kmem:*:2:root
sys:*:3:root
tty:*:4:root
operator:*:5:root
mail:*:6:
bin:*:7:
games:*:13:
ntpd:*:15:
sshd:*:16:
staff:*:20:root
_gpio:*:29:
guest:*:31:root
nvmm:*:34:root
nobody:*:39:
utmp:*:45:
users:*:100:
dialer:*:117:
nogroup:*:32766:
`
	linuxUsers = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
	linuxShadow = `root:*::0:99999:7:::
daemon:*::0:99999:7:::
bin:*::0:99999:7:::
sys:*::0:99999:7:::
nobody:*::0:99999:7:::
`
	linuxGroups = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
shadow:x:42:
users:x:100:
nogroup:x:65534:
`
)

// Default says which system the accounts are of, NetBSD or Linux, and adds the
// users and groups of a new one to a DB without any users. Groups that are
// there stay. An /etc/passwd that was read for a NetBSD tree without
// master.passwd becomes one.
func (db *DB) Default(os string) error {
	if os != NetBSD && os != Linux {
		return fmt.Errorf("default accounts: the systems are %s and %s, not %q", NetBSD, Linux, os)
	}
	if db.OS == NetBSD && os == Linux {
		return fmt.Errorf("default accounts: the tree has %s, which Linux has not", masterFile)
	}
	if os == NetBSD && db.OS == Linux {
		db.toMaster()
	}
	db.OS = os
	if slices.ContainsFunc(db.users.lines, func(l []string) bool { return len(l) == db.users.fields }) {
		return nil
	}
	groups := netbsdGroups
	db.users = parse([]byte(netbsdUsers), masterFields)
	if os == Linux {
		groups = linuxGroups
		db.users, db.shadow = parse([]byte(linuxUsers), passwdFields), parse([]byte(linuxShadow), shadowFields)
	}
	db.groups.fields = groupFields
	for _, l := range parse([]byte(groups), groupFields).lines {
		if !db.HasGroup(l[0]) && db.groups.find(2, l[2]) == nil {
			db.groups.add(l)
		}
	}
	return nil
}

// toMaster makes lines of master.passwd(5) of those of passwd(5), with the
// passwords of shadow(5) where there are some.
func (db *DB) toMaster() {
	for i, l := range db.users.lines {
		if len(l) != passwdFields {
			continue
		}
		hash := l[1]
		if s := db.shadow.find(0, l[0]); s != nil {
			hash = s[1]
		} else if hash == "x" || strings.Trim(hash, "!") == "" {
			hash = "*"
		}
		db.users.lines[i] = []string{l[0], hash, l[2], l[3], "", "0", "0", l[4], l[5], l[6]}
	}
	db.users.fields, db.shadow = masterFields, table{fields: shadowFields}
}

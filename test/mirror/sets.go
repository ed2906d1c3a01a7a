package mirror

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// content holds what we wrote for the sets and packages: etc/ and dev/ of the
// set etc, and pkg/ for packages.
//
//go:embed all:content
var content embed.FS

// commandsOf names where the userland's commands are on NetBSD.
var commandsOf = map[string]string{
	"bin":      "[ cat chmod cp echo hostname kill ln ls mkdir mv ps pwd rm rmdir sh sleep sync test",
	"sbin":     "chown dmesg halt ifconfig init mknod mount mount_ffs mount_kernfs mount_mfs mount_procfs mount_ptyfs mount_tmpfs nologin poweroff reboot route shutdown sysctl umount",
	"usr/bin":  "basename chgrp cksum dirname env false grep head id logger nc printf sed sha256 sort su tail touch true uname wc whoami",
	"usr/sbin": "chroot groupadd pwd_mkdb useradd",
}

// A set is the files of one set by its name.
type sets map[string]list

// makeSets returns the sets of a release for the architecture, whose
// userland is given.
func makeSets(arch string, userland []byte) (sets, error) {
	etc := list{}
	for _, dir := range []string{"etc", "dev"} {
		from, err := fs.Sub(content, "content/"+dir)
		if err != nil {
			return nil, err
		}
		if err := etc.tree(from, dir); err != nil {
			return nil, err
		}
	}
	for name, mode := range map[string]int64{"etc/master.passwd": 0o600, "etc/spwd.db": 0o600, "dev/MAKEDEV": 0o555} {
		if f, ok := etc[name]; ok {
			f.mode = mode
			etc[name] = f
		}
	}
	s := sets{"base": baseSet(arch, userland), "etc": etc, "comp": compSet(arch), "man": manSet(), "modules": modulesSet(arch)}
	s["base"].text("etc/release", 0o644, "NetBSD 10.1 (GENERIC)\n\nMade for tests; nothing of NetBSD's is in it.\n")
	for name, l := range s {
		l.withParents()
		l.dir(".", 0o755)
		l.text("etc/mtree/set."+name, 0o444, l.specification())
		l.withParents()
	}
	return s, nil
}

// baseSet is commands, libraries and folders.
func baseSet(arch string, userland []byte) list {
	l := list{}
	var names []string
	for dir, words := range commandsOf {
		for word := range strings.FieldsSeq(words) {
			names = append(names, path.Join(dir, word))
		}
	}
	l.links(names, 0o555, userland)
	for name, mode := range map[string]int64{
		"dev": 0o755, "kern": 0o755, "mnt": 0o755, "proc": 0o555, "root": 0o755, "tmp": 0o1777, "usr/pkg": 0o755,
		"var/db": 0o755, "var/log": 0o755, "var/run": 0o755, "var/shm": 0o1777, "var/tmp": 0o1777, "var/mail": 0o1777,
		"var/cron": 0o755, "var/chroot": 0o755, "home": 0o755,
	} {
		l.dir(name, mode)
	}
	baseLibraries(l, arch)
	l.text("usr/share/zoneinfo/GMT", 0o444, "TZif2"+strings.Repeat("\x00", 39))
	l.text("usr/share/zoneinfo/UTC", 0o444, "TZif2"+strings.Repeat("\x00", 39))
	l.text("usr/share/certs/mozilla/server/Example_Root.pem", 0o444, "-----BEGIN CERTIFICATE-----\nZm9yIHRlc3Rz\n-----END CERTIFICATE-----\n")
	l.text("usr/share/examples/certctl/certs.conf", 0o444, "netbsd-certctl 20230816\npath /usr/share/certs/mozilla/server\n")
	l.text("usr/share/misc/terminfo", 0o444, "vt100|for tests:\n")
	return l
}

// baseLibraries puts the libraries, what loads them, and programs that need
// them. Nothing of it is run: the commands are static.
func baseLibraries(l list, arch string) {
	l.put("libexec/ld.elf_so", 0o555, object{soname: "ld.elf_so"}.build(arch))
	l.symlink("usr/libexec/ld.elf_so", "/libexec/ld.elf_so")
	l.library(arch, "lib/libc.so.12.221")
	l.library(arch, "lib/libcrypt.so.1.0", "libc.so.12")
	l.library(arch, "lib/libz.so.1.0", "libc.so.12")
	l.library(arch, "lib/libutil.so.7.24", "libc.so.12")
	l.library(arch, "lib/libpthread.so.1.5", "libc.so.12")
	l.library(arch, "lib/libcrypto.so.15.0", "libcrypt.so.1", "libc.so.12")
	for _, name := range []string{"libc.so.12", "libcrypt.so.1", "libz.so.1", "libutil.so.7", "libpthread.so.1", "libcrypto.so.15"} {
		l.symlink("usr/lib/"+name, "../../lib/"+name) // as NetBSD has them
	}
	l.library(arch, "usr/lib/libssl.so.15.0", "libcrypto.so.15", "libc.so.12")
	l.library(arch, "usr/lib/libpam.so.4.1", "libutil.so.7", "libc.so.12")
	l.library(arch, "usr/lib/libdns_sd.so.0.0", "libc.so.12")
	l.library(arch, "usr/lib/nss_mdnsd.so.0", "libdns_sd.so.0", "libc.so.12")
	for _, module := range []string{"deny", "exec", "permit", "rootok", "self", "unix", "group"} {
		o := object{soname: "pam_" + module + ".so.4", needed: []string{"libpam.so.4", "libcrypt.so.1", "libc.so.12"}}
		name := "usr/lib/security/pam_" + module + ".so"
		l.put(name+".4", 0o444, o.build(arch))
		l.symlink(name, "pam_"+module+".so.4")
	}
	l.put("usr/bin/openssl", 0o555, program("libssl.so.15", "libcrypto.so.15", "libc.so.12").build(arch))
	l.put("sbin/ping", 0o4555, program("libc.so.12").build(arch))
	for _, name := range []string{"pkg_add", "pkg_info", "pkg_admin", "pkg_create", "pkg_delete"} {
		l.put("usr/sbin/"+name, 0o555, program("libutil.so.7", "libcrypto.so.15", "libz.so.1", "libc.so.12").build(arch))
	}
}

func program(needed ...string) object {
	return object{interp: "/libexec/ld.elf_so", needed: needed}
}

// compSet has one each of what --prune drops, and a program.
func compSet(arch string) list {
	l := list{}
	l.put("usr/bin/strip", 0o555, program("libz.so.1", "libc.so.12").build(arch))
	l.put("usr/bin/cc", 0o555, program("libc.so.12").build(arch))
	l.text("usr/include/stdio.h", 0o444, "/* for tests */\n")
	l.text("usr/lib/libc.a", 0o444, "!<arch>\n")
	l.text("usr/lib/crt0.o", 0o444, "for tests\n")
	return l
}

func manSet() list {
	l := list{}
	l.text("usr/share/man/man1/sh.1", 0o444, ".Dd January 1, 2025\n.Dt SH 1\n.Os\n")
	l.text("usr/share/man/man8/mount.8", 0o444, ".Dd January 1, 2025\n.Dt MOUNT 8\n.Os\n")
	return l
}

func modulesSet(arch string) list {
	l := list{}
	l.put("stand/"+arch+"/10.1/modules/tmpfs/tmpfs.kmod", 0o444, object{}.build(arch))
	return l
}

// specification is the set's files in the form of mtree(5), which NetBSD's
// sets have of themselves below /etc/mtree.
func (l list) specification() string {
	var b strings.Builder
	for _, name := range sortedNames(l) {
		f := l[name]
		target := "./" + strings.TrimPrefix(name, "./")
		if name == "." {
			target = "."
		}
		fmt.Fprintf(&b, "%s type=%s uname=root gname=wheel mode=%#o", target, f.kindName(), f.mode)
		switch f.kindName() {
		case "file":
			fmt.Fprintf(&b, " size=%d time=%d.0", len(l.bodyOf(name)), made.Unix())
		case "link":
			fmt.Fprintf(&b, " link=%s", f.link)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

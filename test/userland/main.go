// Command userland is the userland of the NetBSD system that the tests make
// for themselves: one static program that is init, sh, mount, ifconfig and the
// like, by the name that it is started under. It is no part of the product.
//
// Each command does what NetBSD's manual says of it, as far as the ships,
// packages and scripts of the tests go; an option that it does not know is an
// error. What only NetBSD's kernel can do is in files for NetBSD, so that the
// rest is tried on any system.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A command is main of one program: args are what stands behind its name.
type command func(args []string) error

// An exit is an error that is told by the exit status alone.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	name, args := commandOf(os.Args)
	os.Exit(status(name, run(name, args)))
}

// commandOf is the command's name: that of the program, without the "-" of a
// login shell, or the first argument where the program has its own name.
func commandOf(argv []string) (string, []string) {
	if len(argv) == 0 {
		return "", nil
	}
	name := strings.TrimPrefix(filepath.Base(argv[0]), "-")
	if name == "userland" && len(argv) > 1 {
		return argv[1], argv[2:]
	}
	return name, argv[1:]
}

func run(name string, args []string) error {
	all := commands()
	c, ok := all[name]
	if !ok {
		return fmt.Errorf("no such command; there are %s", strings.Join(slices.Sorted(maps.Keys(all)), " "))
	}
	return c(args)
}

// status prints what went wrong, and is the exit status for it.
func status(name string, err error) int {
	var code exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}

// commands are all that this system has, by name.
func commands() map[string]command {
	all := map[string]command{
		"[": bracket, "basename": baseName, "cat": cat, "chgrp": chgrp, "chmod": chmod, "chown": chown,
		"chroot": chroot, "cksum": cksum, "cp": cp, "dirname": dirName, "echo": echo, "env": env,
		"false": func([]string) error { return exit(1) }, "grep": grep, "groupadd": groupadd, "head": head,
		"id": id, "kill": kill, "ln": ln, "logger": logger, "ls": ls, "mkdir": mkdir, "mv": mv, "nc": nc,
		"nologin": nologin, "printf": printf, "pwd": pwd, "pwd_mkdb": pwdMkdb, "rm": rm, "rmdir": rmdir, "sed": sed,
		"sh": sh, "sha256": sha256Sum, "sleep": sleep, "sort": sortLines, "su": su, "sync": syncDisks,
		"tail": tail, "test": test, "touch": touch, "true": func([]string) error { return nil },
		"useradd": useradd, "wc": wc, "whoami": whoami,
	}
	maps.Copy(all, kernelCommands())
	return all
}

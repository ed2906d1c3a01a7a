package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func dup2(from, to int) error { return unix.Dup2(from, to) }

func setUmask(mask int) { syscall.Umask(mask) }

// readUmask reads the mask in the only way there is: by setting it.
func readUmask() int {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return mask
}

// sleep is sleep(1), which takes fractions of seconds.
func sleep(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: sleep seconds")
	}
	seconds, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return nil
}

// env is env(1): it prints the environment, or starts a program in another.
func env(args []string) error {
	o, err := getopt(args, "iu:")
	if err != nil {
		return err
	}
	vars := os.Environ()
	if o.has('i') {
		vars = nil
	}
	for _, x := range o.list {
		if x.letter == 'u' {
			vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, x.value+"=") })
		}
	}
	rest := o.rest
	for len(rest) > 0 && strings.Contains(rest[0], "=") {
		vars, rest = append(vars, rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		return execIn(rest, vars)
	}
	for _, v := range vars {
		fmt.Println(v)
	}
	return nil
}

// execIn replaces this process by a program that PATH has.
func execIn(argv, vars []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, argv, vars)
}

// kill is kill(1).
func kill(args []string) error {
	sig := syscall.SIGTERM
	if len(args) > 1 && strings.HasPrefix(args[0], "-") {
		name := strings.TrimPrefix(strings.ToUpper(args[0][1:]), "SIG")
		args = args[1:]
		if name == "S" {
			name, args = strings.ToUpper(args[0]), args[1:]
		}
		if sig = unix.SignalNum("SIG" + name); sig == 0 {
			n, err := strconv.Atoi(name)
			if err != nil {
				return fmt.Errorf("unknown signal %s", name)
			}
			sig = syscall.Signal(n)
		}
	}
	if len(args) == 0 {
		return errors.New("usage: kill [-signal] pid [pid ...]")
	}
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, sig); err != nil {
			return fmt.Errorf("%d: %w", pid, err)
		}
	}
	return nil
}

// chroot is chroot(8) without options.
func chroot(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: chroot newroot [command]")
	}
	if err := syscall.Chroot(args[0]); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	argv := args[1:]
	if len(argv) == 0 {
		argv = []string{"/bin/sh"}
	}
	return execIn(argv, os.Environ())
}

func syncDisks([]string) error {
	syscall.Sync()
	return nil
}

// logger is logger(1) of a system without syslogd: -s writes to standard
// error, and the rest is for nobody.
func logger(args []string) error {
	o, err := getopt(args, "cf:ip:st:")
	if err != nil {
		return err
	}
	if o.has('s') {
		fmt.Fprintln(os.Stderr, o.value('t', "logger")+": "+strings.Join(o.rest, " "))
	}
	return nil
}

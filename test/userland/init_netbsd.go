package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initProcess is init(8): it runs /etc/rc, and then waits for orphans until
// somebody reboots. With -s, or when /etc/rc fails, it runs a shell on the
// console in between.
func initProcess(args []string) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("already running")
	}
	if err := openConsole(); err != nil {
		fmt.Fprintln(os.Stderr, "init: console:", err)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGTSTP, unix.SIGUSR1, unix.SIGUSR2)
	if slices.Contains(args, "-s") {
		singleUser()
	}
	var failed *exec.ExitError
	err := runOnConsole("/bin/sh", "/etc/rc")
	// One that a signal ended is the work of halt(8).
	if err != nil && (!errors.As(err, &failed) || failed.Exited()) {
		fmt.Fprintln(os.Stderr, "init: /etc/rc:", err)
		singleUser()
	}
	for {
		reap()
		select {
		case s := <-signals:
			if s == unix.SIGINT {
				_ = end(rbAutoboot, false)
			}
		case <-time.After(time.Second):
		}
	}
}

// openConsole makes the console the standard streams: the kernel starts init
// without any, for which Go's runtime has opened /dev/null.
func openConsole() error {
	if _, err := syscall.Setsid(); err != nil && err != syscall.EPERM {
		return err
	}
	fd, err := syscall.Open("/dev/console", syscall.O_RDWR, 0)
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := dup2(fd, i); err != nil {
			return err
		}
	}
	// The terminal's signals are for it; without, Ctrl-C would do nothing.
	_ = unix.IoctlSetInt(0, unix.TIOCSCTTY, 0)
	return nil
}

// runOnConsole runs a program in a session of its own, whose terminal is the
// console.
func runOnConsole(argv ...string) error {
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = []string{"PATH=/sbin:/bin:/usr/sbin:/usr/bin"}
	return c.Run()
}

// singleUser lets the console's user do what is needed.
func singleUser() {
	if err := runOnConsole("/bin/sh"); err != nil {
		fmt.Fprintln(os.Stderr, "init: /bin/sh:", err)
	}
}

// reap waits for all that have ended: orphans become init's children.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Numbers of sys/reboot.h.
const (
	rbAutoboot  = 0
	rbHalt      = 0x8
	rbPowerDown = 0x800
)

// grace is how long processes have between SIGTERM and SIGKILL.
const grace = 300 * time.Millisecond

// end ends the system; it returns only if it must not.
func end(how int, quick bool) error {
	if os.Geteuid() != 0 {
		return syscall.EPERM
	}
	syscall.Sync()
	if !quick {
		_ = syscall.Kill(-1, syscall.SIGTERM)
		time.Sleep(grace)
		_ = syscall.Kill(-1, syscall.SIGKILL)
		syscall.Sync()
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_REBOOT, uintptr(how), 0, 0); errno != 0 {
		return fmt.Errorf("reboot: %w", errno)
	}
	return nil
}

// haltBy is halt(8), poweroff(8) or reboot(8).
func haltBy(how int) command {
	return func(args []string) error {
		o, err := getopt(args, "dlnpqxvz")
		if err != nil {
			return err
		}
		if o.has('p') {
			how |= rbHalt | rbPowerDown
		}
		return end(how, o.has('q'))
	}
}

// shutdown is shutdown(8), now.
func shutdown(args []string) error {
	o, err := getopt(args, "bDdfhknprvxz")
	if err != nil {
		return err
	}
	if len(o.rest) == 0 || o.rest[0] != "now" && o.rest[0] != "+0" {
		return errors.New("only now")
	}
	switch {
	case o.has('p'):
		return end(rbHalt|rbPowerDown, false)
	case o.has('h'):
		return end(rbHalt, false)
	case o.has('r'):
		return end(rbAutoboot, false)
	}
	return errors.New("one of -h, -p and -r is needed")
}

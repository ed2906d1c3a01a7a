//go:build linux || netbsd

package guest

import (
	"errors"
	"syscall"
	"time"
)

// graceTime is how long processes other than the service have at the end.
const graceTime = time.Second

// end ends all processes and then the guest. It does not return.
func (a *agent) end() {
	endProcesses()
	settle(a.config.Root)
	reboot()
	say("the guest could not be ended: the kernel did not reboot")
	select {}
}

func endProcesses() {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !someLeft(s) {
			return
		}
		for deadline := time.Now().Add(graceTime); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			if !someLeft(0) {
				return
			}
		}
	}
}

// someLeft sends s to all processes but PID 1 and reports whether there were
// any. Those that ended count until they are reaped.
func someLeft(s syscall.Signal) bool {
	return !errors.Is(syscall.Kill(-1, s), syscall.ESRCH)
}

//go:build linux || netbsd

package guest

import (
	"syscall"
	"time"
)

// graceTime is how long processes other than the service have at the end.
const graceTime = time.Second

// end ends all processes and then the guest. It does not return.
func (a *agent) end() {
	a.endProcesses()
	settle(a.config.Root)
	reboot()
	say("the guest could not be ended: the kernel did not reboot")
	select {}
}

// endProcesses ends what the service left behind.
func (a *agent) endProcesses() {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		// ESRCH, the only error for PID 1, is what is wanted.
		_ = syscall.Kill(-1, s)
		select {
		case <-a.reaper.left():
			return
		case <-time.After(graceTime):
		}
	}
}

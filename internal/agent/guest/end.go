//go:build linux || netbsd

package guest

import (
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const (
	// graceTime is how long processes other than the service have at the end.
	graceTime = time.Second
	// settleTime is how long the host has to end a guest that has settled.
	settleTime = 100 * time.Millisecond
)

// end ends all processes and then the guest. It does not return.
func (a *agent) end() {
	a.endProcesses()
	settle(a.config.Root)
	a.tellSettled()
	reboot()
	say("the guest could not be ended: the kernel did not reboot")
	select {}
}

// tellSettled gives a host that is on the line the moment to end the guest,
// which is sooner done than a kernel's reset.
func (a *agent) tellSettled() {
	a.journal.add(wire.Settled{})
	select {
	case <-a.journal.opened:
		time.Sleep(settleTime)
	default:
	}
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

package guest

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// clockMonotonic is CLOCK_MONOTONIC of sys/time.h.
const clockMonotonic = 3

// uptime is the time since the kernel's monotonic clock started.
func uptime() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

const (
	maxFiles = 16384
	maxProcs = 1024
	// rlimitNProc is RLIMIT_NPROC of sys/resource.h.
	rlimitNProc = 7
)

// raiseLimits raises the kernel's and the service's limits of open files and
// processes: a kernel with "maxusers 8" has 548 and 148.
func (a *agent) raiseLimits() {
	for name, want := range map[string]int32{"kern.maxfiles": maxFiles, "kern.maxproc": maxProcs} {
		if have, err := getSysctlInt(name); err == nil && have < want {
			a.warn(setSysctlInt(name, want))
		}
	}
	for which, want := range map[int]uint64{syscall.RLIMIT_NOFILE: maxFiles, rlimitNProc: maxProcs} {
		limit := syscall.Rlimit{Cur: want, Max: want}
		if err := syscall.Setrlimit(which, &limit); err != nil {
			a.warn(fmt.Errorf("raise the limit %d to %d: %w", which, want, err))
		}
	}
}

// reboot ends the guest: a reset is what ends QEMU under -no-reboot also
// where the kernel has no ACPI, and so can't switch the power off.
func reboot() {
	_, _, _ = syscall.Syscall(syscall.SYS_REBOOT, 0, 0, 0)
}

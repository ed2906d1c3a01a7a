package guest

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// clockBoottime is CLOCK_BOOTTIME of linux/time.h.
const clockBoottime = 7

// uptime is the time since the kernel's clock started.
func uptime() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

const maxFiles = 65536

// raiseLimits raises the service's limit of open files.
func (a *agent) raiseLimits() {
	limit := syscall.Rlimit{Cur: maxFiles, Max: maxFiles}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		a.warn(fmt.Errorf("raise the limit of open files to %d: %w", maxFiles, err))
	}
}

// settle puts the root on disk.
func settle(r wire.Root) {
	syscall.Sync()
	if !r.ReadOnly {
		// The initramfs's program, this one, is not of the root, so that
		// nothing should be open in it. If something is, it is synced.
		_ = syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
}

// reboot ends the guest: a reset is what ends QEMU under -no-reboot on
// machines with and without ACPI.
func reboot() {
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

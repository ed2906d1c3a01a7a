package ffs_test

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieTogether has the process end with this one. It is bound to the thread
// that starts it, which is kept until what is returned is called.
func dieTogether(c *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}

package debian

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieTogether makes cmd end when this process does, even by SIGKILL. Linux
// ties that to the thread that starts cmd, so the caller keeps it until the
// returned function is called.
func dieTogether(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return runtime.UnlockOSThread
}

//go:build !linux

package debian

import "os/exec"

// dieTogether has no way to tie cmd's life to ours here; apt is on Linux.
func dieTogether(*exec.Cmd) (release func()) { return func() {} }

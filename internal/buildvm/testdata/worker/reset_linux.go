package main

import "syscall"

// reset ends the guest.
func reset() { check(syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)) }

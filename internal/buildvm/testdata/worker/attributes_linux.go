package main

import (
	"os"
	"syscall"
)

// attributes sets and removes extended attributes.
func attributes() {
	capability := make([]byte, 20)
	check2(syscall.Getxattr("/etc/had", "security.capability", capability))
	check(syscall.Removexattr("/etc/had", "user.gone"))
	check(os.Chmod("/etc/had", 0o600))
	check(syscall.Setxattr("/etc/old", "security.capability", capability, 0))
	check(syscall.Setxattr("/etc/old", "user.empty", nil, 0))
	check(syscall.Setxattr("/usr", "user.note", []byte("hello"), 0))
}

func check2(_ int, err error) { check(err) }

package main

import (
	"syscall"
	"unsafe"
)

// Numbers of sys/reboot.h.
const (
	rbAutoboot = 0
	rbHalt     = 8
)

type sockaddr struct {
	Len, Family uint8
	Port        uint16
	Addr        [4]byte
	_           [8]byte
}

// setAddress is ifconfig(8)'s "vioif0 192.168.2.101/24 up".
func setAddress() error {
	inet := func(a [4]byte) sockaddr { return sockaddr{Len: 16, Family: syscall.AF_INET, Addr: a} }
	req := struct { // struct ifaliasreq of net/if.h
		Name                  [16]byte
		Addr, Broadcast, Mask sockaddr
	}{
		Addr:      inet(ownAddress),
		Broadcast: inet([4]byte{192, 168, 2, 255}),
		Mask:      inet([4]byte{255, 255, 255, 0}),
	}
	copy(req.Name[:], "vioif0")
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCAIFADDR, uintptr(unsafe.Pointer(&req))); e != 0 {
		return e
	}
	return nil
}

func dup(from, to int) { _ = syscall.Dup2(from, to) }

func halt()    { _, _, _ = syscall.Syscall(syscall.SYS_REBOOT, rbHalt, 0, 0) }
func restart() { _, _, _ = syscall.Syscall(syscall.SYS_REBOOT, rbAutoboot, 0, 0) }

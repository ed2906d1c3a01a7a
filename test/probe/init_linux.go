package main

import (
	"syscall"
	"unsafe"
)

// setAddress is ip(8)'s "addr add 192.168.2.101/24 dev eth0", and up.
func setAddress() error {
	type sockaddr struct {
		Family uint16
		Port   uint16
		Addr   [4]byte
		_      [8]byte
	}
	type addrReq struct { // struct ifreq of linux/if.h with an address
		Name [16]byte
		Addr sockaddr
		_    [8]byte
	}
	type flagReq struct { // struct ifreq with flags
		Name  [16]byte
		Flags uint16
		_     [22]byte
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	control := func(request uintptr, arg unsafe.Pointer) error {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); e != 0 {
			return e
		}
		return nil
	}
	addr := addrReq{Addr: sockaddr{Family: syscall.AF_INET, Addr: ownAddress}}
	copy(addr.Name[:], "eth0")
	if err := control(syscall.SIOCSIFADDR, unsafe.Pointer(&addr)); err != nil {
		return err
	}
	addr.Addr.Addr = [4]byte{255, 255, 255, 0}
	if err := control(syscall.SIOCSIFNETMASK, unsafe.Pointer(&addr)); err != nil {
		return err
	}
	flags := flagReq{Flags: syscall.IFF_UP}
	copy(flags.Name[:], "eth0")
	return control(syscall.SIOCSIFFLAGS, unsafe.Pointer(&flags))
}

func dup(from, to int) { _ = syscall.Dup3(from, to, 0) }

func halt()    { _ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_HALT) }
func restart() { _ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART) }

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysctl is sysctl(8) of single variables: "name" and "name=value".
func sysctl(args []string) error {
	o, err := getopt(args, "nqw")
	if err != nil {
		return err
	}
	return each(o.rest, func(word string) error {
		name, value, set := strings.Cut(word, "=")
		if set {
			if err := setSysctl(name, value); err != nil {
				return fmt.Errorf("sysctl: %s: %w", name, err)
			}
		}
		value, err := getSysctl(name)
		if err != nil {
			return fmt.Errorf("sysctl: %s: %w", name, err)
		}
		switch {
		case o.has('q'):
		case o.has('n'):
			fmt.Println(value)
		default:
			fmt.Println(name + " = " + value)
		}
		return nil
	})
}

// Types of a node, of sys/sysctl.h.
const (
	ctlTypeMask   = 0xf
	ctlTypeInt    = 2
	ctlTypeString = 3
	ctlTypeQuad   = 4
	ctlTypeBool   = 6
)

// lookup finds the numbers and the type of a dotted name, level by level.
func lookup(name string) (mib []int32, kind uint32, err error) {
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "/", "."), ".") {
		ask := syscall.Sysctlnode{Flags: syscall.SYSCTL_VERS_1}
		nodes := make([]syscall.Sysctlnode, 256)
		query := append(append([]int32(nil), mib...), syscall.CTL_QUERY)
		size := unsafe.Sizeof(ask) * uintptr(len(nodes))
		err := callSysctl(query, unsafe.Pointer(&nodes[0]), &size, unsafe.Pointer(&ask), unsafe.Sizeof(ask))
		if err != nil {
			return nil, 0, err
		}
		found := false
		for _, n := range nodes[:size/unsafe.Sizeof(ask)] {
			if text(unsafe.Slice((*byte)(unsafe.Pointer(&n.Name[0])), len(n.Name))) == part {
				mib, kind, found = append(mib, n.Num), n.Flags&ctlTypeMask, true
				break
			}
		}
		if !found {
			return nil, 0, syscall.ENOENT
		}
	}
	return mib, kind, nil
}

func callSysctl(mib []int32, old unsafe.Pointer, oldSize *uintptr, to unsafe.Pointer, toSize uintptr) error {
	_, _, errno := syscall.Syscall6(syscall.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
		uintptr(old), uintptr(unsafe.Pointer(oldSize)), uintptr(to), toSize)
	if errno != 0 {
		return errno
	}
	return nil
}

// rawSysctl reads a variable whole.
func rawSysctl(mib []int32) ([]byte, error) {
	b := make([]byte, 1<<20)
	size := uintptr(len(b))
	if err := callSysctl(mib, unsafe.Pointer(&b[0]), &size, nil, 0); err != nil {
		return nil, err
	}
	return b[:size], nil
}

func getSysctl(name string) (string, error) {
	mib, kind, err := lookup(name)
	if err != nil {
		return "", err
	}
	b, err := rawSysctl(mib)
	switch {
	case err != nil:
		return "", err
	case kind == ctlTypeString:
		return text(b), nil
	case kind == ctlTypeInt && len(b) == 4:
		return strconv.Itoa(int(*(*int32)(unsafe.Pointer(&b[0])))), nil
	case kind == ctlTypeQuad && len(b) == 8:
		return strconv.FormatInt(*(*int64)(unsafe.Pointer(&b[0])), 10), nil
	case kind == ctlTypeBool && len(b) == 1:
		return strconv.Itoa(int(b[0])), nil
	}
	return "", errors.New("not a string or a number")
}

func setSysctl(name, value string) error {
	mib, kind, err := lookup(name)
	if err != nil {
		return err
	}
	if kind == ctlTypeString {
		b := []byte(value + "\x00")
		return callSysctl(mib, nil, nil, unsafe.Pointer(&b[0]), uintptr(len(b)))
	}
	n, err := strconv.ParseInt(value, 0, 64)
	if err != nil {
		return err
	}
	size, ok := map[uint32]uintptr{ctlTypeInt: 4, ctlTypeQuad: 8, ctlTypeBool: 1}[kind]
	if !ok {
		return unix.EINVAL
	}
	return callSysctl(mib, nil, nil, unsafe.Pointer(&n), size) // little-endian
}

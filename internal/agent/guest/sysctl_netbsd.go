package guest

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

// setSysctlInt sets an int, as "kern.maxfiles" is one.
func setSysctlInt(name string, value int32) error {
	return setSysctl(name, unsafe.Slice((*byte)(unsafe.Pointer(&value)), 4))
}

// getSysctlInt reads an int.
func getSysctlInt(name string) (int32, error) {
	v, err := syscall.SysctlUint32(name)
	return int32(v), err
}

// setSysctl sets the value of the variable called name (sysctl(3)).
func setSysctl(name string, value []byte) error {
	mib, err := resolveSysctl(name)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS___SYSCTL,
		uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)), 0, 0,
		uintptr(unsafe.Pointer(unsafe.SliceData(value))), uintptr(len(value)))
	if errno != 0 {
		return fmt.Errorf("set %s: %w", name, errno)
	}
	return nil
}

// resolveSysctl finds the numbers that a dotted name stands for. They are
// asked of the kernel, level by level, since many are given out at boot.
func resolveSysctl(name string) ([]int32, error) {
	var mib []int32
	for part := range strings.SplitSeq(name, ".") {
		nodes, err := sysctlNodes(mib)
		if err != nil {
			return nil, fmt.Errorf("look %s up: %w", name, err)
		}
		number, ok := findNode(nodes, part)
		if !ok {
			return nil, fmt.Errorf("look %s up: %w", name, syscall.ENOENT)
		}
		mib = append(mib, number)
	}
	return mib, nil
}

func findNode(nodes []syscall.Sysctlnode, name string) (int32, bool) {
	for _, n := range nodes {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&n.Name[0])), len(n.Name))
		if text, _, _ := bytes.Cut(raw, []byte{0}); string(text) == name {
			return n.Num, true
		}
	}
	return 0, false
}

// sysctlNodes lists what is under mib (CTL_QUERY of sysctl(7)).
func sysctlNodes(mib []int32) ([]syscall.Sysctlnode, error) {
	query := append(append([]int32(nil), mib...), syscall.CTL_QUERY)
	ask := syscall.Sysctlnode{Flags: syscall.SYSCTL_VERS_1}
	// The largest level, kern, has under a hundred.
	nodes := make([]syscall.Sysctlnode, 256)
	size := unsafe.Sizeof(ask) * uintptr(len(nodes))
	_, _, errno := syscall.Syscall6(syscall.SYS___SYSCTL,
		uintptr(unsafe.Pointer(&query[0])), uintptr(len(query)),
		uintptr(unsafe.Pointer(&nodes[0])), uintptr(unsafe.Pointer(&size)),
		uintptr(unsafe.Pointer(&ask)), unsafe.Sizeof(ask))
	if errno != 0 {
		return nil, errno
	}
	return nodes[:size/unsafe.Sizeof(ask)], nil
}

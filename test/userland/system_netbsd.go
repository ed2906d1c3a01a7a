package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mknod is mknod(8) with numbers: "mknod [-m mode] name b|c major minor" and
// "mknod name p".
func mknod(args []string) error {
	o, err := getopt(args, "F:g:m:Rru:")
	if err != nil {
		return err
	}
	if err := o.want(2, 4); err != nil {
		return err
	}
	var dev uint64
	kind, ok := map[string]uint32{"c": syscall.S_IFCHR, "b": syscall.S_IFBLK, "p": syscall.S_IFIFO}[o.rest[1]]
	switch {
	case !ok:
		return fmt.Errorf("%s: not b, c or p", o.rest[1])
	case o.rest[1] != "p" && len(o.rest) != 4:
		return errors.New("a major and a minor number are needed")
	case o.rest[1] != "p":
		if dev, err = deviceNumber(o.rest[2], o.rest[3]); err != nil {
			return err
		}
	}
	if err := makeNode(o.rest[0], kind|0o666, dev); err != nil {
		return fmt.Errorf("%s: %w", o.rest[0], err)
	}
	if !o.has('m') {
		return nil
	}
	change, err := parseMode(o.value('m', ""))
	if err != nil {
		return err
	}
	return os.Chmod(o.rest[0], change(fs.ModeDevice))
}

func deviceNumber(major, minor string) (uint64, error) {
	x, err := strconv.ParseUint(major, 0, 12)
	if err != nil {
		return 0, err
	}
	y, err := strconv.ParseUint(minor, 0, 20)
	if err != nil {
		return 0, err
	}
	return unix.Mkdev(uint32(x), uint32(y)), nil
}

// makeNode is mknod(2), whose device number has 64 bits: two words on i386.
func makeNode(name string, mode uint32, dev uint64) error {
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(unix.SYS_MKNOD, uintptr(unsafe.Pointer(p)), uintptr(mode),
		uintptr(dev), uintptr(dev>>32), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func dmesg([]string) error {
	b, err := unix.SysctlRaw("kern.msgbuf")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(bytes.Trim(b, "\x00"))
	return err
}

func hostname(args []string) error {
	o, err := getopt(args, "s")
	if err != nil {
		return err
	}
	if len(o.rest) > 0 {
		return setSysctl("kern.hostname", o.rest[0])
	}
	name, err := os.Hostname()
	fmt.Println(name)
	return err
}

func uname(args []string) error {
	o, err := getopt(args, "amnprsv")
	if err != nil {
		return err
	}
	parts := []struct{ letter, name string }{
		{"s", "kern.ostype"},
		{"n", "kern.hostname"},
		{"r", "kern.osrelease"},
		{"v", "kern.version"},
		{"m", "hw.machine"},
		{"p", "hw.machine_arch"},
	}
	var words []string
	for _, p := range parts {
		if !o.has(p.letter[0]) && !o.has('a') && (p.letter != "s" || len(o.list) > 0) {
			continue
		}
		v, err := unix.Sysctl(p.name)
		if err != nil {
			return err
		}
		words = append(words, strings.TrimSpace(strings.ReplaceAll(v, "\n", " ")))
	}
	fmt.Println(strings.Join(words, " "))
	return nil
}

// Offsets in struct kinfo_proc2 of sys/sysctl.h, of which only the beginning
// is asked for.
const (
	procPid  = 116
	procPpid = 120
	procUID  = 136
	procSize = 144
)

// Numbers of sys/sysctl.h.
const (
	ctlKern      = 1
	kernProc2    = 47
	kernProcArgs = 48
	procArgv     = 1
)

// ps is ps(1): all processes, whatever its options.
func ps([]string) error {
	b, err := rawSysctl([]int32{ctlKern, kernProc2, 0, 0, procSize, 4096})
	if err != nil {
		return err
	}
	fmt.Println("  PID  PPID USER     COMMAND")
	for ; len(b) >= procSize; b = b[procSize:] {
		pid, ppid := binary.LittleEndian.Uint32(b[procPid:]), binary.LittleEndian.Uint32(b[procPpid:])
		owner := strconv.Itoa(int(binary.LittleEndian.Uint32(b[procUID:])))
		if u, err := user.LookupId(owner); err == nil {
			owner = u.Username
		}
		name := "(kernel)"
		if argv, err := rawSysctl([]int32{ctlKern, kernProcArgs, int32(pid), procArgv}); err == nil {
			name = strings.ReplaceAll(strings.Trim(string(argv), "\x00"), "\x00", " ")
		}
		fmt.Printf("%5d %5d %-8s %s\n", pid, ppid, owner, name)
	}
	return nil
}

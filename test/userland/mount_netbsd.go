package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mountFlags are the words of mount's -o, and the flags of sys/mount.h for
// them; with "no" before them they clear the flag.
var mountFlags = map[string]int{
	"async": unix.MNT_ASYNC, "atime": -unix.MNT_NOATIME, "dev": -unix.MNT_NODEV, "exec": -unix.MNT_NOEXEC,
	"force": unix.MNT_FORCE, "log": unix.MNT_LOG, "rdonly": unix.MNT_RDONLY, "ro": unix.MNT_RDONLY,
	"rw": -unix.MNT_RDONLY, "suid": -unix.MNT_NOSUID, "sync": unix.MNT_SYNCHRONOUS, "union": unix.MNT_UNION,
	"update": unix.MNT_UPDATE, "auto": 0,
}

// parseOptions reads "rw,noatime"; what it does not know comes back.
func parseOptions(text string) (flags int, rest []string) {
	for word := range strings.SplitSeq(text, ",") {
		flag, known := mountFlags[word]
		if !known {
			if flag, known = mountFlags[strings.TrimPrefix(word, "no")]; known {
				flag = -flag
			}
		}
		switch {
		case !known && word != "":
			rest = append(rest, word)
		case flag < 0:
			flags &^= -flag
		default:
			flags |= flag
		}
	}
	return flags, rest
}

// A line is one of fstab(5).
type line struct{ spec, dir, kind, options string }

func fstab() ([]line, error) {
	b, err := os.ReadFile("/etc/fstab")
	if err != nil {
		return nil, err
	}
	var all []line
	for text := range strings.Lines(string(b)) {
		f := strings.Fields(text)
		if len(f) < 4 || strings.HasPrefix(f[0], "#") {
			continue
		}
		all = append(all, line{f[0], f[1], f[2], f[3]})
	}
	return all, nil
}

// mount is mount(8): -a mounts what fstab names, -u changes a mount, and
// without arguments it lists.
func mount(args []string) error {
	o, err := getopt(args, "Aadfo:rt:uvw")
	if err != nil {
		return err
	}
	words := ""
	for _, x := range o.list {
		words += map[byte]string{'r': ",ro", 'w': ",rw", 'u': ",update", 'f': ",force"}[x.letter]
	}
	words += "," + o.value('o', "")
	switch {
	case o.has('a'):
		return mountAll()
	case len(o.rest) == 0:
		return listMounts()
	case len(o.rest) == 2:
		return mountOne(line{o.rest[0], o.rest[1], o.value('t', "ffs"), words})
	}
	all, err := fstab()
	if err != nil && !o.has('u') {
		return err
	}
	for _, l := range all {
		if l.spec == o.rest[0] || l.dir == o.rest[0] {
			l.options += "," + words
			return mountOne(l)
		}
	}
	if !o.has('u') {
		return fmt.Errorf("%s: not in fstab", o.rest[0])
	}
	m, err := mounted(o.rest[0])
	if err != nil {
		return err
	}
	m.options = words
	return mountOne(m)
}

func mountAll() error {
	all, err := fstab()
	if err != nil {
		return err
	}
	var failed error
	for _, l := range all {
		if l.kind == "swap" || slices.Contains(strings.Split(l.options, ","), "noauto") {
			continue
		}
		if err := mountOne(l); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = exit(1)
		}
	}
	return failed
}

// mountOne runs the program for the file system's type. The root is there
// already: it is changed.
func mountOne(l line) error {
	words := strings.Trim(l.options, ",")
	if l.dir == "/" {
		words += ",update"
	}
	c := exec.Command("mount_"+l.kind, "-o", words, l.spec, l.dir)
	if c.Err != nil {
		c = exec.Command("/sbin/mount_"+l.kind, "-o", words, l.spec, l.dir)
	}
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("mount_%s %s: %w", l.kind, l.dir, err)
	}
	return nil
}

func mounts() ([]unix.Statvfs_t, error) {
	n, err := unix.Getvfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, err
	}
	all := make([]unix.Statvfs_t, n+4)
	n, err = unix.Getvfsstat(all, unix.MNT_NOWAIT)
	return all[:max(n, 0)], err
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

func mounted(name string) (line, error) {
	all, err := mounts()
	if err != nil {
		return line{}, err
	}
	for _, m := range all {
		if text(m.Mntonname[:]) == name || text(m.Mntfromname[:]) == name {
			return line{text(m.Mntfromname[:]), text(m.Mntonname[:]), text(m.Fstypename[:]), ""}, nil
		}
	}
	return line{}, fmt.Errorf("%s: not mounted", name)
}

func listMounts() error {
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range all {
		words := []string{}
		for _, f := range []struct {
			flag uint32
			word string
		}{
			{unix.MNT_RDONLY, "read-only"},
			{unix.MNT_NOATIME, "noatime"},
			{unix.MNT_NOSUID, "nosuid"},
			{unix.MNT_NODEV, "nodev"},
			{unix.MNT_NOEXEC, "noexec"},
			{unix.MNT_LOG, "log"},
			{unix.MNT_LOCAL, "local"},
		} {
			if uint32(m.Flag)&f.flag != 0 {
				words = append(words, f.word)
			}
		}
		fmt.Printf("%s on %s type %s (%s)\n", text(m.Mntfromname[:]), text(m.Mntonname[:]),
			text(m.Fstypename[:]), strings.Join(words, ", "))
	}
	return nil
}

func umount(args []string) error {
	o, err := getopt(args, "afFlRt:v")
	if err != nil {
		return err
	}
	names := o.rest
	if o.has('a') {
		all, err := mounts()
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(all) {
			if dir := text(m.Mntonname[:]); dir != "/" {
				names = append(names, dir)
			}
		}
	}
	flags := 0
	if o.has('f') {
		flags = unix.MNT_FORCE
	}
	return each(names, func(name string) error {
		if m, err := mounted(name); err == nil {
			name = m.dir
		}
		if err := unix.Unmount(name, flags); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// callMount is mount(2).
func callMount(kind, dir string, flags int, data unsafe.Pointer, size uintptr) error {
	k, err := syscall.BytePtrFromString(kind)
	if err != nil {
		return err
	}
	d, err := syscall.BytePtrFromString(dir)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_MOUNT, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(d)),
		uintptr(flags), uintptr(data), size, 0)
	if errno != 0 {
		return fmt.Errorf("%s on %s: %w", kind, dir, errno)
	}
	return nil
}

// mountArgs parses what every mount_* has: -o and two operands.
func mountArgs(args []string, letters string) (o options, flags int, rest []string, err error) {
	if o, err = getopt(args, "o:"+letters); err != nil {
		return o, 0, nil, err
	}
	if err := o.want(2, 2); err != nil {
		return o, 0, nil, err
	}
	flags, rest = parseOptions(o.value('o', ""))
	return o, flags, rest, nil
}

func mountFFS(args []string) error {
	o, flags, rest, err := mountArgs(args, "")
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("-o %s: option not supported", rest[0])
	}
	spec, err := syscall.BytePtrFromString(o.rest[0])
	if err != nil {
		return err
	}
	data := struct{ Fspec *byte }{spec} // struct ufs_args of ufs/ufs/ufsmount.h
	if o.rest[0] == "root_device" {
		data.Fspec = nil // what the kernel itself mounted has no other name
	}
	return callMount("ffs", o.rest[1], flags, unsafe.Pointer(&data), unsafe.Sizeof(data))
}

// mountSimple is for file systems without arguments of their own.
func mountSimple(kind string) command {
	return func(args []string) error {
		o, flags, _, err := mountArgs(args, "")
		if err != nil {
			return err
		}
		return callMount(kind, o.rest[1], flags, nil, 0)
	}
}

func mountProcfs(args []string) error {
	o, flags, _, err := mountArgs(args, "")
	if err != nil {
		return err
	}
	data := struct{ Version, Flags int32 }{Version: 1} // struct procfs_args
	return callMount("procfs", o.rest[1], flags, unsafe.Pointer(&data), unsafe.Sizeof(data))
}

func mountPtyfs(args []string) error {
	o, flags, _, err := mountArgs(args, "g:m:p:u:")
	if err != nil {
		return err
	}
	const ttyGroup = 4
	data := struct { // struct ptyfs_args of fs/ptyfs/ptyfs.h
		Version   int32
		GID, Mode uint32
		Flags     int32
	}{Version: 2, GID: ttyGroup, Mode: 0o620}
	return callMount("ptyfs", o.rest[1], flags, unsafe.Pointer(&data), unsafe.Sizeof(data))
}

// mountTmpfs is mount_tmpfs(8); mount_mfs(8) is served by it too, as nothing
// in these tests looks for the difference.
func mountTmpfs(args []string) error {
	o, flags, rest, err := mountArgs(args, "g:m:n:s:u:")
	if err != nil {
		return err
	}
	data := struct { // struct tmpfs_args of fs/tmpfs/tmpfs_args.h
		Version        int32
		Nodes, Size    uint64
		UID, GID, Mode uint32
	}{Version: 1, Mode: 0o755}
	for _, word := range rest {
		if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "-") {
			o.list = append(o.list, option{name[1], value})
		}
	}
	if mode := o.value('m', ""); mode != "" {
		bits, err := strconv.ParseUint(mode, 8, 12)
		if err != nil {
			return errors.New("-m is an octal mode")
		}
		data.Mode = uint32(bits)
	}
	return callMount("tmpfs", o.rest[1], flags, unsafe.Pointer(&data), unsafe.Sizeof(data))
}

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// errFull is what is said where there is no room.
var errFull = syscall.ENOSPC

// prepare loads the modules that /modules.list names, in its order, and gets
// the devices' nodes.
func prepare() error {
	list, err := os.ReadFile("/modules.list")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(list)) {
		if err := load("/modules/" + name); err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	if err := os.MkdirAll(mountPoint, 0o755); err != nil {
		return err
	}
	return syscall.Mount("devtmpfs", "/dev", "devtmpfs", 0, "")
}

func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const finitModule = 313 // of amd64
	none := []byte{0}
	if _, _, e := syscall.Syscall(finitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), 0); e != 0 {
		return e
	}
	return nil
}

// mount mounts the job's disk.
func mount(j trial.Job, write bool) error {
	flags := uintptr(syscall.MS_RDONLY | syscall.MS_NOATIME)
	if write {
		flags = 0
	}
	return syscall.Mount(j.Device, mountPoint, "ufs", flags, j.Options)
}

func unmount() error { return syscall.Unmount(mountPoint, 0) }

// fill takes from st what the system's own has.
func fill(f *trial.File, st *syscall.Stat_t) {
	when := func(t syscall.Timespec) trial.Time { return trial.Time{Sec: t.Sec, Nsec: t.Nsec} }
	f.Mode, f.Inode, f.Links, f.UID, f.GID = st.Mode, st.Ino, uint32(st.Nlink), st.Uid, st.Gid
	f.Size, f.Blocks = st.Size, st.Blocks
	f.Access, f.Modify, f.Change = when(st.Atim), when(st.Mtim), when(st.Ctim)
	f.Major = uint32(st.Rdev>>8&0xfff | st.Rdev>>32&0xfffff000)
	f.Minor = uint32(st.Rdev&0xff | st.Rdev>>12&0xffffff00)
}

func setTimes(path string, access, modify trial.Time) error {
	return syscall.UtimesNano(path, []syscall.Timespec{{Sec: access.Sec, Nsec: access.Nsec}, {Sec: modify.Sec, Nsec: modify.Nsec}})
}

func makeNode(path string, mode, dev uint32) error { return syscall.Mknod(path, mode, int(dev)) }

// setFlags does nothing: Linux's driver knows no flags of files.
func setFlags(string, int) error { return nil }

func dup(from, to int) { _ = syscall.Dup3(from, to, 0) }

func end() { _ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART) }

package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// Numbers of sys/fstypes.h and sys/reboot.h.
const (
	mntReadOnly = 0x01
	mntAsync    = 0x40
	mntNoAccess = 0x04000000 // without it, even a read-only disk shows new times of access
	rbAutoboot  = 0
)

// errFull is what is said where there is no room.
var errFull = syscall.ENOSPC

func prepare() error { return nil }

// mount mounts the job's disk.
func mount(j trial.Job, write bool) error {
	flags := mntReadOnly | mntNoAccess
	if write {
		flags = mntAsync
	}
	kind, dir, device := []byte("ffs\x00"), []byte(mountPoint+"\x00"), []byte(j.Device+"\x00")
	args := struct{ fspec *byte }{&device[0]} // struct ufs_args of ufs/ufs/ufsmount.h
	_, _, e := syscall.Syscall6(syscall.SYS_MOUNT, uintptr(unsafe.Pointer(&kind[0])), uintptr(unsafe.Pointer(&dir[0])),
		uintptr(flags), uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	runtime.KeepAlive(device)
	if e != 0 {
		return e
	}
	return nil
}

func unmount() error {
	dir := []byte(mountPoint + "\x00")
	if _, _, e := syscall.Syscall(syscall.SYS_UNMOUNT, uintptr(unsafe.Pointer(&dir[0])), 0, 0); e != 0 {
		return e
	}
	return nil
}

// fill takes from st what the system's own has.
func fill(f *trial.File, st *syscall.Stat_t) {
	when := func(t syscall.Timespec) trial.Time { return trial.Time{Sec: int64(t.Sec), Nsec: int64(t.Nsec)} }
	f.Mode, f.Inode, f.Links, f.UID, f.GID = st.Mode, st.Ino, st.Nlink, st.Uid, st.Gid
	f.Size, f.Blocks, f.Flags = st.Size, st.Blocks, st.Flags
	f.Access, f.Modify, f.Change, f.Birth = when(st.Atimespec), when(st.Mtimespec), when(st.Ctimespec), when(st.Birthtimespec)
	if k := st.Mode & syscall.S_IFMT; k == syscall.S_IFCHR || k == syscall.S_IFBLK {
		d := uint32(st.Rdev) // sys/types.h: major() and minor()
		f.Major, f.Minor = d>>8&0xfff, d>>12&0xfff00|d&0xff
	}
}

// cwd is AT_FDCWD of sys/fcntl.h.
const cwd = ^uintptr(99)

// setTimes sets times of access and modification.
func setTimes(path string, access, modify trial.Time) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	ts := [2]syscall.Timespec{syscall.NsecToTimespec(access.Sec*1e9 + access.Nsec), syscall.NsecToTimespec(modify.Sec*1e9 + modify.Nsec)}
	if _, _, e := syscall.Syscall6(syscall.SYS_UTIMENSAT, cwd, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&ts)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// makeNode makes a device. Go's own Mknod on 32-bit processors hands over
// half a dev_t.
func makeNode(path string, mode, dev uint32) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	// A dev_t has 64 bits, here in one word or two, and a word of padding
	// before it.
	_, _, e := syscall.Syscall6(syscall.SYS_MKNODAT, cwd, uintptr(unsafe.Pointer(name)), uintptr(mode), 0, uintptr(dev), 0)
	if e != 0 {
		return e
	}
	return nil
}

func setFlags(path string, flags int) error { return syscall.Chflags(path, flags) }

func dup(from, to int) { _ = syscall.Dup2(from, to) }

func end() { _, _, _ = syscall.Syscall(syscall.SYS_REBOOT, rbAutoboot, 0, 0) }

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// configDevices are where the configuration may be: it is the second disk,
// but on some machines the kernel numbers disks the other way round. Only
// raw devices of whole disks can be read without a disklabel.
func configDevices() []string { return []string{"/dev/rld1d", "/dev/rld0d", "/dev/rld2d"} }

// beforeConfig has nothing to do: the kernel has mounted the root.
func beforeConfig() error { return nil }

// clockMonotonic is CLOCK_MONOTONIC of sys/time.h.
const clockMonotonic = 3

// uptime is the time since the kernel's monotonic clock started.
func uptime() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Flags of sys/mount.h.
const (
	mntReadOnly = 0x1
	mntUpdate   = 0x10000
)

// ufsArgs is struct ufs_args of ufs/ufs/ufsmount.h.
type ufsArgs struct{ Fspec *byte }

// tmpfsArgs is struct tmpfs_args of fs/tmpfs/tmpfs_args.h, 40 bytes on amd64
// and 32 on i386, where 64-bit integers are aligned to 4 bytes: Go lays it out
// as C does.
type tmpfsArgs struct {
	Version int32
	Nodes   uint64
	Size    uint64
	UID     uint32
	GID     uint32
	Mode    uint32
}

// ptyfsArgs is struct ptyfs_args of fs/ptyfs/ptyfs.h.
type ptyfsArgs struct {
	Version int32 // 2
	GID     uint32
	Mode    uint32
	Flags   int32
}

// procfsArgs is struct procfs_args of miscfs/procfs/procfs.h.
type procfsArgs struct {
	Version int32 // 1
	Flags   int32
}

// procfsLinux is PROCFSMNT_LINUXCOMPAT: with /proc/stat and the like.
const procfsLinux = 1

const ttyGroup = 4 // tty in NetBSD's /etc/group

// mount is mount(2).
func mount(fstype, dir string, flags int, args unsafe.Pointer, size uintptr) error {
	t, err := syscall.BytePtrFromString(fstype)
	if err != nil {
		return err
	}
	d, err := syscall.BytePtrFromString(dir)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_MOUNT, uintptr(unsafe.Pointer(t)),
		uintptr(unsafe.Pointer(d)), uintptr(flags), uintptr(args), size, 0)
	if errno != 0 {
		return fmt.Errorf("mount %s on %s: %w", fstype, dir, errno)
	}
	return nil
}

// remountRoot changes how the root, which the kernel has mounted read-only,
// is mounted.
func remountRoot(r wire.Root, flags int) error {
	device := r.Device
	if device == "" {
		device = "/dev/ld0a"
	}
	fstype := r.FSType
	if fstype == "" {
		fstype = "ffs"
	}
	name, err := syscall.BytePtrFromString(device)
	if err != nil {
		return err
	}
	args := ufsArgs{name}
	return mount(fstype, "/", mntUpdate|flags, unsafe.Pointer(&args), unsafe.Sizeof(args))
}

func mountRoot(r wire.Root, _ string) error {
	if r.ReadOnly {
		return nil
	}
	return remountRoot(r, 0)
}

// mounts adds the file systems that programs expect, where the kernel has
// them and the image a folder for them.
func (a *agent) mounts() {
	pty := ptyfsArgs{Version: 2, GID: ttyGroup, Mode: 0o620}
	a.mountSoftly("ptyfs", "/dev/pts", unsafe.Pointer(&pty), unsafe.Sizeof(pty))
	a.mountSoftly("kernfs", "/kern", nil, 0)
	proc := procfsArgs{Version: 1, Flags: procfsLinux}
	a.mountSoftly("procfs", "/proc", unsafe.Pointer(&proc), unsafe.Sizeof(proc))
	shared := tmpfsArgs{Version: 1, Mode: 0o1777}
	a.mountSoftly("tmpfs", "/var/shm", unsafe.Pointer(&shared), unsafe.Sizeof(shared))
	if !a.config.Root.ReadOnly {
		a.warn(makeTemp())
		return
	}
	run := tmpfsArgs{Version: 1, Mode: 0o755}
	a.mountSoftly("tmpfs", "/tmp", unsafe.Pointer(&shared), unsafe.Sizeof(shared))
	a.mountSoftly("tmpfs", "/var/run", unsafe.Pointer(&run), unsafe.Sizeof(run))
}

// mountSoftly passes over what the image or the kernel does not have.
func (a *agent) mountSoftly(fstype, dir string, args unsafe.Pointer, size uintptr) {
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return
	}
	a.warn(ignore(mount(fstype, dir, 0, args, size), syscall.ENODEV, syscall.EOPNOTSUPP))
}

// makeTemp makes /tmp where the image has none.
func makeTemp() error {
	err := os.Mkdir("/tmp", 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod("/tmp", 0o777|os.ModeSticky)
}

const (
	maxFiles = 16384
	maxProcs = 1024
	// rlimitNProc is RLIMIT_NPROC of sys/resource.h.
	rlimitNProc = 7
)

// raiseLimits raises the kernel's and the service's limits of open files and
// processes: a kernel with "maxusers 8" has 548 and 148.
func (a *agent) raiseLimits() {
	for name, want := range map[string]int32{"kern.maxfiles": maxFiles, "kern.maxproc": maxProcs} {
		if have, err := getSysctlInt(name); err == nil && have < want {
			a.warn(setSysctlInt(name, want))
		}
	}
	for which, want := range map[int]uint64{syscall.RLIMIT_NOFILE: maxFiles, rlimitNProc: maxProcs} {
		limit := syscall.Rlimit{Cur: want, Max: want}
		if err := syscall.Setrlimit(which, &limit); err != nil {
			a.warn(fmt.Errorf("raise the limit %d to %d: %w", which, want, err))
		}
	}
}

// settle puts the root on disk.
func settle(r wire.Root) {
	syscall.Sync()
	if !r.ReadOnly {
		// A file that is still open for writing keeps this from being done;
		// reboot then does what can be done.
		_ = remountRoot(r, mntReadOnly)
	}
}

// reboot ends the guest: a reset is what ends QEMU under -no-reboot also
// where the kernel has no ACPI, and so can't switch the power off.
func reboot() {
	_, _, _ = syscall.Syscall(syscall.SYS_REBOOT, 0, 0, 0)
}

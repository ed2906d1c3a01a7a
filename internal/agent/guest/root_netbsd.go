package guest

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// diskTime is how long the disks may take to appear: the kernel has found
// them all before it starts PID 1.
const diskTime = 0

// configDevices are where the configuration may be: it is the second disk,
// but on some machines the kernel numbers disks the other way round. Only
// raw devices of whole disks can be read without a disklabel.
func configDevices() []string { return []string{"/dev/rld1d", "/dev/rld0d", "/dev/rld2d"} }

// beforeConfig has nothing to do: the kernel has mounted the root.
func beforeConfig() error { return nil }

// Flags of sys/mount.h.
const (
	mntReadOnly = 0x1
	mntUpdate   = 0x10000
)

// ufsArgs is struct ufs_args of ufs/ufs/ufsmount.h.
type ufsArgs struct{ Fspec *byte }

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
// is mounted. Without a device it is whichever the kernel took: it may be a
// wedge even where the command line named a partition.
func remountRoot(r wire.Root, flags int) error {
	fstype := r.FSType
	if fstype == "" {
		fstype = "ffs"
	}
	var args ufsArgs
	if r.Device != "" {
		name, err := syscall.BytePtrFromString(r.Device)
		if err != nil {
			return err
		}
		args.Fspec = name
	}
	return mount(fstype, "/", mntUpdate|flags, unsafe.Pointer(&args), unsafe.Sizeof(args))
}

func mountRoot(r wire.Root, _ string) error {
	if r.ReadOnly {
		return nil
	}
	return remountRoot(r, 0)
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

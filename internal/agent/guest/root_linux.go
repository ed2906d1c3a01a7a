package guest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const newRoot = "/root"

// mountRoot mounts the root disk and makes it the root of all. configDisk is
// the disk that is not it.
func mountRoot(r wire.Root, configDisk string) error {
	device, err := rootDevice(r, configDisk)
	if err != nil {
		return err
	}
	fstype := r.FSType
	if fstype == "" {
		fstype = "ext4"
	}
	var flags uintptr = syscall.MS_NOATIME
	if r.ReadOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(device, newRoot, fstype, flags, ""); err != nil {
		return fmt.Errorf("mount the root %s (%s): %w", device, fstype, err)
	}
	return switchRoot()
}

// switchRoot empties the initramfs, whose memory that frees, and goes into
// the new root.
func switchRoot() error {
	for _, f := range kernelFileSystems {
		target := filepath.Join(newRoot, f.dir)
		if err := ignore(os.Mkdir(target, 0o755), fs.ErrExist); err != nil {
			return fmt.Errorf("the root lacks %s: %w", f.dir, err)
		}
		if err := syscall.Mount(f.dir, target, "", syscall.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s into the root: %w", f.dir, err)
		}
	}
	for _, name := range []string{"/init", modulesFolder, modulesList} {
		if err := os.RemoveAll(name); err != nil {
			return fmt.Errorf("empty the initramfs: %w", err)
		}
	}
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return fmt.Errorf("make %s the root: %w", newRoot, err)
	}
	if err := syscall.Chroot("."); err != nil {
		return fmt.Errorf("change into the root: %w", err)
	}
	return os.Chdir("/")
}

package guest

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// A fileSystem is one that the guest needs besides its root.
type fileSystem struct {
	kind  string
	dir   string
	flags uintptr
	data  string
}

const noProgram = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC

// kernelFileSystems are mounted first, and move into the root later.
var kernelFileSystems = []fileSystem{
	{"devtmpfs", "/dev", syscall.MS_NOSUID, "mode=0755"},
	{"proc", "/proc", noProgram, ""},
	{"sysfs", "/sys", noProgram, ""},
}

// deviceFileSystems are mounted below /dev.
var deviceFileSystems = []fileSystem{
	{"devpts", "/dev/pts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666"},
	{"tmpfs", "/dev/shm", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=1777"},
}

// runFileSystem is for what lives as long as a service does.
var runFileSystem = fileSystem{"tmpfs", "/run", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=0755"}

// writableFileSystems stand in for folders of a root that can't be written.
var writableFileSystems = []fileSystem{
	{"tmpfs", "/tmp", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=1777"},
	{"tmpfs", "/var/tmp", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=1777"},
}

// deviceLinks are names in /dev that programs expect and devtmpfs lacks.
var deviceLinks = [][2]string{
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
}

func (f fileSystem) mount() error {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(f.kind, f.dir, f.kind, f.flags, f.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", f.kind, f.dir, err)
	}
	return nil
}

// beforeConfig makes the initramfs a place where disks can be found.
func beforeConfig() error {
	for _, f := range kernelFileSystems {
		// EBUSY: the kernel was built to mount /dev by itself.
		if err := ignore(f.mount(), syscall.EBUSY); err != nil {
			return err
		}
	}
	return loadModules()
}

// mounts adds what programs expect. A root that can't be written and lacks
// the folder has to do without. What steps write into the root is to stay
// there, so that for them nothing is put over it but /dev.
func (a *agent) mounts() {
	all := slices.Clone(deviceFileSystems)
	if a.config.Steps == nil {
		all = append(all, runFileSystem)
	}
	if a.config.Root.ReadOnly {
		all = append(all, writableFileSystems...)
	}
	for _, f := range all {
		remark(ignore(f.mount(), syscall.EROFS))
	}
	for _, l := range deviceLinks {
		remark(ignore(os.Symlink(l[0], l[1]), fs.ErrExist))
	}
	if a.config.Root.ReadOnly || a.config.Steps != nil {
		return
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		a.warn(makeTemp(dir))
	}
}

// makeTemp makes a folder for temporary files where the image has none.
func makeTemp(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777|os.ModeSticky)
}

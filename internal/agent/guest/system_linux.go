package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// configDevices are all virtio disks, the second one first.
func configDevices() []string {
	disks := virtioDisks()
	if len(disks) > 1 {
		disks[0], disks[1] = disks[1], disks[0]
	}
	return disks
}

func virtioDisks() []string {
	disks, err := filepath.Glob("/dev/vd[a-z]")
	if err != nil {
		return nil // of bad patterns only
	}
	return disks
}

// clockBoottime is CLOCK_BOOTTIME of linux/time.h.
const clockBoottime = 7

// uptime is the time since the kernel's clock started.
func uptime() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

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

// lateFileSystems are mounted in the root.
var lateFileSystems = []fileSystem{
	{"devpts", "/dev/pts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666"},
	{"tmpfs", "/dev/shm", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=1777"},
	{"tmpfs", "/run", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=0755"},
}

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

func rootDevice(r wire.Root, configDisk string) (string, error) {
	if r.Device != "" {
		return r.Device, nil
	}
	for _, d := range virtioDisks() {
		if d != configDisk {
			return d, nil
		}
	}
	return "", errors.New("there is no root disk: only the configuration disk was found")
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

// mounts adds what programs expect. A root that can't be written and lacks
// the folder has to do without.
func (a *agent) mounts() {
	all := lateFileSystems
	if a.config.Root.ReadOnly {
		all = append(all[:len(all):len(all)], writableFileSystems...)
	}
	for _, f := range all {
		a.warn(ignore(f.mount(), syscall.EROFS))
	}
	for _, l := range deviceLinks {
		a.warn(ignore(os.Symlink(l[0], l[1]), fs.ErrExist))
	}
	if a.config.Root.ReadOnly {
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

const (
	modulesFolder = "/modules"
	modulesList   = "/modules.list"
)

// loadModules loads the initramfs's modules in the order of its list.
func loadModules() error {
	list, err := os.ReadFile(modulesList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSuffix(name, "\n")
		if err := loadModule(filepath.Join(modulesFolder, name)); err != nil {
			return fmt.Errorf("load the kernel module %s: %w", name, err)
		}
	}
	return nil
}

// moduleCompressed is MODULE_INIT_COMPRESSED_FILE of linux/module.h.
const moduleCompressed = 4

func loadModule(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var flags uintptr
	if filepath.Ext(name) != ".ko" {
		flags = moduleCompressed
	}
	none := [1]byte{}
	_, _, errno := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), flags)
	if errno == 0 || errno == syscall.EEXIST || errno == syscall.ENODEV {
		return nil // loaded, there already, or for hardware that is not there
	}
	return errno
}

const maxFiles = 65536

// raiseLimits raises the service's limit of open files.
func (a *agent) raiseLimits() {
	limit := syscall.Rlimit{Cur: maxFiles, Max: maxFiles}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		a.warn(fmt.Errorf("raise the limit of open files to %d: %w", maxFiles, err))
	}
}

// settle puts the root on disk.
func settle(r wire.Root) {
	syscall.Sync()
	if !r.ReadOnly {
		// The initramfs's program, this one, is not of the root, so that
		// nothing should be open in it. If something is, it is synced.
		_ = syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
}

// reboot ends the guest: a reset is what ends QEMU under -no-reboot on
// machines with and without ACPI.
func reboot() {
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

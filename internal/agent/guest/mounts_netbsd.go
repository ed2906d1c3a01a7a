package guest

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

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

// mounts adds the file systems that programs expect, where the kernel has
// them and the image a folder for them.
func (a *agent) mounts() {
	pty := ptyfsArgs{Version: 2, GID: ttyGroup, Mode: 0o620}
	mountSoftly("ptyfs", "/dev/pts", unsafe.Pointer(&pty), unsafe.Sizeof(pty))
	mountSoftly("kernfs", "/kern", nil, 0)
	proc := procfsArgs{Version: 1, Flags: procfsLinux}
	mountSoftly("procfs", "/proc", unsafe.Pointer(&proc), unsafe.Sizeof(proc))
	shared := tmpfsArgs{Version: 1, Mode: 0o1777}
	mountSoftly("tmpfs", "/var/shm", unsafe.Pointer(&shared), unsafe.Sizeof(shared))
	if a.config.Steps != nil {
		return // what they write is to stay
	}
	if !a.config.Root.ReadOnly {
		a.warn(makeTemp())
		return
	}
	run := tmpfsArgs{Version: 1, Mode: 0o755}
	mountSoftly("tmpfs", "/tmp", unsafe.Pointer(&shared), unsafe.Sizeof(shared))
	mountSoftly("tmpfs", "/var/run", unsafe.Pointer(&run), unsafe.Sizeof(run))
}

// mountSoftly passes over what the image or the kernel does not have.
func mountSoftly(fstype, dir string, args unsafe.Pointer, size uintptr) {
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return
	}
	remark(ignore(mount(fstype, dir, 0, args, size), syscall.ENODEV, syscall.EOPNOTSUPP))
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

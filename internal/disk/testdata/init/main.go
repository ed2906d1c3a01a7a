// Init is program 1 of a NetBSD guest that tries its root disk: it reads all
// of it, mounts it for writing, writes and removes files, and ends. What it
// finds it says on the console.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

func main() {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"read", read},
		{"mount", remount},
		{"write", write},
		{"fill", fill},
	} {
		if err := step.do(); err != nil {
			say(fmt.Sprintf("init: %s: %v\n", step.name, err))
			break
		}
		say(fmt.Sprintf("init: %s is done\n", step.name))
	}
	syscall.Sync()
	_, _, errno := syscall.Syscall(syscall.SYS_REBOOT, 0, 0, 0)
	say(fmt.Sprintln("init: reboot:", errno))
	select {} // the kernel panics without a program 1
}

// say writes to the console, and waits until the line was sent: a reboot
// would lose it.
func say(text string) {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return // there is no place to say it
	}
	defer f.Close()
	_, _ = f.WriteString(text)
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCDRAIN, 0)
}

// read compares the files with what /etc/sums says: a digest, a blank and a
// path on each line.
func read() error {
	sums, err := os.ReadFile("/etc/sums")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(sums)) {
		want, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if got := fmt.Sprintf("sha256:%x", sha256.Sum256(b)); got != want {
			return fmt.Errorf("%s has the digest %s, not %s", path, got, want)
		}
	}
	return nil
}

// remount mounts the root for writing. No device is named: a partition may be
// one of ld0's or a wedge, as the kernel is configured.
func remount() error {
	var args struct{ spec *byte } // struct ufs_args of ufs/ufs/ufsmount.h
	fstype, root := []byte("ffs\x00"), []byte("/\x00")
	const update = 0x00010000 // MNT_UPDATE of sys/fstypes.h
	_, _, errno := syscall.Syscall6(syscall.SYS_MOUNT, uintptr(unsafe.Pointer(&fstype[0])), uintptr(unsafe.Pointer(&root[0])),
		update, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// write leaves a folder with two files, and removes what the disk had in
// /removed.
func write() error {
	if err := os.RemoveAll("/removed"); err != nil {
		return err
	}
	if err := os.MkdirAll("/written/below", 0o750); err != nil {
		return err
	}
	if err := os.WriteFile("/written/small", []byte("by the guest\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile("/written/below/large", bytes.Repeat([]byte("0123456789abcdef"), 3<<16), 0o644)
}

// fill writes until the disk is full, and makes room again.
func fill() error {
	if err := os.Mkdir("/filled", 0o755); err != nil {
		return err
	}
	block := bytes.Repeat([]byte("full"), 1<<18)
	for n := 0; ; n++ {
		err := os.WriteFile(filepath.Join("/filled", fmt.Sprint(n)), block, 0o644)
		if errors.Is(err, syscall.ENOSPC) {
			return os.RemoveAll("/filled")
		}
		if err != nil {
			return err
		}
		if n > 1<<10 {
			return &fs.PathError{Op: "fill", Path: "/filled", Err: errors.New("the disk has no end")}
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
	"golang.org/x/sys/unix"
)

// child is the part that runs in a process of its own, so that its memory can
// be measured: it prints how long it took.
func child(args []string) error {
	if len(args) != 3 {
		return errors.New("child image|copy|compare FROM TO")
	}
	do := map[string]func(from, to string) error{"image": image, "copy": copyFile, "compare": compare}[args[0]]
	if do == nil {
		return fmt.Errorf("unknown child %s", args[0])
	}
	begin := time.Now()
	if err := do(args[1], args[2]); err != nil {
		return err
	}
	fmt.Println(time.Since(begin))
	return nil
}

// image makes a file system with makefs's parameters.
func image(from, to string) error {
	entries, err := ffs.HostDir(from)
	if err != nil {
		return err
	}
	layout, err := ffs.Plan(entries, ffs.Options{BlockSize: 8192, FragmentSize: 1024, MinFree: 5})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(layout.Write(context.Background(), f, 0), f.Close())
}

// copyFile has the kernel copy one file.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	for err == nil {
		var n int
		if n, err = unix.CopyFileRange(int(src.Fd()), nil, int(dst.Fd()), nil, 1<<30, 0); n == 0 {
			break
		}
	}
	return errors.Join(err, dst.Close())
}

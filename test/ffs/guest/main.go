//go:build linux || netbsd

// Guest is program 1 of a guest whose kernel is to read file systems that we
// wrote, and to write on them: it does the jobs of /orders and puts what it
// saw onto the last disk.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// mountPoint is where the disks are mounted, one at a time.
const mountPoint = "/mnt"

func main() {
	openConsole()
	debug.SetGCPercent(400)
	if err := obey(); err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Println("guest: end")
	end()
	select {} // program 1 must not end
}

// openConsole gives program 1 its standard files, which NetBSD starts without:
// os.Stdout and os.Stderr stay what they are, numbers 1 and 2.
func openConsole() {
	fd, err := syscall.Open("/dev/console", syscall.O_RDWR, 0)
	if err != nil {
		return
	}
	for n := range 3 {
		if n != fd {
			dup(fd, n)
		}
	}
}

func obey() error {
	if err := prepare(); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	o, err := readOrders()
	if err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	reports := make([]trial.Report, len(o.Jobs))
	for i, j := range o.Jobs {
		reports[i].Job = j.Name
		if err := do(j, &reports[i]); err != nil {
			reports[i].Error = err.Error()
			fmt.Printf("guest: %s: %v\n", j.Name, err)
		}
	}
	out, err := trial.Encode(reports)
	if err != nil {
		return err
	}
	return put(o.Output, out)
}

func readOrders() (o trial.Orders, err error) {
	f, err := os.Open("/orders")
	if err != nil {
		return o, err
	}
	defer f.Close()
	err = trial.Decode(f, &o)
	return o, err
}

// do does one job.
func do(j trial.Job, r *trial.Report) error {
	fmt.Printf("guest: %s: read\n", j.Name)
	files, err := inspect(j)
	if err != nil {
		return err
	}
	r.Before = files
	if j.Load == nil {
		return nil
	}
	if err := mount(j, true); err != nil {
		return fmt.Errorf("mount read-write: %w", err)
	}
	w := newWork(j, r)
	err = w.run()
	r.Wrote = w.files
	if e := unmount(); e != nil {
		return fmt.Errorf("unmount what was written: %w", e)
	}
	if err != nil {
		return err
	}
	fmt.Printf("guest: %s: read again\n", j.Name)
	r.After, err = inspect(j)
	return err
}

// inspect mounts the disk read-only and lists it.
func inspect(j trial.Job) ([]trial.File, error) {
	if err := mount(j, false); err != nil {
		return nil, fmt.Errorf("mount read-only: %w", err)
	}
	files, err := list(j.Windows)
	if e := unmount(); e != nil {
		return nil, fmt.Errorf("unmount: %w", e)
	}
	return files, err
}

// put writes b onto the device.
func put(device string, b []byte) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for off := 0; off < len(b); off += 64 << 10 {
		if _, err := f.WriteAt(b[off:min(off+64<<10, len(b))], int64(off)); err != nil {
			return err
		}
	}
	return f.Sync()
}

package ffs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/initramfs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// guest returns Linux with the jobs.
func (k linuxKernel) guest(t *testing.T, jobs []trial.Job) guest {
	t.Helper()
	dir := t.TempDir()
	program, err := os.ReadFile(program(t, "linux", "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	orders, err := os.ReadFile(writeOrders(t, dir, trial.Orders{Jobs: jobs, Output: linuxDevice(len(jobs))}))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "initramfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := initramfs.Linux(f, program, k.modules); err != nil {
		t.Fatal(err)
	}
	// The kernel takes archives one after another.
	if err := initramfs.Write(f, []initramfs.File{{Path: "orders", Mode: 0o644, Data: orders}}); err != nil {
		t.Fatal(err)
	}
	return guest{"qemu-system-x86_64", []string{
		"-M", "pc", "-cpu", "max", "-kernel", k.image, "-initrd", f.Name(),
		"-append", "console=ttyS0 quiet reboot=t panic=-1",
	}}
}

func linuxDevice(n int) string { return "/dev/vd" + string(rune('a'+n)) }

// TestLinux has Linux's driver read disks of shapes that it knows: blocks up to
// 32 KiB and fragments up to 4 KiB, of both versions and byte orders. The long
// tests try all of them, the others each size of blocks once.
func TestLinux(t *testing.T) {
	t.Parallel()
	need(t, "qemu-system-x86_64")
	kernel := getLinuxKernel(t)
	var shapes []shape
	for _, version := range []int{1, 2} {
		for i, c := range common {
			if c.block > 32<<10 || c.fragment > 4<<10 {
				continue
			}
			for _, big := range []bool{false, true} {
				if soaking() || (i+version)%2 == 0 && big == (i%3 == 0) {
					shapes = append(shapes, shape{version: version, block: c.block, fragment: c.fragment, big: big, group: 300 * (i % 2)})
				}
			}
		}
	}
	disks := newDisks(t, shapes, linuxDevice)
	for i, r := range kernel.guest(t, disks.jobs).boot(t, disks.paths, 8*time.Minute) {
		count.run("linux")
		t.Run(shapes[i].String(), func(t *testing.T) {
			if r.Error != "" {
				t.Errorf("the guest: %s", r.Error)
			}
			same(t, "Linux against what was to be written", shapes[i].linuxSees(disks.specimens[i].expected(t)), withoutPlaces(r.Before))
		})
	}
}

// linuxSees is what Linux's driver shows of files: of version 1 no
// nanoseconds, and of devices the numbers of 8 bits that were once enough. In
// FFSv2 it takes the first half of the 64 bits for them, which is zero where
// the order is big-endian.
func (s shape) linuxSees(all []trial.File) []trial.File {
	return edit(all, func(f *trial.File) {
		f.Flags, f.Birth = 0, trial.Time{}
		f.Major, f.Minor = f.Major&0xff, f.Minor&0xff
		if s.version == 2 && s.big {
			f.Major, f.Minor = 0, 0
		}
		if s.version == 1 {
			f.Access.Nsec, f.Modify.Nsec, f.Change.Nsec = 0, 0, 0
		}
	})
}

package ffs_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// A port is one of NetBSD's.
type port struct {
	arch, goarch, qemu string
	partitions         uint32 // of a disk, by which minors are numbered (machine/disklabel.h)
	root               shape  // of its own root disk
}

var (
	i386  = port{"i386", "386", "qemu-system-i386", 8, shape{version: 1, block: 8192, fragment: 1024}}
	amd64 = port{"amd64", "amd64", "qemu-system-x86_64", 16, shape{version: 2, block: 16384, fragment: 2048}}
)

// device names a disk; 0 is the root. The raw partition is the whole disk,
// however large.
func (p port) device(disk int) string { return fmt.Sprintf("/dev/ld%dd", disk) }

// guest returns NetBSD with a root disk that we made, which holds the jobs.
func (p port) guest(t *testing.T, jobs []trial.Job) (_ guest, root string) {
	t.Helper()
	kernel := netbsdKernel(t, p.arch)
	need(t, p.qemu)
	dir := t.TempDir()
	orders := writeOrders(t, dir, trial.Orders{Jobs: jobs, Output: fmt.Sprintf("/dev/rld%dd", len(jobs)+1)})
	entries := []ffs.Entry{
		{Path: "/dev", Mode: fs.ModeDir | 0o755},
		{Path: "/mnt", Mode: fs.ModeDir | 0o755},
		{Path: "/sbin", Mode: fs.ModeDir | 0o755},
		hostFile(t, "/sbin/init", program(t, "netbsd", p.goarch)),
		hostFile(t, "/orders", orders),
	}
	root = write(t, dir, "root", append(entries, p.nodes(len(jobs)+2)...), p.root.options())
	return guest{p.qemu, []string{"-M", "pc", "-kernel", kernel, "-append", "root=ld0a"}}, root
}

// nodes are those of /dev.
func (p port) nodes(disks int) []ffs.Entry {
	const char = fs.ModeDevice | fs.ModeCharDevice | 0o600
	all := []ffs.Entry{
		{Path: "/dev/console", Mode: char},
		{Path: "/dev/null", Mode: char, Major: 2, Minor: 2},
		{Path: "/dev/ld0a", Mode: fs.ModeDevice | 0o600, Major: 19},
	}
	for n := range disks {
		minor := uint32(n)*p.partitions + 3
		all = append(all,
			ffs.Entry{Path: p.device(n), Mode: fs.ModeDevice | 0o600, Major: 19, Minor: minor},
			ffs.Entry{Path: fmt.Sprintf("/dev/rld%dd", n), Mode: char, Major: 69, Minor: minor})
	}
	return all
}

// hostFile is the host's file as an entry.
func hostFile(t *testing.T, path, name string) ffs.Entry {
	t.Helper()
	fi, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return ffs.Entry{Path: path, Mode: 0o755, Size: fi.Size(), Open: opener(name)}
}

// try has NetBSD read, and where the shape says so write, a disk of each
// shape. It returns the disks' paths.
func (p port) try(t *testing.T, limit time.Duration, shapes ...shape) (disks []string) {
	t.Helper()
	netbsdKernel(t, p.arch) // before the work
	all := newDisks(t, shapes, func(i int) string { return p.device(i + 1) })
	views := make([][]trial.File, len(shapes))
	for i, s := range shapes {
		count.run("netbsd-" + p.arch)
		views[i] = read(t, all.paths[i], s.windows())
		check(t, "as written", all.paths[i])
	}
	g, root := p.guest(t, all.jobs)
	for i, r := range g.boot(t, append([]string{root}, all.paths...), limit) {
		t.Run(fmt.Sprint(i, " ", shapes[i]), func(t *testing.T) {
			if r.Error != "" {
				t.Errorf("the guest: %s", r.Error)
			}
			r.Before, r.After = shapes[i].netbsdSees(r.Before), shapes[i].netbsdSees(r.After)
			same(t, "NetBSD against what was to be written", all.specimens[i].expected(t), withoutPlaces(r.Before))
			same(t, "NetBSD against our reader", views[i], r.Before)
			if shapes[i].load != "" {
				compareAfter(t, all.specimens[i], all.paths[i], r)
			}
		})
	}
	check(t, "the guest's root", root)
	return all.paths
}

// netbsdSees leaves out what NetBSD makes up: times of birth in FFSv1.
func (s shape) netbsdSees(all []trial.File) []trial.File {
	return edit(all, func(f *trial.File) {
		if s.version == 1 {
			f.Birth = trial.Time{}
		}
	})
}

// compareAfter compares what the guest says it wrote with what is there.
func compareAfter(t *testing.T, sp *specimen, disk string, r trial.Report) {
	t.Helper()
	check(t, "after the guest wrote", disk)
	view := read(t, disk, sp.shape.windows())
	same(t, "our reader against NetBSD after it wrote", r.After, view)
	compareWrote(t, sp.shape, r.Wrote, view)
	compareKept(t, sp.changeable(), r.Before, view)
	t.Logf("%d files before, %d after; %d files until no inode, %d until no block was left", len(r.Before), len(r.After), r.FullInodes, r.FullSpace)
	if sp.shape.load == trial.Everything && (r.FullInodes == 0 || r.FullSpace == 0) {
		t.Error("the guest did not fill the disk")
	}
}

// compareWrote compares the contents that regular files of one name should
// have with those that they have.
func compareWrote(t *testing.T, s shape, want map[string]trial.Content, got []trial.File) {
	t.Helper()
	seen := 0
	for _, f := range got {
		c, ok := want[f.Path]
		switch {
		case ok:
			seen++
			if sum := sumOf(t, c, c.Size, s.windows()); f.Size != c.Size || f.Sum != sum {
				t.Errorf("%q: %d bytes with sum %x: want %d with %x (%v)", f.Path, f.Size, f.Sum, c.Size, sum, c.Data)
			}
		case f.Mode&0o170000 == 0o100000 && f.Links == 1 && f.Flags&^1 == 0:
			t.Errorf("%q should not be there", f.Path)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d files are not there", len(want)-seen, len(want))
	}
}

// compareKept compares what the guest had to leave alone: all but folders and
// what it was given to change.
func compareKept(t *testing.T, changeable map[string]trial.Content, before, after []trial.File) {
	t.Helper()
	kept := map[string]bool{}
	for _, f := range before {
		_, changed := changeable[f.Path]
		kept[f.Path] = !changed && f.Mode&0o170000 != 0o040000
	}
	other := func(f trial.File) bool { return !kept[f.Path] }
	same(t, "what the guest should leave alone", slices.DeleteFunc(slices.Clone(before), other), slices.DeleteFunc(slices.Clone(after), other))
}

// TestNetBSD tries a choice of shapes on both ports.
func TestNetBSD(t *testing.T) {
	t.Parallel()
	t.Run("i386", func(t *testing.T) {
		t.Parallel()
		i386.try(t, 4*time.Minute,
			shape{version: 1, block: 8192, fragment: 1024, load: trial.Only},
			shape{version: 2, block: 4096, fragment: 512, load: trial.Everything},
			shape{version: 1, block: 8192, fragment: 1024, group: 300, load: trial.Everything},
			shape{version: 2, block: 65536, fragment: 8192},
			shape{version: 1, block: 8192, fragment: 1024, group: 1000, grown: true, load: trial.Everything},
		)
	})
	t.Run("amd64", func(t *testing.T) {
		t.Parallel()
		amd64.try(t, 4*time.Minute,
			shape{version: 2, block: 32768, fragment: 4096, load: trial.Only},
			shape{version: 1, block: 16384, fragment: 2048, load: trial.Everything},
			shape{version: 2, block: 16384, fragment: 2048, group: 200, size: 400 << 20, load: trial.Some},
			shape{version: 2, block: 8192, fragment: 8192},
		)
	})
}

// TestNetBSDAll tries every shape on both ports.
func TestNetBSDAll(t *testing.T) {
	if !soaking() {
		t.Skip("FAKECRACKER_TEST_SOAK is not set")
	}
	t.Parallel()
	for _, p := range []port{i386, amd64} {
		for _, version := range []int{1, 2} {
			var shapes []shape
			for _, c := range common {
				s := shape{version: version, block: c.block, fragment: c.fragment}
				for _, load := range []string{trial.Only, trial.Everything} {
					s.load = load
					shapes = append(shapes, s)
				}
				s.group = 200
				shapes = append(shapes, s)
				s.load, s.size = trial.Some, 800<<20
				shapes = append(shapes, s)
			}
			for half := range slices.Chunk(shapes, 12) {
				t.Run(fmt.Sprintf("%s v%d %d", p.arch, version, half[0].block), func(t *testing.T) {
					t.Parallel()
					p.try(t, 20*time.Minute, half...)
				})
			}
		}
	}
}

// TestNetBSDHuge tries a disk of more than 2 TiB: its sectors take more than
// 32 bits.
func TestNetBSDHuge(t *testing.T) {
	t.Parallel()
	const size = 5 << 39
	s := shape{version: 2, block: 65536, fragment: 8192, size: size, load: trial.Some}
	disks := amd64.try(t, 4*time.Minute, s)
	var far int
	eachInode(t, disks[0], func(_ string, i *ffs.Inode) {
		if i.Size > 0 && i.Direct[0]*int64(s.fragment) > 1<<41 && i.FileMode().IsRegular() {
			far++
		}
	})
	if t.Logf("%d files are beyond 2 TiB", far); far == 0 {
		t.Error("the guest wrote no file beyond 2 TiB")
	}
}

// TestNetBSDBigEndian has NetBSD, which is little-endian here, read and write
// the other byte order, where its kernel was built with FFS_EI.
func TestNetBSDBigEndian(t *testing.T) {
	t.Parallel()
	for _, p := range []port{i386, amd64} {
		t.Run(p.arch, func(t *testing.T) {
			t.Parallel()
			if kernel := netbsdKernel(t, p.arch); !hasSymbol(t, kernel, "ffs_sb_swap") {
				count.skip(p.arch+" big-endian", "the kernel has no FFS_EI")
				t.Skipf("%s: it was built without FFS_EI, or its symbols are gone", kernel)
			}
			p.try(t, 4*time.Minute,
				shape{version: 1, block: 8192, fragment: 1024, big: true, group: 300, load: trial.Everything},
				shape{version: 2, block: 16384, fragment: 2048, big: true, load: trial.Everything},
			)
		})
	}
}

func hasSymbol(t *testing.T, kernel, name string) bool {
	t.Helper()
	f, err := elf.Open(kernel)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Fatal(err)
	}
	return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
}

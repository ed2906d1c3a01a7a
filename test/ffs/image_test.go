package ffs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// write writes entries as an image into dir and returns its path.
func write(t *testing.T, dir, name string, entries []ffs.Entry, o ffs.Options) string {
	t.Helper()
	layout, err := ffs.Plan(entries, o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := layout.Write(t.Context(), f, 0); errors.Is(err, syscall.EFBIG) {
		t.Skipf("no sparse files of %d bytes here: %v", layout.Size(), err)
	} else if err != nil {
		t.Fatal(err)
	}
	s := layout.Superblock()
	t.Logf("%s: %d bytes, %d groups of %d fragments and %d inodes", name, layout.Size(), s.Groups, s.FragsPerGroup, s.InodesPerGroup)
	return f.Name()
}

// write writes the specimen as an image of its shape.
func (p *specimen) write(t *testing.T, dir, name string) string {
	t.Helper()
	o := p.shape.options()
	if !p.shape.grown {
		return write(t, dir, name, p.entries, o)
	}
	layout, err := ffs.Plan(p.entries, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Free, o.Inodes, o.Size = 0, 0, 0
	image := write(t, dir, name, p.entries, o)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := ffs.Grow(t.Context(), f, 0, layout.Size()); err != nil {
		t.Fatal(err)
	}
	return image
}

// disks are specimens, written as images, and what a guest is to do with
// each.
type disks struct {
	specimens []*specimen
	paths     []string
	jobs      []trial.Job
}

// newDisks makes a disk of each shape; device is its name in the guest.
func newDisks(t *testing.T, shapes []shape, device func(i int) string) disks {
	t.Helper()
	dir := t.TempDir()
	var d disks
	for i, s := range shapes {
		sp := newSpecimen(t, s)
		d.specimens = append(d.specimens, sp)
		d.paths = append(d.paths, sp.write(t, dir, fmt.Sprintf("%d-%s", i, s)))
		d.jobs = append(d.jobs, s.job(device(i), sp.changeable()))
	}
	return d
}

// check is fsck.
func check(t *testing.T, what, image string) {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	findings, err := ffs.Check(t.Context(), f, fi.Size())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for i, finding := range findings {
		if i == 10 {
			t.Fatalf("%s: and %d more", what, len(findings)-i)
		}
		t.Errorf("%s: %v", what, finding)
	}
}

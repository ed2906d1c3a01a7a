// Package partition finds the partitions of a disk image, and writes the
// tables of one with a single partition around a root file system.
//
// It knows disks without a table, master boot records (MBR), NetBSD's
// disklabels (disklabel(5)), also inside of an MBR partition, and GUID
// partition tables (GPT, chapter 5 of the UEFI specification). Where a disk
// has several of them it takes the one that a NetBSD kernel goes by
// (sys/kern/subr_disk_mbr.c, sys/dev/dkwedge/dkwedge_gpt.c).
package partition

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Scheme is a way to divide a disk.
type Scheme string

// The schemes.
const (
	Bare      Scheme = "bare"      // no table: the whole disk is one file system
	MBR       Scheme = "mbr"       // without a disklabel in it
	Disklabel Scheme = "disklabel" // NetBSD's, in an MBR partition or at the disk's start
	GPT       Scheme = "gpt"
)

// A Table is what a disk is divided into.
type Table struct {
	Scheme     Scheme      `json:"scheme"`
	Partitions []Partition `json:"partitions"` // in the table's order, unused ones left out
	// Backup says that a GPT's first copy is damaged, and that this is from
	// the one at the disk's end.
	Backup bool `json:"backup,omitempty"`
}

// A Partition is a range of a disk, inside of it for certain.
type Partition struct {
	// ID is a letter in a disklabel, a number from 1 on in an MBR or GPT, and
	// empty for a bare disk.
	ID string `json:"id,omitempty"`
	// Name of a GPT partition, in NetBSD its wedge's too, as it stands in the
	// table: it may have control characters in it.
	Name   string `json:"name,omitempty"`
	Type   Type   `json:"type,omitempty"` // by the table; unknown of a bare disk
	Offset int64  `json:"offset"`         // bytes from the disk's start
	Size   int64  `json:"size"`           // bytes
}

// Type is what a table says is in a partition: one of the words below, which
// are NetBSD's (DKW_PTYPE in sys/sys/disk.h), or the table's own number.
type Type string

// Types that are known by a word in every scheme.
const (
	FFS   Type = "ffs"
	Swap  Type = "swap"
	FAT   Type = "msdos"
	Linux Type = "ext2fs" // any of Linux's
	NTFS  Type = "ntfs"
	LFS   Type = "lfs"
	RAID  Type = "raidframe"
	CCD   Type = "ccd"
	CGD   Type = "cgd"
	ZFS   Type = "zfs"
)

const (
	sectorSize = 512 // bytes, of the disks that we write
	bigSector  = 4096
)

// Find returns the partitions of the disk of size bytes that r reads. A disk
// that has no table is Bare, whatever is in it; an error says that a table is
// damaged, or names places outside of the disk.
func Find(r io.ReaderAt, size int64) (Table, error) {
	d := disk{r: r, size: size}
	for _, find := range []func(disk) (Table, error){findGPT, findMBR, findLabel} {
		t, err := find(d)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, errNone) {
			return Table{}, err
		}
	}
	return Table{Scheme: Bare, Partitions: []Partition{{Size: size}}}, nil
}

// errNone says that a disk has no table of the kind.
var errNone = errors.New("no such table")

// A disk is read with its size in mind.
type disk struct {
	r    io.ReaderAt
	size int64 // bytes
}

// read returns n bytes at offset off, or errNone if the disk ends before.
func (d disk) read(off int64, n int) ([]byte, error) {
	if off < 0 || off > d.size-int64(n) {
		return nil, errNone
	}
	b := make([]byte, n)
	if got, err := d.r.ReadAt(b, off); got < n {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, off, err)
	}
	return b, nil
}

// span returns the place of count sectors from the sector start on, if that
// is inside of the disk.
func (d disk) span(start, count uint64, sector int64) (off, size int64, err error) {
	all := uint64(d.size / sector)
	if start > all || count > all-start {
		return 0, 0, fmt.Errorf("sectors %d to %d of %d bytes lie outside of a disk of %d bytes: is it cut short?", start, start+count-1, sector, d.size)
	}
	return int64(start) * sector, int64(count) * sector, nil
}

// Pick returns the partition with the ID or the name want. Without one it
// returns the only FFS partition, or else the only partition.
func (t Table) Pick(want string) (Partition, error) {
	match := func(p Partition) bool { return p.ID == want || p.Name == want }
	if want == "" {
		match = func(p Partition) bool { return p.Type == FFS || len(t.Partitions) == 1 }
	}
	var found []Partition
	for _, p := range t.Partitions {
		if match(p) {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case want != "" && len(found) == 0:
		return Partition{}, fmt.Errorf("no partition %q (there are: %s)", want, t)
	case len(found) == 0:
		return Partition{}, fmt.Errorf("no partition is known to be an FFS; name one of: %s", t)
	}
	return Partition{}, fmt.Errorf("%d partitions may be meant; name one of: %s", len(found), t)
}

// String lists the partitions in one line.
func (t Table) String() string {
	if len(t.Partitions) == 0 {
		return "none"
	}
	var all []string
	for _, p := range t.Partitions {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

// String tells a partition in a few words.
func (p Partition) String() string {
	words := p.ID
	if p.Name != "" {
		words += fmt.Sprintf(" %q", p.Name)
	}
	if p.Type != "" {
		words += fmt.Sprintf(" (%s)", p.Type)
	}
	if words == "" {
		return "the whole disk"
	}
	return strings.TrimSpace(words)
}

package ffs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Finding is one fault of a file system, as Check reports it.
type Finding struct {
	// Where it is: "superblock fs_bmask", "inode 1234 (/usr/bin/env)", "group 3".
	Where string
	// Problem says what was found there and what was expected.
	Problem string
}

// String is the finding in one line.
func (f Finding) String() string { return f.Where + ": " + f.Problem }

// maxFindings bounds the findings of one Check: it stops there and says so.
const maxFindings = 1000

// errEnough ends a check that goes no further: there are too many faults, or
// one that makes the rest unreadable. It never leaves the package.
var errEnough = errors.New("checked enough")

// Check makes the read-only passes of fsck_ffs(8) over the file system that
// begins at r's beginning, in an image (or partition) of size bytes, and
// returns what it finds: nothing for a sound one. It compares the superblock
// with its copies and with what its other fields make of each field, every
// inode with its blocks, the directories with the inodes and their link
// counts, and the groups' maps and summaries with what is in use.
//
// An error means that there is no file system in r, that r could not be read,
// or that ctx ended, never that the file system is damaged. After 1000
// findings Check stops, and the last one says so.
//
// Check trusts nothing that it reads. Its memory follows what is in use: 8
// bytes for each inode of groups with files, a bit for each fragment of groups
// with data, and up to 32 MiB for the names of a huge folder.
func Check(ctx context.Context, r io.ReaderAt, size int64) ([]Finding, error) {
	c := &checker{
		r:      io.NewSectionReader(r, 0, size),
		size:   size,
		claims: map[uint32][]byte{},
		inodes: map[uint32][]inodeState{},
		dirs:   map[uint32]*dirState{},
	}
	for _, pass := range []func(context.Context) error{
		c.openSuperblock,
		c.checkSuperblock,
		c.checkInodes,
		c.checkDirs,
		c.checkTree,
		c.checkLinks,
		c.checkGroups,
		c.checkTotals,
	} {
		if err := pass(ctx); errors.Is(err, errEnough) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	return c.findings(ctx)
}

// A checker is one run of Check.
type checker struct {
	r     io.ReaderAt
	size  int64
	s     *Superblock
	order binary.ByteOrder

	faults []fault
	// claims has a bitmap of fragments in use for each group with any beside
	// its metadata, see claimed.
	claims map[uint32][]byte
	// inodes has the inodes of each group that has one in use.
	inodes map[uint32][]inodeState
	// dirs has all folders, dirList their numbers in order.
	dirs    map[uint32]*dirState
	dirList []uint32
	// dubious is how many bytes were read of folders that claim others' blocks.
	dubious int64
	names   nameSet

	total    TotalSummary
	empty    *group // a group that nothing is in, see expectedGroup
	raw      []byte // a group's bytes
	indirect [indirects][]byte
}

// A fault is a Finding before the inode's name is known.
type fault struct {
	where   string
	ino     uint32 // 0 where it is none of an inode
	problem string
}

// report notes a fault at a place that is no inode.
func (c *checker) report(where, format string, args ...any) {
	c.note(fault{where: where, problem: fmt.Sprintf(format, args...)})
}

// reportInode notes a fault of an inode.
func (c *checker) reportInode(ino uint32, format string, args ...any) {
	c.note(fault{ino: ino, problem: fmt.Sprintf(format, args...)})
}

func (c *checker) note(f fault) {
	if len(c.faults) < maxFindings {
		c.faults = append(c.faults, f)
	}
}

// next says whether a pass may go on.
func (c *checker) next(ctx context.Context) error {
	if len(c.faults) >= maxFindings {
		return errEnough
	}
	return ctx.Err()
}

// read fills b from the offset at. What lies beyond the image's end is a
// fault at the place that where and ino name, and ok false.
func (c *checker) read(b []byte, at int64, where string, ino uint32) (ok bool, err error) {
	err = readFull(c.r, b, at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.note(fault{where: where, ino: ino, problem: fmt.Sprintf("%d bytes at %d are beyond the image's end at %d", len(b), at, c.size)})
		return false, nil
	}
	return false, fmt.Errorf("read %d bytes at %d: %w", len(b), at, err)
}

// findings gives the faults their inodes' names.
func (c *checker) findings(ctx context.Context) ([]Finding, error) {
	paths, err := c.paths(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, f := range c.faults {
		if f.ino != 0 {
			f.where = fmt.Sprintf("inode %d", f.ino)
			if p := paths[f.ino]; p != "" {
				f.where += " (" + p + ")"
			}
		}
		found = append(found, Finding{Where: f.where, Problem: f.problem})
	}
	if len(found) >= maxFindings {
		found = append(found, Finding{Where: "check", Problem: fmt.Sprintf("stopped after %d findings, there may be more", maxFindings)})
	}
	return found, nil
}

// groupName is how findings call a group.
func groupName(g uint32) string { return fmt.Sprintf("group %d", g) }

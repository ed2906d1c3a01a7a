// Package makefs makes an image of a file system from folders, with the
// options and the specification files of NetBSD's makefs(8). It is what the
// verb "makefs" does; the image itself is made by package ffs.
//
// It differs from makefs(8) where that would make two runs differ, or files
// wrong: a file has one time, that of its last modification; what a
// specification says of a file's size must be so; FFSv2 has its superblock
// where newfs(8) puts it. An image is there whole or not at all, and its
// holes take no room.
package makefs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
)

// Options say what to make of what. Defaults returns those of makefs(8).
type Options struct {
	// Image is the file or disk to write.
	Image string
	// Dirs are the folders whose files go into the image: the first, and
	// others that are merged into it.
	Dirs []string
	// Replace lets a file of a later folder take the place of one of the
	// same path.
	Replace bool

	// Spec is an mtree(8) specification; "" is none.
	Spec string
	// OnlySpec leaves out all files that the specification does not name.
	OnlySpec bool
	// Users is a folder with master.passwd and group, where the
	// specification's names are looked up; "" stands for the host's own.
	Users string

	// FS are the file system's options, without Inodes: Density is of the
	// whole file system here.
	FS ffs.Options
	// FreeFiles and FreeFilesPercent are how many more files shall have an
	// inode: a number, and percent of those that are there. With Density
	// there may be more.
	FreeFiles        int64
	FreeFilesPercent int
	// Extent is the length in bytes of the clusters that the kernel looks
	// for, if it is more than 64 KiB.
	Extent int
	// GroupFragments bounds the size of cylinder groups in fragments.
	GroupFragments int
	// Offset is where in Image the file system begins. What is before and
	// behind it in an existing file stays.
	Offset int64

	// Timestamp is the time of all files whose time the specification does
	// not give. Zero leaves them theirs.
	Timestamp time.Time
	// Now is the time of files that only the specification knows, if neither
	// it nor Timestamp says one.
	Now time.Time
}

// Defaults returns the options of makefs(8) without any: FFSv1, blocks of
// 8 KiB, a reserve of 5 %, and inodes for the files that there are.
func Defaults() Options {
	return Options{FS: ffs.Options{Version: 1, MinFree: 5}}
}

// A Result is what was made.
type Result struct {
	Size  int64 // of the image in bytes, from where the file system begins
	Files int   // names in it, the root's included
}

// Run makes the image.
func Run(ctx context.Context, o Options) (Result, error) {
	if len(o.Dirs) == 0 {
		return Result{}, errors.New("no folder to make the image of")
	}
	t, err := readDirs(o.Dirs, o.Replace)
	if err != nil {
		return Result{}, err
	}
	if !o.Timestamp.IsZero() {
		t.setTimes(o.Timestamp)
	}
	if o.Spec != "" {
		if err := t.applySpec(&o); err != nil {
			return Result{}, err
		}
	}
	t.dropSockets()
	entries := t.entries()
	layout, err := ffs.Plan(entries, o.planned(entries))
	if err != nil {
		return Result{}, fmt.Errorf("make %s: %w", o.Image, err)
	}
	// A file system ends with a whole group; the image is as long as asked for.
	w := image{layout: layout, offset: o.Offset, size: max(layout.Size(), o.FS.Size, o.FS.MinSize)}
	return Result{Size: w.size, Files: len(entries)}, w.write(ctx, o.Image)
}

// Sizes that makefs(8) begins with, from newfs(8) of its time.
const (
	defaultBlock    = 8 << 10
	defaultFragment = 1 << 10
	maxFragments    = 8        // in a block
	cluster         = 64 << 10 // bytes: what MaxContig stands for (MAXPHYS)
	maxCluster      = 16       // blocks (FS_MAXCONTIG)
)

// planned returns the file system's options with makefs(8)'s defaults.
func (o *Options) planned(entries []ffs.Entry) ffs.Options {
	f := o.FS
	f.BlockSize, f.FragmentSize = blockSizes(f)
	f.Inodes, f.Density = o.inodes(entries), 0
	if f.MaxBlocksPerFile == 0 {
		f.MaxBlocksPerFile = f.BlockSize / 4
	}
	if o.Extent > f.BlockSize {
		f.MaxContig = min(max(cluster, o.Extent)/f.BlockSize, maxCluster)
	}
	if o.GroupFragments > 0 {
		f.MaxBlocksPerGroup = max(1, o.GroupFragments/(f.BlockSize/f.FragmentSize))
	}
	if f.Time.IsZero() {
		f.Time = o.Timestamp
	}
	return f
}

// blockSizes returns the sizes of blocks and fragments.
func blockSizes(f ffs.Options) (block, fragment int) {
	block, fragment = f.BlockSize, f.FragmentSize
	if fragment == 0 {
		fragment = max(defaultFragment, f.SectorSize)
		if block != 0 { // makefs fails for blocks of more than 8 KiB here
			fragment = min(max(fragment, block/maxFragments), block)
		}
	}
	if block == 0 {
		block = max(min(defaultBlock, maxFragments*fragment), fragment)
	}
	return block, fragment
}

// inodes is how many inodes there shall be for more files.
func (o *Options) inodes(entries []ffs.Entry) int64 {
	files := int64(len(entries))
	n := o.FreeFiles + (files+o.FreeFiles)*int64(o.FreeFilesPercent)/100
	if o.FS.Density > 0 {
		size := o.FS.Free
		for i := range entries {
			size += entries[i].Size
		}
		size = max(size, o.FS.Size, o.FS.MinSize)
		n = max(n, size/int64(o.FS.Density)-files)
	}
	return max(n, 1)
}

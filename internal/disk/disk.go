// Package disk derives the disks that a machine boots with: the root disk
// made of an image's files (FFS for NetBSD, ext4 for Linux), a private
// writable layer over it, and the small disk that carries a guest's
// configuration.
//
// A root disk is a bare file system, or one in a partition (Layout). It is a
// cache entry: the same image gives the same disk, which is never written
// after it was made, and can be thrown away at any time. Its bytes are checked
// once, as they are written: of a disk that is found in the cache only the
// tables and the superblock are compared with the file. Disks that were not used
// for a month go when a new one is made, and so do the longest unused where
// all take more than 8 GiB. Nothing here needs root.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// The file systems that a root disk can have.
const (
	FFS  = "ffs"  // written by package ffs, as Layout says
	Ext4 = "ext4" // without a journal: a guest's layer is thrown away with it
)

// Options say how a root disk is derived. All but Dir may be zero.
type Options struct {
	// Dir is the cache folder for derived disks. It is made if missing.
	Dir string
	// Free is the room left for the guest to write in.
	Free Free
	// Layout of a NetBSD disk.
	Layout Layout
	// Extra entries are put over the image's files, through the symbolic
	// links among them: the agent as /sbin/init. They need a Digest as all
	// files do; for one that has only Data it is computed on each call.
	Extra []tree.Entry
	// NotAfter, if set, replaces all later modification times, as
	// SOURCE_DATE_EPOCH asks.
	NotAfter time.Time
	// Progress is told how many of the files' bytes were copied. It is
	// called from one goroutine at a time, not at all for a disk found in the
	// cache.
	Progress func(done, total int64)
}

// Free is how much room a disk has beyond its files: the larger of the two.
// The zero value stands for the larger of 64 MiB and 25 %.
type Free struct {
	Bytes   int64
	Percent int // of the files' sizes
}

// DefaultFree is the least room that a disk has of which nothing else is said,
// in bytes.
const DefaultFree = 64 << 20

func (f Free) orDefault() Free {
	if f == (Free{}) {
		return Free{Bytes: DefaultFree, Percent: 25}
	}
	return f
}

// of returns the room in bytes for files of size bytes.
func (f Free) of(size int64) int64 { return max(f.Bytes, size/100*int64(f.Percent)) }

// A Disk is a derived root disk.
type Disk struct {
	Path    string        `json:"path"`    // mode 0444, sparse, in Options.Dir
	Digest  string        `json:"digest"`  // of what it was made from, not of its bytes: "sha256:" and hex
	Size    int64         `json:"size"`    // bytes, holes included
	FS      string        `json:"fs"`      // FFS or Ext4
	Root    string        `json:"root"`    // what the kernel's root= says: "ld0a", "NAME=nginxroot", "/dev/vda"
	Cached  bool          `json:"cached"`  // it was there already
	Elapsed time.Duration `json:"elapsed"` // what Derive took
}

// Derive returns the root disk of img, made now if it is not in the cache.
// Callers at the same time, in this process or others, make it once. After an
// error, a cancelled ctx or a full disk, nothing is left behind; what a killed
// process left is removed by the next call that makes a disk.
func Derive(ctx context.Context, img image.Image, o Options) (Disk, error) {
	start := time.Now()
	d, err := derive(ctx, img, o)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w (make room in %s, or ask for less free space)", err, o.Dir)
		}
		return Disk{}, fmt.Errorf("derive the disk of %s: %w", img.Name, err)
	}
	d.Elapsed = time.Since(start)
	return d, nil
}

func derive(ctx context.Context, img image.Image, o Options) (Disk, error) {
	k, err := newKey(img, o)
	if err != nil {
		return Disk{}, err
	}
	path := filepath.Join(o.Dir, k.digest+suffix)
	if d, err := k.open(path); err == nil {
		d.Cached = true
		touch(path)
		return d, nil
	}
	p, err := newPlan(k, img, o)
	if err != nil {
		return Disk{}, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return Disk{}, err
	}
	room, err := claim(ctx, o.Dir, p.digest)
	if err != nil {
		return Disk{}, err
	}
	d, err := p.make(ctx, room, path)
	return d, errors.Join(err, room.release())
}

// make writes the disk in room, checks it, and moves it to path.
func (p *plan) make(ctx context.Context, room *workroom, path string) (Disk, error) {
	if d, err := p.open(path); err == nil { // another's, while we waited
		d.Cached = true
		return d, nil
	}
	raw := filepath.Join(room.dir, "disk.raw")
	write := writeExt4
	if p.fs == FFS {
		write = writeFFS
	}
	if err := write(ctx, p, raw); err != nil {
		return Disk{}, err
	}
	d, err := p.open(raw)
	if err != nil {
		return Disk{}, fmt.Errorf("read back what was written: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return Disk{}, err
	}
	d.Path = path
	if err := publish(raw, path); err != nil {
		return Disk{}, err
	}
	// To make room is a courtesy: what can't be removed now, a later call may.
	_ = keepDisks.evict(filepath.Dir(path))
	return d, nil
}

// open describes the disk at path after a look at its tables and superblock:
// one that is cut short or isn't a file system is as good as none.
func (k key) open(path string) (Disk, error) {
	f, err := os.Open(path)
	if err != nil {
		return Disk{}, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return Disk{}, err
	}
	if !fi.Mode().IsRegular() {
		return Disk{}, fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	root, err := k.root(f, fi.Size())
	if err != nil {
		return Disk{}, fmt.Errorf("%s: %w", path, err)
	}
	size, err := fsSize(root, k.fs)
	if err != nil {
		return Disk{}, fmt.Errorf("%s: %w", path, err)
	}
	if size > root.Size() {
		return Disk{}, fmt.Errorf("%s: the file system has %d bytes, its place only %d", path, size, root.Size())
	}
	return Disk{Path: path, Digest: "sha256:" + k.digest, Size: fi.Size(), FS: k.fs, Root: k.layout.boot(k.fs)}, nil
}

// publish makes the file at raw durable and read-only, and moves it to path.
func publish(raw, path string) error {
	f, err := os.Open(raw)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", raw, err)
	}
	if err := os.Rename(raw, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

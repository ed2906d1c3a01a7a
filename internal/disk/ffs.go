package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// writeFFS makes a disk with an FFS at raw.
func writeFFS(ctx context.Context, p *plan, raw string) error {
	src := &sources{ctx: ctx}
	layout, err := ffs.Plan(p.ffsEntries(src), p.ffsOptions())
	if err != nil {
		return err
	}
	around, err := p.around(layout.Size())
	if err != nil {
		return err
	}
	f, err := os.OpenFile(raw, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = writeAround(ctx, f, around, layout)
	if err == nil {
		err = src.unchanged()
	}
	return errors.Join(err, f.Close())
}

// writeAround writes the file system and the tables around it into f.
func writeAround(ctx context.Context, f *os.File, around partition.Single, layout *ffs.Layout) error {
	if err := layout.Write(ctx, f, around.Offset()); err != nil {
		return err
	}
	if err := f.Truncate(around.DiskSize()); err != nil {
		return err
	}
	return around.Write(f)
}

// ffsOptions returns what the file system is like. MinFree is 0 because the
// disk has one service, for which a reserve of root's is lost room.
func (p *plan) ffsOptions() ffs.Options {
	o := ffs.Options{
		Version: p.layout.Version, Order: binary.LittleEndian, BlockSize: p.layout.BlockSize,
		MaxSize: maxSize, Free: p.free, Inodes: p.free/(16<<10) + 64, OptimizeSpace: true, Progress: p.progress,
	}
	if p.layout.BigEndian {
		o.Order = binary.BigEndian
	}
	return o
}

func (p *plan) ffsEntries(src *sources) []ffs.Entry {
	all := make([]ffs.Entry, len(p.entries))
	for i, e := range p.entries {
		all[i] = Entry(e)
		if e.Type == tree.File {
			all[i].Open = func() (io.ReadCloser, error) { return src.open(e) }
		}
	}
	return all
}

// Entry is e as package ffs has it.
func Entry(e tree.Entry) ffs.Entry {
	f := ffs.Entry{
		Path: e.Path, Mode: fileMode(e), UID: e.UID, GID: e.GID, ModTime: e.ModTime,
		Major: e.Major, Minor: e.Minor, Size: e.Size,
	}
	switch e.Type {
	case tree.File:
		f.Open = func() (io.ReadCloser, error) { return e.Open() }
	case tree.Symlink:
		f.Target = e.Link
	case tree.Hardlink:
		f.Hardlink = e.Link
	}
	return f
}

var modeTypes = map[tree.Type]fs.FileMode{
	tree.Dir: fs.ModeDir, tree.Symlink: fs.ModeSymlink, tree.FIFO: fs.ModeNamedPipe, tree.Socket: fs.ModeSocket,
	tree.Char: fs.ModeDevice | fs.ModeCharDevice, tree.Block: fs.ModeDevice,
}

// fileMode returns an entry's type and mode as io/fs has them.
func fileMode(e tree.Entry) fs.FileMode {
	mode := modeTypes[e.Type] | fs.FileMode(e.Mode&0o777)
	for _, bit := range [...]struct {
		unix uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if e.Mode&bit.unix != 0 {
			mode |= bit.mode
		}
	}
	return mode
}

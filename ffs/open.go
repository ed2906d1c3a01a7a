package ffs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// An FS is a file system that was opened for reading. It is an [fs.FS],
// [fs.ReadDirFS], [fs.ReadFileFS], [fs.StatFS] and [fs.ReadLinkFS], and may be
// used by several goroutines. What it reads must not change meanwhile.
//
// Names are those of io/fs: without a slash at the beginning, "." for the
// root. Only, they need not be UTF-8, since the names of FFS are bytes. Open,
// Stat, ReadFile and ReadDir follow symbolic links within the image, absolute
// ones from its root. Errors are of type *[fs.PathError]. Sys() of a FileInfo
// is the *[Inode].
type FS struct {
	r      io.ReaderAt
	sb     *Superblock
	order  binary.ByteOrder
	blocks blockCache
	dirs   dirCache
}

// Open opens the file system that begins at r's beginning: of either version
// and byte order, with the superblock of before 2003 or after. It reads the
// superblock and the root's inode, and checks that r goes up to the file
// system's end. A journal that was not replayed is not looked at.
func Open(r io.ReaderAt) (*FS, error) {
	f, err := open(r)
	if err != nil {
		return nil, fmt.Errorf("open FFS: %w", err)
	}
	return f, nil
}

func open(r io.ReaderAt) (*FS, error) {
	sb, order, err := findSuperblock(r)
	if err != nil {
		return nil, err
	}
	f := &FS{r: r, sb: sb, order: order}
	if err := readFull(r, make([]byte, 1), sb.Bytes()-1); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("the image ends before its file system of %d bytes does: %w", sb.Bytes(), io.ErrUnexpectedEOF)
		}
		return nil, err
	}
	root, err := f.inode(rootIno)
	if err != nil {
		return nil, err
	}
	if root.kind() != typeDir {
		return nil, fmt.Errorf("inode %d: the root is no directory: mode %#o", rootIno, root.Mode)
	}
	return f, nil
}

// Superblock returns a copy of the superblock.
func (f *FS) Superblock() *Superblock {
	sb := *f.sb
	return &sb
}

// ByteOrder is that of all structures on the disk.
func (f *FS) ByteOrder() binary.ByteOrder { return f.order }

// errUnused is what a name leads to that stands for no file.
var errUnused = errors.New("not in use")

// inode reads the inode of a file, and checks that its size is possible.
func (f *FS) inode(ino uint32) (*Inode, error) {
	if ino < rootIno || int64(ino) >= f.sb.inodes() {
		return nil, fmt.Errorf("inode %d: want %d to %d", ino, rootIno, f.sb.inodes()-1)
	}
	g, n := ino/f.sb.InodesPerGroup, ino%f.sb.InodesPerGroup
	perBlock := f.sb.InodesPerBlock
	b, err := f.block(f.sb.inodesAt(g) + int64(n/perBlock)*int64(f.sb.FragsPerBlock))
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	size := uint32(f.sb.inodeSize())
	i := decodeInode(f.sb, f.order, ino, b[n%perBlock*size:][:size])
	if i.kind() == 0 {
		return nil, fmt.Errorf("inode %d: %w", ino, errUnused)
	}
	if most := f.maxSize(i); i.hasData() && i.Size > uint64(most) {
		return nil, fmt.Errorf("inode %d: size %d: at most %d is possible", ino, i.Size, most)
	}
	return i, nil
}

// maxSize is how large a file of i's type can be at most.
func (f *FS) maxSize(i *Inode) int64 {
	switch i.kind() {
	case typeDir: // has no holes
		return f.sb.Bytes()
	case typeLink:
		return maxTarget
	}
	most := f.sb.treeBlocks() << f.sb.BlockShift
	if limit := f.sb.MaxFileSize; limit > 0 && limit < uint64(most) {
		return int64(limit)
	}
	return most
}

// Stat describes the file that name leads to.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat is Stat, but describes a symbolic link itself.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	i, err := f.resolve(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return fileInfo{baseName(name), i}, nil
}

// ReadLink returns what the symbolic link at name says.
func (f *FS) ReadLink(name string) (string, error) {
	i, err := f.resolve(name, false)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	target, err := f.target(i)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// Open opens the file that name leads to; what it returns is a *[File].
// Devices, FIFOs and sockets are empty, snapshots of the file system can't be
// read.
func (f *FS) Open(name string) (fs.File, error) {
	i, err := f.resolve(name, true)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &File{fs: f, name: name, inode: i}, nil
}

// MaxReadFile is how many bytes ReadFile reads at most. It is no share of the
// image's size: a file's holes take nothing of that, nor do the holes that an
// image itself may have.
const MaxReadFile = 1 << 30

// ReadFile returns a regular file's contents. Files larger than [MaxReadFile]
// are refused: Open reads them piece by piece.
func (f *FS) ReadFile(name string) ([]byte, error) {
	b, err := f.readFile(name)
	if err != nil {
		return nil, &fs.PathError{Op: "readfile", Path: name, Err: err}
	}
	return b, nil
}

func (f *FS) readFile(name string) ([]byte, error) {
	i, err := f.resolve(name, true)
	if err != nil {
		return nil, err
	}
	size, err := i.contents()
	if err != nil {
		return nil, err
	}
	if size > MaxReadFile {
		return nil, fmt.Errorf("a file of %d bytes is too large to be read whole: at most %d", size, MaxReadFile)
	}
	b := make([]byte, size)
	return b, f.readAt(i, b, 0)
}

// ReadDir returns what the directory at name holds, sorted by name. Of a
// damaged one it returns what could be read, and an error.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	i, err := f.resolve(name, true)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	d, err := f.directory(i)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries := make([]fs.DirEntry, len(d.entries))
	for n, e := range d.entries {
		entries[n] = f.dirEntry(e)
	}
	if d.err != nil {
		return entries, &fs.PathError{Op: "readdir", Path: name, Err: d.err}
	}
	return entries, nil
}

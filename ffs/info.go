package ffs

import (
	"io/fs"
	"time"
)

// A fileInfo is an fs.FileInfo; Sys gives the *Inode.
type fileInfo struct {
	name  string
	inode *Inode
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Mode() fs.FileMode  { return i.inode.FileMode() }
func (i fileInfo) ModTime() time.Time { return i.inode.ModTime }
func (i fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i fileInfo) Sys() any           { return i.inode }
func (i fileInfo) String() string     { return fs.FormatFileInfo(i) }

// Size is 0 of what has no contents, whatever stands in the inode.
func (i fileInfo) Size() int64 {
	switch i.inode.kind() {
	case typeRegular, typeDir, typeLink:
		return int64(i.inode.Size)
	}
	return 0
}

// A dirEntry is an fs.DirEntry, whose inode is read when it is asked for.
type dirEntry struct {
	fs   *FS
	name string
	ino  uint32
	kind fs.FileMode
}

func (e dirEntry) Name() string      { return e.name }
func (e dirEntry) IsDir() bool       { return e.kind.IsDir() }
func (e dirEntry) Type() fs.FileMode { return e.kind }
func (e dirEntry) String() string    { return fs.FormatDirEntry(e) }

func (e dirEntry) Info() (fs.FileInfo, error) {
	i, err := e.fs.inode(e.ino)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: e.name, Err: err}
	}
	return fileInfo{e.name, i}, nil
}

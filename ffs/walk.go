package ffs

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
)

// Entries returns all that the image holds as [Plan] takes it, the root
// first, folders before what is in them, names in the order of their bytes.
// Of a file with several names all but the first are hard links. What an
// entry's Open returns is a *[File]; that of a snapshot (SF_SNAPSHOT) returns
// an error.
//
// What can't be read comes as an error, with the Path where that is, and the
// walk goes on with the rest if it is allowed to.
func (f *FS) Entries() iter.Seq2[Entry, error] { return f.Walk(".") }

// Walk is Entries for the file or folder at name. Paths are those in the
// image; hard links refer only to what is there too. Of a symbolic link
// itself it makes an entry.
func (f *FS) Walk(name string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		at := "/"
		if name != "." {
			at += name
		}
		i, err := f.resolve(name, false)
		if err != nil {
			yield(Entry{Path: at}, &fs.PathError{Op: "walk", Path: name, Err: err})
			return
		}
		w := walk{fs: f, yield: yield, dirs: map[uint32]bool{}, names: map[uint32]string{}}
		w.file(at, i, 0)
	}
}

type walk struct {
	fs    *FS
	yield func(Entry, error) bool
	dirs  map[uint32]bool   // folders that were there
	names map[uint32]string // first paths of files with several names
}

// file yields i, and what is in it; false ends the walk.
func (w *walk) file(at string, i *Inode, depth int) bool {
	if i.kind() == typeDir {
		return w.dir(at, i, depth)
	}
	if first, ok := w.names[i.Number]; ok {
		return w.yield(Entry{Path: at, Hardlink: first}, nil)
	}
	e, err := w.fs.entry(at, i)
	if err != nil {
		return w.fail(at, err)
	}
	if i.Links > 1 {
		w.names[i.Number] = at
	}
	return w.yield(e, nil)
}

func (w *walk) dir(at string, i *Inode, depth int) bool {
	switch {
	case w.dirs[i.Number]:
		return w.fail(at, fmt.Errorf("inode %d: damaged: a directory that has two names", i.Number))
	case depth > maxDepth:
		return w.fail(at, errDeep)
	}
	w.dirs[i.Number] = true
	if e, err := w.fs.entry(at, i); err != nil && !w.fail(at, err) || err == nil && !w.yield(e, nil) {
		return false
	}
	d, err := w.fs.directory(i)
	if err != nil {
		return w.fail(at, err)
	}
	for _, e := range d.entries {
		if !w.child(path.Join(at, e.name), e.ino, depth+1) {
			return false
		}
	}
	return d.err == nil || w.fail(at, d.err)
}

func (w *walk) child(at string, ino uint32, depth int) bool {
	i, err := w.fs.inode(ino)
	if err != nil {
		return w.fail(at, err)
	}
	return w.file(at, i, depth)
}

func (w *walk) fail(at string, err error) bool {
	return w.yield(Entry{Path: at}, &fs.PathError{Op: "walk", Path: at, Err: err})
}

// entry makes the entry of a file that no other path led to.
func (f *FS) entry(at string, i *Inode) (Entry, error) {
	e := Entry{
		Path: at, Mode: i.FileMode(), UID: i.UID, GID: i.GID, Flags: i.Flags,
		ModTime: i.ModTime, AccessTime: i.AccessTime, ChangeTime: i.ChangeTime, BirthTime: i.BirthTime,
	}
	var err error
	switch i.kind() {
	case typeDir, typeFIFO, typeSocket:
	case typeChar, typeBlock:
		e.Major, e.Minor = i.Device()
	case typeLink:
		e.Target, err = f.target(i)
	case typeRegular:
		e.Size = int64(i.Size)
		e.Open = f.opener(at, i.Number)
		if !i.isSnapshot() {
			e.Data, err = f.ranges(i)
		}
	default:
		err = fmt.Errorf("inode %d: unknown type in mode %#o", i.Number, i.Mode)
	}
	return e, err
}

// opener keeps an inode's number only: a walk of a large image makes many.
func (f *FS) opener(at string, ino uint32) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		i, err := f.inode(ino)
		if err == nil {
			_, err = i.contents()
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: at, Err: err}
		}
		return &File{fs: f, name: at, inode: i}, nil
	}
}

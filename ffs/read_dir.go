package ffs

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A directory is what a directory holds but for "." and "..", sorted by name.
type directory struct {
	entries []dirent
	err     error // the first damage; entries has what is sound
}

// cost is what the directory counts in the cache.
func (d *directory) cost() int { return len(d.entries) + 1 }

// dirRead is how much of a directory is read at once.
const dirRead = 128 * dirChunk

// directory reads a directory. An error says that nothing can be read at all.
func (f *FS) directory(i *Inode) (*directory, error) {
	if i.kind() != typeDir {
		return nil, errNotDir
	}
	if d := f.dirs.get(i.Number); d != nil {
		return d, nil
	}
	if err := f.checkDistinct(i); err != nil {
		return nil, err
	}
	d := new(directory)
	buf := make([]byte, min(int64(i.Size), dirRead))
	for at := int64(0); at < int64(i.Size); at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), int64(i.Size)-at)]
		if err := f.readAt(i, buf, at); err != nil {
			return nil, err
		}
		for c := 0; c < len(buf); c += dirChunk {
			if err := d.parse(f, buf[c:min(c+dirChunk, len(buf))]); err != nil && d.err == nil {
				d.err = fmt.Errorf("inode %d, at %d: %w", i.Number, at+int64(c), err)
			}
		}
	}
	d.sort(i)
	f.dirs.put(i.Number, d)
	return d, nil
}

// parse adds the entries of a chunk.
func (d *directory) parse(f *FS, chunk []byte) error {
	for len(chunk) > 0 {
		e, err := decodeDirent(chunk, f.order, f.oldDirs())
		if err != nil {
			return err
		}
		if e.ino > whiteIno && e.name != "." && e.name != ".." {
			d.entries = append(d.entries, e.dirent)
		}
		chunk = chunk[e.reclen:]
	}
	return nil
}

// oldDirs reports whether directories have no types (FSFMT() in the kernel).
func (f *FS) oldDirs() bool { return f.sb.Magic == magic1 && f.sb.MaxInlineTarget <= 0 }

// sort sorts the entries, and finds names that are there twice.
func (d *directory) sort(i *Inode) {
	slices.SortStableFunc(d.entries, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	n := len(d.entries)
	d.entries = slices.CompactFunc(d.entries, func(a, b dirent) bool { return a.name == b.name })
	if len(d.entries) < n && d.err == nil {
		d.err = fmt.Errorf("inode %d: %w: a name is there twice", i.Number, errDirent)
	}
}

// lookup returns the number of the inode that the directory i has under name.
func (f *FS) lookup(i *Inode, name string) (uint32, error) {
	d, err := f.directory(i)
	if err != nil {
		return 0, err
	}
	n, ok := slices.BinarySearchFunc(d.entries, name, func(e dirent, name string) int { return cmp.Compare(e.name, name) })
	switch {
	case ok:
		return d.entries[n].ino, nil
	case d.err != nil:
		return 0, d.err
	}
	return 0, fs.ErrNotExist
}

// dirEntry describes e to io/fs. Where the directory has no type, the inode
// tells it.
func (f *FS) dirEntry(e dirent) fs.DirEntry {
	mode := e.kind
	if mode == 0 {
		if i, err := f.inode(e.ino); err == nil {
			mode = direntKind(i.Mode)
		}
	}
	i := Inode{Mode: uint16(mode) << 12}
	return dirEntry{fs: f, name: e.name, ino: e.ino, kind: i.FileMode().Type()}
}

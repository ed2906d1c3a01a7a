package ffs

import (
	"errors"
	"io"
	"io/fs"
)

// A File is an open file of an image: an [fs.File], [fs.ReadDirFile],
// [io.ReaderAt], [io.Seeker] and [io.WriterTo].
type File struct {
	fs     *FS
	name   string
	inode  *Inode
	off    int64      // of Read and Seek
	dir    *directory // of ReadDir, once that was called
	closed bool
}

// Stat describes the file.
func (f *File) Stat() (fs.FileInfo, error) {
	if f.closed {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	return fileInfo{baseName(f.name), f.inode}, nil
}

// Close ends the use of the file.
func (f *File) Close() error {
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	return nil
}

func (f *File) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// size is how many bytes can be read, or why none can.
func (f *File) size() (int64, error) {
	if f.closed {
		return 0, fs.ErrClosed
	}
	return f.inode.contents()
}

// Read reads from where Seek, or the last Read, ended.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.read("read", p, f.off)
	f.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt reads at the offset off, as [io.ReaderAt] wants it: several may be
// under way.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.fail("readat", fs.ErrInvalid)
	}
	return f.read("readat", p, off)
}

// read fills p from off on, and returns io.EOF where it can't be filled.
func (f *File) read(op string, p []byte, off int64) (int, error) {
	size, err := f.size()
	if err != nil {
		return 0, f.fail(op, err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	left := size - off
	if left <= 0 {
		return 0, io.EOF
	}
	part := p[:min(int64(len(p)), left)]
	if err := f.fs.readAt(f.inode, part, off); err != nil {
		return 0, f.fail(op, err)
	}
	if len(part) < len(p) {
		return len(part), io.EOF
	}
	return len(part), nil
}

// Seek sets where the next Read begins, which may be behind the end.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.closed {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		size, err := f.size()
		if err != nil {
			return 0, f.fail("seek", err)
		}
		offset += size
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.off = offset
	return offset, nil
}

// copyBuffer is how much WriteTo reads at once: larger ones are no faster.
const copyBuffer = 1 << 20

// WriteTo writes what Read would still read to w.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	var done int64
	buf := make([]byte, max(1, min(int64(f.inode.Size)-f.off, copyBuffer)))
	for {
		n, err := f.Read(buf)
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		m, err := w.Write(buf[:n])
		done += int64(m)
		if err != nil {
			return done, err
		}
	}
}

// Ranges returns where a regular file has data, in whole blocks but for its
// end, in ascending order; the rest are holes. It is nil if there are none.
func (f *File) Ranges() ([]Range, error) {
	if size, err := f.size(); err != nil {
		return nil, f.fail("ranges", err)
	} else if size == 0 {
		return nil, nil
	}
	r, err := f.fs.ranges(f.inode)
	if err != nil {
		return nil, f.fail("ranges", err)
	}
	return r, nil
}

// ReadDir returns the next n names of a directory, sorted, or all that are
// left if n is not positive. See [fs.ReadDirFile].
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.closed {
		return nil, f.fail("readdir", fs.ErrClosed)
	}
	if f.dir == nil {
		d, err := f.fs.directory(f.inode)
		if err != nil {
			return nil, f.fail("readdir", err)
		}
		f.dir = d
	}
	rest := f.dir.entries[min(f.off, int64(len(f.dir.entries))):]
	if n > 0 && n < len(rest) {
		rest = rest[:n]
	}
	f.off += int64(len(rest))
	entries := make([]fs.DirEntry, len(rest))
	for k, e := range rest {
		entries[k] = f.fs.dirEntry(e)
	}
	return entries, f.dirEnd(n, len(rest))
}

// dirEnd is the error that ReadDir(n) returns with got entries.
func (f *File) dirEnd(n, got int) error {
	switch {
	case n > 0 && got > 0:
		return nil
	case f.dir.err != nil:
		return f.fail("readdir", f.dir.err)
	case n > 0:
		return io.EOF
	}
	return nil
}

package ffs

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// writeLarge writes a node that is in no run.
func (h *hand) writeLarge(i int32) error {
	n := &h.nodes[i]
	if err := h.writeBlocks(i); err != nil {
		return fmt.Errorf("%s: %w", n.entry.Path, err)
	}
	tree := treeWriter{layout: h.Layout, cursor: n.cursor(h.space), write: h.writeAt}
	return tree.all(n)
}

func (h *hand) writeBlocks(i int32) (err error) {
	n := &h.nodes[i]
	if n.isDir() {
		return h.writePieces(n, &bytesSource{b: h.directoryBytes(i)})
	}
	r, err := n.entry.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	src, err := h.source(r, n.entry.Data != nil)
	if err != nil {
		return err
	}
	if err := h.writePieces(n, src); err != nil {
		return err
	}
	return src.atEnd(n.size)
}

// writePieces copies all that is contiguous on both sides at once.
func (h *hand) writePieces(n *node, src source) error {
	shift := h.super.BlockShift
	block := n.block
	for _, e := range n.extentsOf() {
		for lbn := e.lbn; lbn < e.lbn+e.n; {
			count := min(h.space.contiguous(block), e.lbn+e.n-lbn)
			from := lbn << shift
			if err := h.copy(src, from, min(count<<shift, n.size-from), h.space.address(block)); err != nil {
				return err
			}
			lbn, block = lbn+count, block+count
		}
	}
	if n.tail == 0 {
		return nil
	}
	from := (h.super.blocks(n.size) - 1) << shift
	return h.copy(src, from, n.size-from, h.space.address(n.tailIn)+int64(n.tailFrag))
}

// copy copies n bytes from the source's offset to the address addr, in parts
// small enough to be interrupted between them.
func (h *hand) copy(src source, from, n, addr int64) error {
	const part = 32 << 20
	to := h.offset + h.super.offset(addr)
	for n > 0 {
		if err := h.ctx.Err(); err != nil {
			return err
		}
		size := min(n, part)
		if err := src.copyTo(h.file, to, from, size); err != nil {
			return err
		}
		h.advance(size)
		to, from, n = to+size, from+size, n-size
	}
	return nil
}

// A source is where large contents come from. Parts are asked for in
// ascending order.
type source interface {
	// copyTo copies n bytes from the source's offset from to f's offset to.
	// A source that ends before is an error.
	copyTo(f *os.File, to, from, n int64) error
	// atEnd is an error if the source has other than size bytes.
	atEnd(size int64) error
}

// source makes one of what an entry opened.
func (h *hand) source(r io.Reader, sparse bool) (source, error) {
	if f, ok := r.(osFiler); ok {
		r = f.osFile()
	}
	switch r := r.(type) {
	case *os.File:
		at, err := r.Seek(0, io.SeekCurrent)
		switch {
		case err != nil:
			return &streamSource{r: r, buf: h.buffer(runBytes)}, nil // a pipe
		case !isFile(r):
			return &streamSource{r: r, seek: r, buf: h.buffer(runBytes)}, nil // a disk: stat(2) gives it no size
		}
		return &fileSource{f: r, start: at, buf: h.buffer(runBytes)}, nil
	case io.ReadSeeker:
		return &streamSource{r: r, seek: r, buf: h.buffer(runBytes)}, nil
	}
	if sparse {
		return nil, errors.New("a sparse file's reader must be able to seek")
	}
	return &streamSource{r: r, buf: h.buffer(runBytes)}, nil
}

// A fileSource lets the kernel copy, and where it can't, reads into buf.
type fileSource struct {
	f     *os.File
	start int64 // where in the file the contents begin
	buf   []byte
}

func (s *fileSource) copyTo(f *os.File, to, from, n int64) error {
	done, err := copyRange(f, to, s.f, s.start+from, n)
	if err != nil {
		return err
	}
	for done < n {
		b := s.buf[:min(n-done, int64(len(s.buf)))]
		got, err := s.f.ReadAt(b, s.start+from+done)
		if err != nil && (err != io.EOF || got == 0) {
			return shrunk(err, from+done)
		}
		if _, err := f.WriteAt(b[:got], to+done); err != nil {
			return err
		}
		done += int64(got)
	}
	return nil
}

func (s *fileSource) atEnd(size int64) error {
	fi, err := s.f.Stat()
	if err != nil {
		return err
	}
	return checkLength(fi.Size()-s.start, size)
}

// shrunk turns the end of contents into an error that says what happened.
func shrunk(err error, at int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the file ends after %d bytes: did it shrink meanwhile?", at)
	}
	return err
}

// A streamSource reads in order, and seeks over holes if it can.
type streamSource struct {
	r    io.Reader
	seek io.Seeker
	at   int64
	buf  []byte
}

func (s *streamSource) copyTo(f *os.File, to, from, n int64) error {
	if from != s.at {
		if s.seek == nil {
			return errors.New("a sparse file's reader must be able to seek")
		}
		if _, err := s.seek.Seek(from-s.at, io.SeekCurrent); err != nil {
			return err
		}
		s.at = from
	}
	for n > 0 {
		b := s.buf[:min(n, int64(len(s.buf)))]
		got, err := io.ReadFull(s.r, b)
		s.at += int64(got)
		if err != nil {
			return shrunk(err, s.at)
		}
		if _, err := f.WriteAt(b, to); err != nil {
			return err
		}
		to, n = to+int64(got), n-int64(got)
	}
	return nil
}

func (s *streamSource) atEnd(size int64) error {
	if s.at < size { // a hole at the end
		return nil
	}
	n, err := io.ReadFull(s.r, s.buf[:1])
	if n > 0 {
		return checkLength(size+1, size)
	}
	return ignoreEOF(err)
}

// A bytesSource is a large folder.
type bytesSource struct{ b []byte }

func (s *bytesSource) copyTo(f *os.File, to, from, n int64) error {
	_, err := f.WriteAt(s.b[from:from+n], to)
	return err
}

func (s *bytesSource) atEnd(int64) error { return nil }

package ffs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
)

// Write writes the file system into f from offset on, cutting off what the
// file has there, and reads superblocks, groups and inodes back to compare
// them. f is an ordinary file open for reading and writing. After an error
// its contents are of no use.
func (l *Layout) Write(ctx context.Context, f *os.File, offset int64) error {
	if err := l.write(ctx, f, offset); err != nil {
		return fmt.Errorf("write an FFS: %w", err)
	}
	return nil
}

func (l *Layout) write(ctx context.Context, f *os.File, offset int64) error {
	if offset < 0 || offset%blockUnit != 0 {
		return fmt.Errorf("offset %d: want a multiple of %d", offset, blockUnit)
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("it is not an ordinary file")
	}
	// What isn't written is zero: free blocks, unused inodes, holes. A file
	// that was cut to nothing is allocated on disk when ext4 closes it, which
	// takes half as long again as all of this: so only cut what is there.
	if fi.Size() > offset {
		if err := f.Truncate(offset); err != nil {
			return err
		}
	}
	if err := f.Truncate(offset + l.Size()); err != nil {
		return err
	}
	w := &writer{Layout: l, groups: groupSource{Layout: l}, file: f, offset: offset}
	for _, step := range []func(context.Context) error{w.contents, w.metadata, w.verify} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// A writer is one writing of a Layout.
type writer struct {
	*Layout
	groups groupSource
	file   *os.File
	offset int64

	mu   sync.Mutex // of done and progress
	done int64      // bytes of regular files
}

// writeAt writes b to the file system's address addr.
func (w *writer) writeAt(b []byte, addr int64) error {
	_, err := w.file.WriteAt(b, w.offset+w.super.offset(addr))
	return err
}

// advance tells the progress.
func (w *writer) advance(n int64) {
	if w.progress == nil || n == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += n
	w.progress(w.done, w.Layout.contents)
}

// contents writes all files' contents. The runs come first: the end of a
// large file may go to what a run leaves free in a block that it writes whole.
func (w *writer) contents(ctx context.Context) error {
	runs := func(i int) func(*hand) error { return func(h *hand) error { return h.writeRun(w.runs[i]) } }
	if err := w.atOnce(ctx, len(w.runs), runs); err != nil {
		return err
	}
	large := func(i int) func(*hand) error { return func(h *hand) error { return h.writeLarge(w.large[i]) } }
	return w.atOnce(ctx, len(w.large), large)
}

// atOnce does n jobs, several at a time: while one is copied into the page
// cache of the image, others' files are opened and read.
func (w *writer) atOnce(ctx context.Context, n int, job func(int) func(*hand) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan func(*hand) error)
	var hands sync.WaitGroup
	for range min(max(runtime.GOMAXPROCS(0), 2), 8, n) {
		hands.Go(func() {
			h := &hand{writer: w, ctx: ctx}
			for job := range jobs {
				if err := job(h); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case jobs <- job(i):
		case <-ctx.Done():
		}
	}
	close(jobs)
	hands.Wait()
	return context.Cause(ctx)
}

// A hand is one of the goroutines that write contents.
type hand struct {
	*writer
	ctx context.Context // of the one Write that the hand lives in
	buf []byte
}

// buffer returns n bytes, and one more that a read past the end can go to.
func (h *hand) buffer(n int64) []byte {
	if int64(cap(h.buf)) < n+1 {
		h.buf = make([]byte, max(n, runBytes)+1)
	}
	return h.buf[:n+1]
}

// writeRun gathers a run's contents and writes them at once, but for metadata
// in between.
func (h *hand) writeRun(r run) error {
	length := r.blocks << h.super.BlockShift
	b := h.buffer(length)
	clear(b)
	var files int64
	for _, i := range r.small {
		if err := h.ctx.Err(); err != nil {
			return err
		}
		if err := h.gather(i, r, b); err != nil {
			return fmt.Errorf("%s: %w", h.nodes[i].entry.Path, err)
		}
		if n := &h.nodes[i]; n.mode&typeMask == typeRegular {
			files += n.size
		}
	}
	for k := int64(0); k < r.blocks; {
		n := min(h.space.contiguous(r.block+k), r.blocks-k)
		if err := h.writeAt(b[k<<h.super.BlockShift:(k+n)<<h.super.BlockShift], h.space.address(r.block+k)); err != nil {
			return err
		}
		k += n
	}
	h.advance(files)
	return nil
}

// gather puts a small node's contents where they belong in the run's bytes.
func (h *hand) gather(i int32, r run, b []byte) error {
	n, shift := &h.nodes[i], h.super.BlockShift
	whole := n.blocks << shift
	block := (n.block - r.block) << shift
	tail := (n.tailIn-r.block)<<shift + h.super.offset(int64(n.tailFrag))
	switch {
	case n.tail == 0 || tail == block+whole:
		return h.read(i, b[block:block+n.size+1])
	case whole == 0:
		return h.read(i, b[tail:tail+n.size+1])
	}
	own := make([]byte, n.size+1)
	if err := h.read(i, own); err != nil {
		return err
	}
	copy(b[block:], own[:whole])
	copy(b[tail:], own[whole:n.size])
	return nil
}

// read fills b but for its last byte with a node's contents, which end there.
func (h *hand) read(i int32, b []byte) (err error) {
	n := &h.nodes[i]
	switch n.mode & typeMask {
	case typeDir:
		copy(b, h.directoryBytes(i))
		return nil
	case typeLink:
		copy(b, n.entry.Target)
		return nil
	}
	r, err := n.entry.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	last := b[len(b)-1]
	got, err := readUpTo(r, b)
	b[len(b)-1] = last
	if err != nil {
		return err
	}
	return checkLength(int64(got), n.size)
}

// readUpTo reads until b is full or r ends. A short read of an ordinary file
// is its end, which spares a call in the usual case.
func readUpTo(r io.Reader, b []byte) (int, error) {
	if isFile(r) {
		n, err := r.Read(b)
		if n == len(b)-1 || err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		rest, err := io.ReadFull(r, b[n:])
		return n + rest, ignoreEOF(err)
	}
	n, err := io.ReadFull(r, b)
	return n, ignoreEOF(err)
}

func ignoreEOF(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// checkLength compares the length of contents with what was planned.
func checkLength(got, want int64) error {
	switch {
	case got < want:
		return fmt.Errorf("the file ends after %d bytes of %d: did it shrink meanwhile?", got, want)
	case got > want:
		return fmt.Errorf("the file has more than its %d bytes: did it grow meanwhile?", want)
	}
	return nil
}

// An osFiler is a file of the host's that becomes an os.File when it is asked
// for one.
type osFiler interface{ osFile() *os.File }

// isFile reports whether r is an ordinary file, of which a short read is the
// end. An osFiler was one when it was found.
func isFile(r io.Reader) bool {
	switch r := r.(type) {
	case *os.File:
		fi, err := r.Stat()
		return err == nil && fi.Mode().IsRegular()
	case osFiler:
		return true
	}
	return false
}

package pack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// bufferSize is how many bytes are read and written at a time.
const bufferSize = 1 << 18

// A Writer adds entries to a pack that is being made. It is for one goroutine.
type Writer struct {
	w       *bufio.Writer
	path    string
	off     int64 // bytes written
	entries []tree.Entry
	meta    any
	seen    map[string]tree.Entry // the first with a digest
	hash    hash.Hash
	buf     []byte // between files' bytes and the pack
}

// Create makes the pack at path, or replaces it, of what fill adds. After an
// error what was at path still is.
func Create(path string, fill func(w *Writer) error) error {
	return atomicfile.Write(path, 0o644, func(out io.Writer) error {
		w := &Writer{
			w: bufio.NewWriterSize(out, bufferSize), path: path,
			seen: make(map[string]tree.Entry), hash: sha256.New(), buf: make([]byte, bufferSize),
		}
		if err := fill(w); err != nil {
			return err
		}
		return w.finish()
	})
}

// Meta sets the document that goes with the entries; encoding/json encodes it
// when all were added.
func (w *Writer) Meta(meta any) { w.meta = meta }

// Add adds e. A File's bytes are read from body, and must have e's Digest and
// Size where it has them. The entry is returned as Read will return it.
func (w *Writer) Add(e tree.Entry, body io.Reader) (tree.Entry, error) {
	e.Content = tree.Content{}
	if e.Type != tree.File {
		w.entries = append(w.entries, e)
		return e, nil
	}
	digest, n, err := w.copyBytes(body)
	if err != nil {
		return e, fmt.Errorf("%s: %w", e.Path, err)
	}
	if e.Digest != "" && e.Digest != digest || e.Size != 0 && e.Size != n {
		return e, fmt.Errorf("%s: its %d bytes with the digest %s are not the %d with %s that there should be", e.Path, n, digest, e.Size, e.Digest)
	}
	e.Digest, e.Size, e.Content.Offset = digest, n, w.off
	w.off += n
	w.seen[digest] = e
	w.entries = append(w.entries, e)
	e.Content.Host = w.path
	return e, nil
}

// copyBytes appends a file's bytes to the pack.
func (w *Writer) copyBytes(body io.Reader) (digest string, n int64, err error) {
	w.hash.Reset()
	// Readers that write themselves would do so in pieces of their own.
	n, err = io.CopyBuffer(io.MultiWriter(w.w, w.hash), struct{ io.Reader }{body}, w.buf)
	return "sha256:" + hex.EncodeToString(w.hash.Sum(nil)), n, err
}

// copyEntry adds e with the bytes that it has.
func (w *Writer) copyEntry(ctx context.Context, e tree.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.Type != tree.File {
		_, err := w.Add(e, nil)
		return err
	}
	if same, ok := w.seen[e.Digest]; ok && same.Size == e.Size {
		e.Content = same.Content
		w.entries = append(w.entries, e)
		return nil
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	_, err = w.Add(e, tree.Interruptible(ctx, r))
	return errors.Join(err, r.Close())
}

// finish writes the index and the trailer.
func (w *Writer) finish() error {
	b, err := tree.AppendEntries(nil, w.entries)
	if err != nil {
		return err
	}
	t := trailer{entries: uint64(len(b))}
	meta, err := json.Marshal(w.meta)
	if err != nil {
		return err
	}
	t.meta = uint64(len(meta))
	b = append(b, meta...)
	if len(b) > maxIndex {
		return fmt.Errorf("the index of %d files has %d bytes, more than %d", len(w.entries), len(b), maxIndex)
	}
	t.sum = sumOf(b)
	for _, part := range [][]byte{b, t.encode()} {
		if _, err := w.w.Write(part); err != nil {
			return err
		}
	}
	return w.w.Flush()
}

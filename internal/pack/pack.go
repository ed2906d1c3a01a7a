// Package pack keeps a list of a tree's entries and the bytes of its files in
// one file: unpacked packages and sets, layers, and what steps of a build
// wrote. Its format is described in format.go.
package pack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Read returns the entries of the pack at path, in the order that they were
// added in. Each File's Content is in that file. The document that the writer
// gave is decoded into meta, as encoding/json does, unless meta is nil. The
// error wraps ErrDamaged where the file is not a whole pack.
func Read(path string, meta any) ([]tree.Entry, error) {
	entries, err := read(path, meta)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return entries, nil
}

func read(path string, meta any) (_ []tree.Entry, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, t, err := readIndex(f, fi.Size())
	if err != nil {
		return nil, err
	}
	if meta != nil {
		if err := json.Unmarshal(b[t.entries:], meta); err != nil {
			return nil, fmt.Errorf("%w: its document: %w", ErrDamaged, err)
		}
	}
	entries, err := tree.DecodeEntries(b[:t.entries])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return entries, place(entries, path, fi.Size()-trailerSize-int64(len(b)))
}

// readIndex returns the entries and the document in their encoded forms, one
// after the other, of a file that is size bytes long.
func readIndex(r io.ReaderAt, size int64) ([]byte, trailer, error) {
	var raw [trailerSize]byte
	if size < trailerSize {
		return nil, trailer{}, ErrDamaged
	}
	if _, err := r.ReadAt(raw[:], size-trailerSize); err != nil {
		return nil, trailer{}, err
	}
	t, err := decodeTrailer(raw[:], size-trailerSize)
	if err != nil {
		return nil, t, err
	}
	b := make([]byte, t.entries+t.meta)
	if _, err := r.ReadAt(b, size-trailerSize-int64(len(b))); err != nil {
		return nil, t, err
	}
	if sumOf(b) != t.sum {
		return nil, t, fmt.Errorf("%w: its index is not what was written", ErrDamaged)
	}
	return b, t, nil
}

// place sets where the bytes of files are: in the file at path, whose first
// size bytes they must be among.
func place(entries []tree.Entry, path string, size int64) error {
	for i := range entries {
		e := &entries[i]
		if e.Type != tree.File {
			continue
		}
		if e.Content.Offset > math.MaxInt64-e.Size || e.Content.Offset+e.Size > size {
			return fmt.Errorf("%w: the bytes of %s are not in it", ErrDamaged, e.Path)
		}
		e.Content.Host = path
	}
	return nil
}

// Write makes the pack at path, or replaces it, of entries and the document
// meta. The bytes of files are copied from where the entries have them, once
// for each digest, and must be those that it names.
func Write(ctx context.Context, path string, entries []tree.Entry, meta any) error {
	return Create(path, func(w *Writer) error {
		w.Meta(meta)
		w.entries = slices.Grow(w.entries, len(entries))
		for _, e := range entries {
			if err := w.copyEntry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// bare takes the path from an error that a message names already.
func bare(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

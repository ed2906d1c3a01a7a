package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A blob is a layer's archive from elsewhere, compressed or not.
type blob struct {
	open   func(ctx context.Context) (io.ReadCloser, error)
	digest string // of what open reads; "": not known
	size   int64  // bytes of that; below 0: not known
}

// inflation bounds what a layer unpacks to: files of zeros inflate a
// thousandfold, programs threefold.
const (
	inflation   = 1000
	alwaysTaken = 1 << 30  // bytes, whatever it was compressed to
	neverTaken  = 64 << 30 // bytes
)

// maxEntries is how many files the layers of an image from elsewhere may have,
// one and all: a million take some 2 GiB of memory, and the largest images that
// are known have a third of that.
const maxEntries = 1 << 20

func (b blob) limit() int64 {
	if b.size < 0 || b.size > (neverTaken-alwaysTaken)/inflation {
		return neverTaken
	}
	return alwaysTaken + b.size*inflation
}

// unpack puts the blob's layer into the staging, and returns the DiffID that
// it has here. Nothing is kept unless the digests are those that are known: the
// blob's, and want of the archive in it.
func (st *staging) unpack(ctx context.Context, b blob, want string) (id string, err error) {
	r, err := b.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tmp, err := os.CreateTemp(st.dir, "unpack-*")
	if err != nil {
		return "", err
	}
	name := tmp.Name()
	defer func() { err = errors.Join(err, removeIfThere(name)) }()
	if err := tmp.Close(); err != nil {
		return "", err
	}
	u := unpacker{at: map[string]int{}}
	err = pack.Create(name, func(w *pack.Writer) error {
		u.w = w
		if err := u.read(ctx, r, b, want); err != nil {
			return err
		}
		w.Meta(layerMeta{layerVersion, u.layer.Removed})
		return nil
	})
	if err != nil {
		return "", err
	}
	return st.keep(ctx, name, &u)
}

// keep makes the unpacked file the layer's, written once more where the archive
// had what is not kept.
func (st *staging) keep(ctx context.Context, name string, u *unpacker) (string, error) {
	l, err := u.finish()
	if err != nil {
		return "", err
	}
	id, err := l.diffID(ctx)
	if err != nil || st.reuse(id) {
		return id, err
	}
	if u.exact {
		err = os.Rename(name, st.path(id))
	} else {
		err = pack.Write(ctx, st.path(id), l.Entries, layerMeta{layerVersion, l.Removed})
	}
	if err == nil {
		st.add(id)
	}
	return id, err
}

// removeIfThere removes a file that may have been renamed.
func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// An unpacker makes a layer of an archive's entries.
type unpacker struct {
	w     *pack.Writer
	layer Layer
	at    map[string]int // where in layer.Entries a path is
	exact bool           // the pack holds just the layer
	extra bool           // the pack has entries that were replaced
}

// read reads the whole blob, and checks its digests.
func (u *unpacker) read(ctx context.Context, r io.Reader, b blob, want string) error {
	outer := newSummed(r)
	if b.size >= 0 { // one byte more shows that it is too long
		outer.r = io.LimitReader(r, b.size+1)
	}
	plain, err := archive.Decompress(outer)
	if err != nil {
		return err
	}
	defer plain.Close() // frees memory; was only read
	inner := newSummed(plain)
	if err := archive.ReadTar(ctx, inner, archive.Limits{Bytes: b.limit(), Entries: maxEntries}, u.add); err != nil {
		return err
	}
	// What is behind the archive's end counts for the digests.
	for _, r := range []io.Reader{inner, outer} {
		if _, err := io.Copy(io.Discard, io.LimitReader(r, b.limit())); err != nil {
			return err
		}
	}
	if b.size >= 0 && outer.n != b.size {
		return fmt.Errorf("the layer has %d bytes or more, not the %d it should have", outer.n, b.size)
	}
	if err := outer.is(b.digest); err != nil {
		return err
	}
	return inner.is(want)
}

// add takes an entry of the archive. Those whose names say that something is
// removed become that.
func (u *unpacker) add(e tree.Entry, body io.Reader) error {
	name, marked := strings.CutPrefix(path.Base(e.Path), whiteout)
	switch {
	case path.Base(e.Path) == opaque:
		u.layer.Removed = append(u.layer.Removed, strings.TrimSuffix(path.Dir(e.Path), "/")+"/")
		return nil
	case marked && strings.HasPrefix(path.Base(e.Path), whiteoutMeta):
		return nil
	case marked:
		if name == "" || name == "." || name == ".." {
			return fmt.Errorf("it removes the name %q", name)
		}
		u.layer.Removed = append(u.layer.Removed, path.Join(path.Dir(e.Path), name))
		return nil
	}
	e, err := u.w.Add(e, body)
	if err != nil {
		return err
	}
	if i, ok := u.at[e.Path]; ok { // the later one counts
		u.layer.Entries[i], u.extra = e, true
		return nil
	}
	u.at[e.Path] = len(u.layer.Entries)
	u.layer.Entries = append(u.layer.Entries, e)
	return nil
}

// finish returns the layer in its order.
func (u *unpacker) finish() (Layer, error) {
	u.exact = !u.extra
	for i := range u.layer.Entries {
		e := &u.layer.Entries[i]
		if e.Type != tree.Hardlink {
			continue
		}
		to := u.linked(*e)
		u.exact = u.exact && to == e.Link
		e.Link = to
	}
	l, err := u.layer.sorted()
	u.exact = u.exact && slices.Equal(l.Removed, u.layer.Removed) // as the pack has them
	return l, err
}

// linked returns the name of the file that a chain of hard links leads to.
func (u *unpacker) linked(e tree.Entry) string {
	for range maxLinks {
		i, ok := u.at[e.Link]
		if !ok || u.layer.Entries[i].Type != tree.Hardlink {
			break
		}
		e = u.layer.Entries[i]
	}
	return e.Link
}

// summed reads and digests.
type summed struct {
	r io.Reader
	h hash.Hash
	n int64 // bytes
}

func newSummed(r io.Reader) *summed { return &summed{r: r, h: sha256.New()} }

// Read implements io.Reader.
func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.h.Write(p[:n]) // a hash doesn't fail
	s.n += int64(n)
	return n, err
}

// digest returns that of what was read.
func (s *summed) digest() string { return digestPrefix + hex.EncodeToString(s.h.Sum(nil)) }

// is fails if what was read has not the digest, unless that is "".
func (s *summed) is(digest string) error {
	if got := s.digest(); digest != "" && got != digest {
		return fmt.Errorf("its bytes have the digest %s, not %s: it is damaged or was changed", got, digest)
	}
	return nil
}

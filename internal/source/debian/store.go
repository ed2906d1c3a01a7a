package debian

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// index is what is known of an unpacked package, which is kept as a pack: its
// files, and the control files as the pack's document.
type index struct {
	Control control
	Entries []tree.Entry
}

// readStore reads the index of an unpacked package.
func readStore(p string) (index, error) {
	var x index
	var err error
	x.Entries, err = pack.Read(p, &x.Control)
	return x, err
}

// load returns the unpacked packages, unpacking those that are not yet, two
// at a time.
func (s *Source) load(ctx context.Context, pkgs []Package) ([]index, error) {
	all, errs := make([]index, len(pkgs)), make([]error, len(pkgs))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := range next {
				if all[i], errs[i] = s.loadOne(ctx, pkgs[i]); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range pkgs {
		next <- i
	}
	close(next)
	workers.Wait()
	for i, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("unpack %s: %w", pkgs[i], err)
		}
	}
	return all, errors.Join(errs...)
}

func (s *Source) loadOne(ctx context.Context, p Package) (index, error) {
	if err := ctx.Err(); err != nil {
		return index{}, err
	}
	x, err := readStore(s.unpacked(p))
	if err == nil {
		return x, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		s.log().Warn("unpack again", "package", p.Name, "err", err)
	}
	f, err := os.Open(s.deb(p))
	if errors.Is(err, os.ErrNotExist) {
		return readStore(s.unpacked(p)) // another process has unpacked and removed it
	}
	if err != nil {
		return index{}, err
	}
	x, err = s.unpackLocked(ctx, p, f)
	return x, errors.Join(err, f.Close())
}

// unpackLocked unpacks the package that f has open, unless another process
// does so meanwhile: the lock is on the .deb itself, which goes with it.
func (s *Source) unpackLocked(ctx context.Context, p Package, f *os.File) (index, error) {
	if err := flock(ctx, f); err != nil {
		return index{}, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if x, err := readStore(s.unpacked(p)); err == nil {
		return x, nil
	}
	s.progress("unpack " + p.String())
	if err := unpack(ctx, f, s.unpacked(p), p.Digest); err != nil {
		return index{}, err
	}
	// All of it is in the other file.
	if err := os.Remove(s.deb(p)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return index{}, err
	}
	return readStore(s.unpacked(p))
}

// unpack makes the pack at to from the package deb, whose bytes must have the
// digest.
func unpack(ctx context.Context, deb *os.File, to, digest string) error {
	h := sha256.New()
	r := io.TeeReader(deb, h)
	return pack.Create(to, func(w *pack.Writer) error {
		c, err := readDeb(ctxReader{ctx, r}, func(h *tar.Header, body io.Reader) error {
			e, err := entryOf(h)
			if err == nil {
				_, err = w.Add(e, body)
			}
			return err
		})
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil { // what is behind data.tar
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != strings.TrimPrefix(digest, digestPrefix) {
			return fmt.Errorf("%s has SHA256 %s, not %s: remove it and try again", deb.Name(), got, digest)
		}
		w.Meta(c)
		return nil
	})
}

// ctxReader ends with ctx.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// types are the entries that a package may have.
var types = map[byte]tree.Type{
	tar.TypeReg: tree.File, tar.TypeDir: tree.Dir, tar.TypeSymlink: tree.Symlink, tar.TypeLink: tree.Hardlink,
	tar.TypeChar: tree.Char, tar.TypeBlock: tree.Block, tar.TypeFifo: tree.FIFO,
}

// entryOf returns what h says of a file, but for its bytes.
func entryOf(h *tar.Header) (tree.Entry, error) {
	t, ok := types[h.Typeflag]
	if !ok {
		return tree.Entry{}, fmt.Errorf("entry of type %q", h.Typeflag)
	}
	if h.Uid < 0 || h.Gid < 0 || h.Devmajor < 0 || h.Devminor < 0 {
		return tree.Entry{}, errors.New("negative owner or device")
	}
	e := tree.Entry{
		Path: h.Name, Type: t, Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid),
		ModTime: h.ModTime.UTC(), Major: uint32(h.Devmajor), Minor: uint32(h.Devminor),
	}
	if t == tree.Symlink || t == tree.Hardlink {
		e.Link = h.Linkname
	}
	if t == tree.Symlink {
		e.Mode = 0o777 // no system looks at another
	}
	return e, nil
}

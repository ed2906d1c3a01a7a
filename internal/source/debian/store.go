package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/source"
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
func (s *Source) load(ctx context.Context, pkgs []source.Package) ([]index, error) {
	all := make([]index, len(pkgs))
	var tasks []func(context.Context) error
	for i, p := range pkgs {
		tasks = append(tasks, func(ctx context.Context) (err error) {
			if all[i], err = s.loadOne(ctx, p); err != nil {
				return fmt.Errorf("unpack %s: %w", p, err)
			}
			return nil
		})
	}
	return all, fetch.All(ctx, 2, tasks...)
}

func (s *Source) loadOne(ctx context.Context, p source.Package) (index, error) {
	if err := ctx.Err(); err != nil {
		return index{}, err
	}
	x, err := readStore(s.unpacked(p))
	if err == nil {
		return x, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		s.Log().Warn("unpack again", "package", p.Name, "err", err)
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
func (s *Source) unpackLocked(ctx context.Context, p source.Package, f *os.File) (index, error) {
	if err := flock(ctx, f); err != nil {
		return index{}, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if x, err := readStore(s.unpacked(p)); err == nil {
		return x, nil
	}
	s.Say("unpack " + p.String())
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
		c, err := readDeb(ctx, tree.Interruptible(ctx, r), func(e tree.Entry, body io.Reader) error {
			if e.Type == tree.Symlink {
				e.Mode = 0o777 // no system looks at another
			}
			_, err := w.Add(e, body)
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

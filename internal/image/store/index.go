package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// indexVersion is that of the index.json that this program reads and writes.
const indexVersion = 1

// index is index.json.
type index struct {
	Version int               `json:"version"`
	Names   map[string]string `json:"names"`             // name with tag → image ID
	Origins map[string]string `json:"origins,omitempty"` // image ID → where it was pulled from
	// Foreign has the layers of images from elsewhere: the DiffID that they
	// have there → the one here, of the same files in our archive's form.
	Foreign map[string]string `json:"foreign,omitempty"`
}

func (s *Store) readIndex() (index, error) {
	var ix index
	b, err := os.ReadFile(s.indexPath())
	if errors.Is(err, fs.ErrNotExist) {
		return ix.made(), nil
	}
	if err != nil {
		return ix, fmt.Errorf("read the images' names: %w", err)
	}
	if err := json.Unmarshal(b, &ix); err != nil {
		return ix, fmt.Errorf("read the images' names: %s is damaged (remove it: the images stay, and image ls shows their IDs): %w", s.indexPath(), err)
	}
	if ix.Version != indexVersion {
		return ix, fmt.Errorf("read the images' names: %s has version %d; this program knows %d", s.indexPath(), ix.Version, indexVersion)
	}
	return ix.made(), ix.check(s.indexPath())
}

// made returns ix with maps that can be written to.
func (ix index) made() index {
	ix.Version = indexVersion
	for _, m := range []*map[string]string{&ix.Names, &ix.Origins, &ix.Foreign} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	return ix
}

// check refuses what would become the name of a file elsewhere.
func (ix index) check(path string) error {
	for name, id := range ix.Names {
		if !isDigest(id) {
			return fmt.Errorf("read the images' names: %s gives %q an ID that is none (remove the line, or the file)", path, name)
		}
	}
	for there, here := range ix.Foreign {
		if !isDigest(here) {
			return fmt.Errorf("read the images' names: %s gives the layer %q a digest that is none (remove the line, or the file)", path, there)
		}
	}
	return nil
}

func (s *Store) writeIndex(ix index) error {
	b, err := json.MarshalIndent(ix, "", "  ")
	if err != nil {
		return fmt.Errorf("write the images' names: %w", err)
	}
	return atomicfile.WriteFile(s.indexPath(), append(b, '\n'), 0o644)
}

// locked runs f while no other process adds or removes images. It makes the
// store's folders where there are none.
func (s *Store) locked(ctx context.Context, f func() error) (err error) {
	if err := s.makeDirs(); err != nil {
		return err
	}
	unlock, err := atomicfile.Lock(ctx, filepath.Join(s.Dir, ".lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return f()
}

// change runs f on the index under the lock, and writes what f made of it.
func (s *Store) change(ctx context.Context, f func(ix *index) error) error {
	return s.locked(ctx, func() error {
		ix, err := s.readIndex()
		if err != nil {
			return err
		}
		if err := f(&ix); err != nil {
			return err
		}
		return s.writeIndex(ix)
	})
}

func (s *Store) makeDirs() error {
	for _, dir := range []string{s.configDir(), s.layerDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the images' folder: %w", err)
		}
	}
	return nil
}

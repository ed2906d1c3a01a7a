package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/pack"
)

// A staging is a folder for the layers of an image that is being made. Others
// may remove any layer that no image has; those in here are ours until they
// are put in their places, under the lock and together with the image.
type staging struct {
	s   *Store
	dir string

	mu   sync.Mutex
	have map[string]bool // DiffIDs
}

func (s *Store) stage() (*staging, error) {
	if err := s.makeDirs(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.layerDir(), atomicfile.Prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for new layers: %w", err)
	}
	return &staging{s: s, dir: dir, have: map[string]bool{}}, nil
}

// close removes what was not put in place.
func (st *staging) close() error { return os.RemoveAll(st.dir) }

func (st *staging) path(diffID string) string {
	return filepath.Join(st.dir, hexOf(diffID)+layerSuffix)
}

// reuse takes the layer from the store, if it is there and whole, and reports
// whether it is.
func (st *staging) reuse(diffID string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.have[diffID] {
		return true
	}
	if _, err := st.s.readLayer(diffID); err != nil {
		return false
	}
	if err := os.Link(st.s.layerPath(diffID), st.path(diffID)); err != nil && !errors.Is(err, os.ErrExist) {
		return false // made anew: it was removed just now, or the file system has no hard links
	}
	st.have[diffID] = true
	return true
}

// add says that the layer's file is at its path.
func (st *staging) add(diffID string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.have[diffID] = true
}

// put writes l, unless it is in the store, and returns its DiffID.
func (st *staging) put(ctx context.Context, l Layer) (string, error) {
	l, err := l.sorted()
	if err != nil {
		return "", err
	}
	id, err := l.diffID(ctx)
	if err != nil || st.reuse(id) {
		return id, err
	}
	if err := pack.Write(ctx, st.path(id), l.Entries, layerMeta{layerVersion, l.Removed}); err != nil {
		return "", err
	}
	st.add(id)
	return id, nil
}

// place moves the layers to their places. The store's lock is held.
func (st *staging) place() error {
	for id := range st.have {
		if err := os.Rename(st.path(id), st.s.layerPath(id)); err != nil {
			return fmt.Errorf("put layer %s in its place: %w", short(id), err)
		}
	}
	d, err := os.Open(st.s.layerDir())
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/pack"
)

// A staging is a folder for the layers of an image that is being made. Others
// may remove any layer that no image has; those in here are ours until they
// are put in their places, under the lock and together with the image.
type staging struct {
	s    *Store
	dir  string
	lock *os.File // held for as long as we live: who finds it free may tidy up

	mu   sync.Mutex
	have map[string]bool // DiffIDs
}

// stageLock is the file in a staging's folder that its owner has locked.
const stageLock = ".lock"

// stage makes a staging, and removes those of processes that died.
func (s *Store) stage(ctx context.Context) (st *staging, err error) {
	err = s.locked(ctx, func() error {
		if err := s.sweepStages(); err != nil {
			return err
		}
		dir, err := os.MkdirTemp(s.layerDir(), atomicfile.Prefix+"*")
		if err != nil {
			return fmt.Errorf("make a folder for new layers: %w", err)
		}
		lock, err := atomicfile.TryLockFile(filepath.Join(dir, stageLock))
		st = &staging{s: s, dir: dir, lock: lock, have: map[string]bool{}}
		return err
	})
	return st, err
}

// sweepStages removes the folders of processes that died. The store's lock is
// held, under which they are made.
func (s *Store) sweepStages() error {
	entries, err := os.ReadDir(s.layerDir())
	if err != nil {
		return fmt.Errorf("look for what was left behind: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), atomicfile.Prefix) {
			continue
		}
		dir := filepath.Join(s.layerDir(), e.Name())
		lock, err := atomicfile.TryLockFile(filepath.Join(dir, stageLock))
		if errors.Is(err, atomicfile.ErrLocked) || errors.Is(err, os.ErrNotExist) { // it is in use, or just going
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(dir), lock.Close()); err != nil {
			return fmt.Errorf("remove what was left behind: %w", err)
		}
	}
	return nil
}

// close removes what was not put in place. Another process that finds the
// folder without its lock may be faster.
func (st *staging) close() error {
	err := os.RemoveAll(st.dir)
	if errors.Is(err, unix.ENOTEMPTY) {
		err = nil
	}
	return errors.Join(err, st.lock.Close())
}

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

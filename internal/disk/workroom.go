package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// A workroom is a private folder in the cache folder, in which one disk is
// made. Whoever holds the lock on the file beside it owns it; the lock ends
// with the process, so what a killed one left is known by its being unlocked.
type workroom struct {
	dir  string
	lock *os.File
}

const (
	roomPrefix = atomicfile.Prefix + "disk-"
	roomLock   = ".lock" // behind the room's name
)

// claim takes the room for the disk named digest, waiting for another that
// makes the same one, and sweeps rooms that nobody owns any more.
func claim(ctx context.Context, dir, digest string) (*workroom, error) {
	sweepRooms(dir)
	room := filepath.Join(dir, roomPrefix+digest)
	lock, err := atomicfile.LockFile(ctx, room+roomLock)
	if err != nil {
		return nil, err
	}
	r := &workroom{dir: room, lock: lock}
	// An owner that died while we waited may have left something.
	if err := os.RemoveAll(room); err != nil {
		return nil, errors.Join(err, r.release())
	}
	if err := os.Mkdir(room, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder to work in: %w", err), r.release())
	}
	return r, nil
}

// release removes the room with all that is in it.
func (r *workroom) release() error {
	err := os.RemoveAll(r.dir)
	if rmErr := os.Remove(r.dir + roomLock); !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return errors.Join(err, r.lock.Close())
}

// sweepRooms removes the rooms whose owners died. It is a courtesy: what
// can't be removed now, a later call may.
func sweepRooms(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, isLock := strings.CutSuffix(e.Name(), roomLock)
		if !strings.HasPrefix(name, roomPrefix) || !isLock && !e.IsDir() {
			continue
		}
		room := filepath.Join(dir, name)
		lock, err := atomicfile.TryLockFile(room + roomLock)
		if err != nil {
			continue
		}
		_ = (&workroom{dir: room, lock: lock}).release()
	}
}

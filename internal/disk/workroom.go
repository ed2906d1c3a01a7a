package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A workroom is a private folder in the cache folder, in which one disk is
// made. Whoever holds the flock(2) on it owns it; the lock ends with the
// process, so what a killed one left is known by its being unlocked.
type workroom struct {
	dir  string
	lock *os.File // the folder itself
}

const roomPrefix = ".tmp-disk-"

// claim takes the room for the disk named digest, waiting for another that
// makes the same one, and sweeps rooms that nobody owns any more.
func claim(ctx context.Context, dir, digest string) (*workroom, error) {
	sweepRooms(dir)
	room := filepath.Join(dir, roomPrefix+digest)
	for {
		if err := os.Mkdir(room, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make a folder to work in: %w", err)
		}
		lock, err := tryLock(room)
		if err == nil {
			r := &workroom{dir: room, lock: lock}
			return r, r.empty()
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("lock %s: %w", room, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tryLock locks the folder at path, EWOULDBLOCK if it is another's,
// fs.ErrNotExist if it went away meanwhile.
func tryLock(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Its last owner may have removed it between our two calls: then we
	// hold a lock on a folder that has no name.
	held, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(held, now) {
		return nil, errors.Join(fs.ErrNotExist, f.Close())
	}
	return f, nil
}

// empty removes what an owner that died while we waited left in the room.
func (r *workroom) empty() error {
	left, err := os.ReadDir(r.dir)
	for _, e := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, e.Name())))
	}
	if err != nil {
		return errors.Join(err, r.release())
	}
	return nil
}

// release removes the room with all that is in it.
func (r *workroom) release() error {
	return errors.Join(os.RemoveAll(r.dir), r.lock.Close())
}

// sweepRooms removes the rooms whose owners died. It is a courtesy: what
// can't be removed now, a later call may.
func sweepRooms(dir string) {
	rooms, err := filepath.Glob(filepath.Join(dir, roomPrefix+"*"))
	if err != nil {
		return
	}
	for _, room := range rooms {
		lock, err := tryLock(room)
		if err != nil {
			continue
		}
		_ = (&workroom{dir: room, lock: lock}).release()
	}
}

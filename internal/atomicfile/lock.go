package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked is wrapped by TryLockFile's error where another holds the lock.
var ErrLocked = errors.New("another process holds the lock")

// lockPoll is how often a lock that another holds is tried: some hold it for
// as long as a rename takes, others for a download.
const lockPoll = 20 * time.Millisecond

// Lock waits until no one else, in this process or another, has the file at
// path locked, and locks it with flock(2). A missing file is made. The lock
// ends with unlock or with the process. Whoever holds it may remove the file:
// those who wait then lock a new one. The error wraps ctx's where that ended.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := LockFile(ctx, path)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// LockFile is Lock that returns the file, open for reading and writing. To
// close it unlocks it, unless a child was given it: the lock lasts as long as
// any process has the file open.
func LockFile(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := TryLockFile(path)
		if !errors.Is(err, ErrLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s, which another process holds: %w", path, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// TryLockFile is LockFile that doesn't wait: its error wraps ErrLocked where
// another holds the lock.
func TryLockFile(path string) (*os.File, error) {
	for {
		f, err := openLocked(path)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errRemoved) {
			return nil, fmt.Errorf("lock %s: %w", path, bare(err))
		}
	}
}

var errRemoved = errors.New("removed meanwhile")

// openLocked opens and locks the file; errRemoved if that is no longer what
// is at path.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	held, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Its last owner may have removed it between our two calls: then we
	// hold a lock on a file that has no name.
	if now, err := os.Lstat(path); err != nil || !os.SameFile(held, now) {
		return nil, errors.Join(errRemoved, f.Close())
	}
	return f, nil
}

// flock locks f without waiting. A signal may still interrupt it.
func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}

// bare takes the path from an error that a message names already.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

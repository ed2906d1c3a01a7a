package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock that another process holds is tried: imports
// hold it for as long as a rename takes, fetches for a download.
const lockPoll = 20 * time.Millisecond

// locked runs f while this process has the store to itself. It makes the
// store's folder where there is none.
func (s *Store) locked(ctx context.Context, f func() error) (err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make the kernels' folder: %w", err)
	}
	l, err := lock(ctx, filepath.Join(s.Dir, ".lock"))
	if err != nil {
		return err
	}
	defer func() { err = both(err, l.Close()) }()
	return f()
}

// lock opens the file at path, made where there is none, and waits until no
// one else has it locked with flock(2). Closing it unlocks.
func lock(ctx context.Context, path string) (*os.File, error) {
	l, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, bare(err))
	}
	for {
		err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, both(fmt.Errorf("lock %s: %w", path, err), l.Close())
		}
		select {
		case <-ctx.Done():
			return nil, both(fmt.Errorf("lock %s, which another process holds: %w", path, ctx.Err()), l.Close())
		case <-time.After(lockPoll):
		}
	}
}

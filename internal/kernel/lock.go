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
// hold it for as long as a rename takes.
const lockPoll = 20 * time.Millisecond

// locked runs f while this process has the store to itself. It makes the
// store's folder where there is none.
func (s *Store) locked(ctx context.Context, f func() error) (err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make the kernels' folder: %w", err)
	}
	l, err := os.OpenFile(filepath.Join(s.Dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("lock the kernels' folder: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }() // closing unlocks
	for {
		err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f()
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", l.Name(), err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s, which another process holds: %w", l.Name(), ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

package guest

import (
	"fmt"
	"syscall"
	"time"
)

// syncState is what is known of the last sync point.
type syncState struct {
	frozen bool // no step was begun since
}

// syncPoint makes the root read-only, which puts all of it on disk: the host
// reads it there.
func (a *agent) syncPoint(bool) error {
	syscall.Sync()
	if err := remountRoot(a.config.Root, mntReadOnly); err != nil {
		return fmt.Errorf("put the root on disk: %w", err)
	}
	a.synced.frozen = true
	return nil
}

// goOn makes the root writable again after a sync point.
func (a *agent) goOn() error {
	if !a.synced.frozen {
		return nil
	}
	time.Sleep(clockTick)
	if err := remountRoot(a.config.Root, 0); err != nil {
		return fmt.Errorf("make the root writable again: %w", err)
	}
	a.synced.frozen = false
	return nil
}

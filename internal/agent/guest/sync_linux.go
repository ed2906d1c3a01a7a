package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// syncState is what is known of the last sync point.
type syncState struct {
	frozen bool             // no step was begun since
	stamps map[uint64]stamp // by inode
}

// syncPoint writes what was changed since the last one, or since the boot, to
// the device that the configuration names.
func (a *agent) syncPoint(first bool) error {
	files, err := listFiles("/")
	if err != nil {
		return fmt.Errorf("list the root: %w", err)
	}
	stamps := make(map[uint64]stamp, len(files))
	for i := range files {
		f := &files[i]
		s := stampOf(*f)
		f.Bytes = !first && !f.Mounted && f.Type() == wire.TypeFile && a.synced.stamps[f.Inode] != s && stamps[f.Inode] != s
		stamps[f.Inode] = s
	}
	if err := a.writeChanges(files); err != nil {
		return err
	}
	a.synced = syncState{frozen: true, stamps: stamps}
	return nil
}

// A stamp tells whether an inode has been changed: whatever does so sets its
// time of change, except that of one that was made anew in its place.
type stamp struct {
	changed, modified int64 // nanoseconds
	size              int64
	mode, links       uint32
}

func stampOf(f wire.File) stamp {
	return stamp{f.ChangeTime.UnixNano(), f.ModTime.UnixNano(), f.Size, f.Mode, f.Links}
}

func (a *agent) writeChanges(files []wire.File) error {
	device := a.config.Steps.Changes
	w, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write what was changed: %w", err)
	}
	err = wire.WriteChanges(w, files, func(p string) (io.ReadCloser, error) {
		return os.OpenFile(p, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	})
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: the step changed more than there is room for", err)
	}
	return errors.Join(err, w.Sync(), w.Close())
}

// goOn lets the clock pass the last change that a sync point saw.
func (a *agent) goOn() error {
	if a.synced.frozen {
		time.Sleep(clockTick)
		a.synced.frozen = false
	}
	return nil
}

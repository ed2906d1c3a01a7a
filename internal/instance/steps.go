package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// changesDevice is Linux's name for the third disk.
const changesDevice = "/dev/vdc"

// changesSpare is the room for what is not the changed files' bytes on the
// disk for changes: names and attributes.
const changesSpare = 256 << 20

// diskOptions say how the root disk is derived: as a cache entry, or in the
// folder of a guest that has it for itself.
func (o Options) diskOptions(extra []tree.Entry) disk.Options {
	d := disk.Options{
		Dir:      filepath.Join(o.Home, "cache/disks"),
		Extra:    extra,
		Layout:   o.Layout,
		NotAfter: o.NotAfter,
		Progress: o.Progress,
	}
	if want := o.Image.Config.DiskSize; want > 0 {
		d.Free = disk.Free{Bytes: max(want-o.Image.Tree.Size(), disk.DefaultFree)}
	}
	if o.Steps != nil {
		d.Dir = o.Steps.Dir
		d.Free = disk.Free{Bytes: o.Steps.Free}
	}
	return d
}

// ownDisks makes the derived root the guest's own, and adds a disk for what
// was changed.
func (p *Plan) ownDisks() error {
	if err := os.Chmod(p.Disk.Path, 0o600); err != nil {
		return fmt.Errorf("make a disk for the steps: %w", err)
	}
	p.Machine.Drives[0] = machine.Drive{ID: rootDrive, Path: p.Disk.Path, Format: "raw", Volatile: true}
	if p.Config.Steps.Changes == "" {
		return nil
	}
	path := p.ChangesPath()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = errors.Join(f.Truncate(p.Disk.Size+changesSpare), f.Close())
	}
	if err != nil {
		return fmt.Errorf("make a disk for what steps change: %w", err)
	}
	p.Machine.Drives = append(p.Machine.Drives, machine.Drive{ID: changesDrive, Path: path, Format: "raw", Volatile: true})
	return nil
}

// ChangesPath is the disk on which a Linux guest with Steps writes what was
// changed.
func (p *Plan) ChangesPath() string { return filepath.Join(p.Options.Steps.Dir, "changes.raw") }

// Line opens the line to a guest with Steps once it is up. The caller closes
// it. The error is ErrEnded where the guest ended first.
func (i *Instance) Line(ctx context.Context) (*agent.Line, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer i.whenEnded(func() { cancel(ErrEnded) })()
	for {
		line, err := i.openLine(ctx)
		switch {
		case err == nil:
			i.note(func(l *lineState) { l.line = line })
			return line, nil
		case ctx.Err() != nil:
			return nil, cause(ctx, err)
		case errors.Is(err, wire.ErrKey):
			return nil, fmt.Errorf("who answers in the agent's place is not it: %w", err)
		}
		i.plan.Options.Logger.Info("open the agent's line", "instance", i.Name(), "error", err)
		pause(ctx, lineGap)
	}
}

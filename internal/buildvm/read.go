package buildvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A root is a guest's root, as it was at its last sync point.
type root interface {
	// begin reads the root as it is before the first step.
	begin(ctx context.Context, s *session) error
	// next reads it at a new sync point. The state before is returned, too.
	next(ctx context.Context, s *session) (before, now *snapshot, err error)
	// open returns the bytes of a file that was changed since the state
	// before.
	open(f wire.File) (*io.SectionReader, error)
	close() error
}

// openRoot opens the guest's disk. The guest does not run yet.
func (s *session) openRoot() (root, error) {
	if s.plan.Machine.OS == machine.Linux {
		return openLinux(s.plan.ChangesPath())
	}
	return openNetBSD(s.plan.Disk)
}

// read returns the tree that before became by a step.
func (s *session) read(ctx context.Context, before tree.Tree, step ship.Step) (tree.Tree, error) {
	old, now, err := s.root.next(ctx, s)
	if err != nil {
		return tree.Tree{}, err
	}
	if err := now.fits(s.plan.Disk.Size); err != nil {
		return tree.Tree{}, err
	}
	m := &merger{
		ctx: ctx, before: old, now: now, tree: &before, open: s.root.open,
		why: fmt.Sprintf("%s:%d %s", step.File, step.Line, step.Text),
	}
	path, err := packPath(s.job.Dir)
	if err != nil {
		return tree.Tree{}, err
	}
	err = pack.Create(path, func(w *pack.Writer) error {
		m.pack = w
		return m.merge()
	})
	if err != nil || m.packed == 0 {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return m.out, err
}

// packPath returns a path for a new pack that nobody else takes.
func packPath(dir string) (string, error) {
	f, err := os.CreateTemp(dir, "step-*.pack")
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return filepath.Abs(f.Name())
}

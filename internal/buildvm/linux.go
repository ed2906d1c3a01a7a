package buildvm

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// A linuxRoot is read from the disk on which the agent writes what was
// changed.
type linuxRoot struct {
	f     *os.File
	bytes map[string]*io.SectionReader // of the last sync point's changed files
	last  *snapshot
}

func openLinux(changes string) (root, error) {
	f, err := os.Open(changes)
	if err != nil {
		return nil, err
	}
	return &linuxRoot{f: f}, nil
}

func (r *linuxRoot) begin(ctx context.Context, s *session) error { return r.sync(ctx, s, true) }

func (r *linuxRoot) next(ctx context.Context, s *session) (before, now *snapshot, err error) {
	before = r.last
	err = r.sync(ctx, s, false)
	return before, r.last, err
}

func (r *linuxRoot) sync(ctx context.Context, s *session, first bool) error {
	if err := s.syncPoint(ctx, first); err != nil {
		return err
	}
	fi, err := r.f.Stat()
	if err != nil {
		return err
	}
	c, err := wire.ReadChanges(r.f, fi.Size())
	if err != nil {
		return err
	}
	r.bytes, r.last = c.Bytes, newSnapshot(c.Files)
	return nil
}

func (r *linuxRoot) open(f wire.File) (*io.SectionReader, error) {
	b, ok := r.bytes[f.Path]
	if !ok {
		return nil, errors.New("the guest did not send its bytes")
	}
	return b, nil
}

func (r *linuxRoot) close() error { return r.f.Close() }

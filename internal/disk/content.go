package disk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// copyContent writes the bytes of the file e to w. They must be the ones that
// its digest names.
func (p *plan) copyContent(ctx context.Context, w io.Writer, e tree.Entry) error {
	r, err := e.Open()
	if err != nil {
		return fmt.Errorf("%w (build the image again)", err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(w, h), &meter{r: tree.Interruptible(ctx, r), p: p})
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", e.Path, err)
	}
	if err := checkDigest(e, h.Sum(nil)); err != nil {
		return fmt.Errorf("copy %s: %w", e.Path, err)
	}
	return nil
}

// A meter reports how far a copy came.
type meter struct {
	r io.Reader
	p *plan
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.p.done += int64(n)
	if m.p.progress != nil && n > 0 {
		m.p.progress(m.p.done, m.p.size)
	}
	return n, err
}

package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// copyContent writes the bytes of the file e to w. They must be the ones that
// its digest names: the disk is stored under that name, and a file that was
// edited since would poison the cache.
func (p *plan) copyContent(ctx context.Context, w io.Writer, e tree.Entry) error {
	r, err := e.Open()
	if err != nil {
		return fmt.Errorf("%w (build the image again)", err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(w, h), &meter{ctx: ctx, r: r, p: p})
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("copy %s%s: %w", e.Path, from(e), err)
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != e.Digest {
		return fmt.Errorf("%s%s is not the file that the image was built with (digest %s, not %s): build it again", e.Path, from(e), got, e.Digest)
	}
	return nil
}

// from names the host's file behind e, for messages.
func from(e tree.Entry) string {
	if e.Content.Host == "" {
		return ""
	}
	return " (" + e.Content.Host + ")"
}

// A meter ends a copy with its context, and reports how far it came.
type meter struct {
	ctx context.Context
	r   io.Reader
	p   *plan
}

func (m *meter) Read(b []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(b)
	m.p.done += int64(n)
	if m.p.progress != nil && n > 0 {
		m.p.progress(m.p.done, m.p.size)
	}
	return n, err
}

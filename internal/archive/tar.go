package archive

import (
	"context"
	"errors"
	"io"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// ReadTar hands each entry of the tar archive r, which is not compressed, to
// add, in order, with a File's bytes in body.
func ReadTar(ctx context.Context, r io.Reader, l Limits, add func(e tree.Entry, body io.Reader) error) error {
	return errors.New("not yet")
}

// WriteTar writes entries in the order given.
func WriteTar(ctx context.Context, w io.Writer, entries []tree.Entry) error {
	return errors.New("not yet")
}

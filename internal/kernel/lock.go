package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// locked runs f while this process has the store to itself. It makes the
// store's folder where there is none.
func (s *Store) locked(ctx context.Context, f func() error) (err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make the kernels' folder: %w", err)
	}
	unlock, err := atomicfile.Lock(ctx, filepath.Join(s.Dir, ".lock"))
	if err != nil {
		return err
	}
	defer func() { err = both(err, unlock()) }()
	return f()
}

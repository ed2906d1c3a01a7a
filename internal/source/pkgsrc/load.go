package pkgsrc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/fetch"
)

// errNotAsListed is wrapped where a package is not what the list says.
var errNotAsListed = errors.New("it is not as listed")

// load returns the unpacked packages, getting those that are not there yet,
// several at a time.
func (s *Source) load(ctx context.Context, choices []choice) ([]*unpacked, error) {
	if err := os.MkdirAll(filepath.Join(s.Dir, "packages"), 0o755); err != nil {
		return nil, fmt.Errorf("get packages: %w", err)
	}
	client := s.client()
	all := make([]*unpacked, len(choices))
	tasks := make([]func(context.Context) error, len(choices))
	for i, c := range choices {
		tasks[i] = func(ctx context.Context) (err error) {
			all[i], err = s.loadOne(ctx, client, c.entry)
			return err
		}
	}
	if err := fetch.All(ctx, parallel, tasks...); err != nil {
		return nil, err
	}
	return all, nil
}

func (s *Source) loadOne(ctx context.Context, client *fetch.Client, e *entry) (*unpacked, error) {
	if err := s.permit(e); err != nil {
		return nil, err
	}
	u, err := s.unpacked(ctx, client, e)
	if err != nil {
		return nil, err
	}
	return u, s.verify(e, u)
}

// unpacked returns the package e, which is got unless it is there.
func (s *Source) unpacked(ctx context.Context, client *fetch.Client, e *entry) (*unpacked, error) {
	at := s.packPath(e)
	u, err := readUnpacked(at)
	if err == nil {
		return u, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.Log().Warn("unpack again", "package", e.name(), "err", err)
	}
	if s.Offline {
		return nil, fmt.Errorf("get %s: it is not there yet, and the network is not to be used: try once without --offline", e.name())
	}
	s.Say("get " + e.name())
	err = client.File(ctx, s.address(e.file()), fetchable(s.wanted(e)), func(file string) error {
		s.Say("unpack " + e.name())
		if err := unpack(ctx, e, file, at); err != nil && ctx.Err() == nil {
			return client.Advise(fmt.Errorf("unpack %s: %w: %w", s.address(e.file()), errNotAsListed, err))
		} else if err != nil {
			return err
		}
		return nil
	})
	if errors.Is(err, fetch.ErrDamaged) {
		err = fmt.Errorf("%w: %w", err, errNotAsListed)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", e.name(), err)
	}
	return readUnpacked(at)
}

// fetchable returns a digest of the kinds that fetch checks; the others are
// checked while unpacking.
func fetchable(sum string) string {
	if strings.HasPrefix(sum, "sha256:") || strings.HasPrefix(sum, "sha512:") {
		return sum
	}
	return ""
}

// packPath is where the package is kept unpacked. A package whose digest the
// repository does not say is known by when it was built and where it is.
func (s *Source) packPath(e *entry) string {
	name := strings.ReplaceAll(e.Sum, ":", "-")
	if name == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", s.Mirror, e.file(), e.Built, e.Size))
		name = "build-" + hex.EncodeToString(sum[:])
	}
	return filepath.Join(s.Dir, "packages", name+".pack")
}

// address returns where the file of that name is in the repository.
func (s *Source) address(name string) string {
	if strings.Contains(s.Mirror, "://") {
		return strings.TrimRight(s.Mirror, "/") + "/" + url.PathEscape(name)
	}
	return filepath.Join(s.Mirror, name)
}

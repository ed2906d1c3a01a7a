package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/fetch"
)

// Packages finds the kernel of a Linux distribution.
type Packages interface {
	// LinuxKernel returns the newest kernel for arch ("amd64") from the
	// host's package sources.
	LinuxKernel(ctx context.Context, arch string) (Bundle, error)
}

// FetchOptions say where Fetch gets kernels from. The zero value means the
// servers of mirrors.go.
type FetchOptions struct {
	Mirror     string       // base of NetBSD's releases and daily builds: http(s)://…, file://… or a folder
	SmolMirror string       // base of smolBSD's kernels, likewise
	CacheDir   string       // where unfinished downloads wait; "": "cache" beside the store
	Client     *http.Client // nil: one that gives up on a silent server
	Packages   Packages     // for "linux"; nil: that can't be fetched

	// Progress, where set, is called with the bytes that are there and the
	// bytes of the whole file, which is -1 while unknown.
	Progress func(done, total int64)
}

// Fetch downloads the kernel of that name (see Catalog), checks it against
// the published checksum and imports it under the name. A download that was
// broken off goes on where it was the next time.
func (s *Store) Fetch(ctx context.Context, name string, o FetchOptions) (Kernel, error) {
	k, err := s.fetch(ctx, name, o)
	if err != nil {
		return Kernel{}, fmt.Errorf("fetch kernel %s: %w", name, err)
	}
	return k, nil
}

func (s *Store) fetch(ctx context.Context, name string, o FetchOptions) (Kernel, error) {
	if name == linuxName {
		return s.fetchLinux(ctx, o)
	}
	p, err := o.locate(name)
	if err != nil {
		return Kernel{}, err
	}
	o.CacheDir = cmp.Or(o.CacheDir, filepath.Join(filepath.Dir(filepath.Clean(s.Dir)), "cache"))
	c := o.client()
	var first error
	for _, base := range p.bases {
		k, err := s.fetchFrom(ctx, name, strings.TrimRight(base, "/"), p, c)
		if err == nil || !errors.Is(err, fetch.ErrNotThere) {
			return k, err
		}
		first = cmp.Or(first, err)
	}
	return Kernel{}, first
}

// client returns what downloads.
func (o FetchOptions) client() *fetch.Client {
	c := &fetch.Client{HTTP: o.Client, Dir: o.CacheDir, MaxSize: maxUnpacked, Remedy: "use another --mirror, or: fakecracker kernel import FILE"}
	if o.Progress != nil {
		c.Progress = func(_ string, done, total int64) { o.Progress(done, total) }
	}
	return c
}

func (s *Store) fetchLinux(ctx context.Context, o FetchOptions) (Kernel, error) {
	if o.Packages == nil {
		return Kernel{}, errors.New("it comes from Debian packages, and no package sources are at hand")
	}
	b, err := o.Packages.LinuxKernel(ctx, "amd64")
	if err != nil {
		return Kernel{}, err
	}
	return s.ImportLinux(ctx, linuxName, b)
}

// fetchFrom fetches from one mirror.
func (s *Store) fetchFrom(ctx context.Context, name, base string, p place, c *fetch.Client) (Kernel, error) {
	b, err := c.Small(ctx, base+"/"+p.sums, 0)
	if err != nil {
		return Kernel{}, err
	}
	want, err := findSum(b, path.Base(p.file))
	if err != nil {
		return Kernel{}, fmt.Errorf("%s/%s: %w", base, p.sums, err)
	}
	addr := base + "/" + p.file
	origin := addr
	if local, ok := fetch.LocalPath(addr); ok {
		origin = local
	}
	var k Kernel
	err = c.File(ctx, addr, want, func(file string) error {
		k, err = s.importFile(ctx, name, file, origin)
		return err
	})
	return k, err
}

// findSum finds a file's digest among published ones, which may be of that
// file alone.
func findSum(sums []byte, file string) (string, error) {
	all, err := fetch.ParseSums(sums)
	if err != nil {
		return "", fmt.Errorf("look for the checksum of %s: %w", file, err)
	}
	if digest := cmp.Or(all[file], all[""]); digest != "" {
		return digest, nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if path.Base(name) == file {
			return all[name], nil
		}
	}
	return "", fmt.Errorf("no checksum of %s in it", file)
}

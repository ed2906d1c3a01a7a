package kernel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrUnreachable is wrapped by Fetch's error where the server can't be
// reached at all.
var ErrUnreachable = errors.New("can't be reached")

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
	var first error
	for _, base := range p.bases {
		k, err := s.fetchFrom(ctx, name, base, p, o)
		if err == nil || !errors.Is(err, errNotThere) {
			return k, err
		}
		first = cmp.Or(first, err)
	}
	return Kernel{}, first
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
func (s *Store) fetchFrom(ctx context.Context, name, base string, p place, o FetchOptions) (Kernel, error) {
	if dir, ok := localBase(base); ok {
		return s.fetchLocal(ctx, name, dir, p)
	}
	base = strings.TrimRight(base, "/")
	d := download{client: o.client(), progress: o.Progress}
	sums, err := d.small(ctx, base+"/"+p.sums)
	if err != nil {
		return Kernel{}, err
	}
	want, err := findSum(sums, path.Base(p.file))
	if err != nil {
		return Kernel{}, fmt.Errorf("%s/%s: %w", base, p.sums, err)
	}
	var k Kernel
	err = d.get(ctx, base+"/"+p.file, o.CacheDir, want, func(file string) error {
		k, err = s.importFile(ctx, name, file, base+"/"+p.file)
		return err
	})
	return k, err
}

// fetchLocal imports from a mirror that is a folder.
func (s *Store) fetchLocal(ctx context.Context, name, dir string, p place) (Kernel, error) {
	file := filepath.Join(dir, filepath.FromSlash(p.file))
	sums, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p.sums)))
	if err != nil {
		return Kernel{}, fmt.Errorf("read its checksum: %w", err)
	}
	want, err := findSum(sums, path.Base(p.file))
	if err != nil {
		return Kernel{}, fmt.Errorf("%s: %w", filepath.Join(dir, p.sums), err)
	}
	f, err := os.Open(file)
	if err != nil {
		return Kernel{}, err
	}
	defer f.Close()
	if err := want.check(limited(ctx, f), file); err != nil {
		return Kernel{}, err
	}
	return s.importFile(ctx, name, file, file)
}

// localBase tells whether a mirror is a folder, and which.
func localBase(base string) (string, bool) {
	if p, ok := strings.CutPrefix(base, "file://"); ok {
		return p, true
	}
	return base, !strings.Contains(base, "://")
}

// A checksum is the digest that a file should have.
type checksum struct {
	name   string // "sha256" or "sha512"
	digest string // lower-case hex
}

func (c checksum) hash() hash.Hash {
	if c.name == "sha256" {
		return sha256.New()
	}
	return sha512.New()
}

// check reads r to its end, and compares.
func (c checksum) check(r io.Reader, what string) error {
	h := c.hash()
	if _, err := io.Copy(h, r); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != c.digest {
		return &checksumError{what, c, got}
	}
	return nil
}

// checksumError says that a file is not what was published.
type checksumError struct {
	what string
	want checksum
	got  string
}

// Error implements error.
func (e *checksumError) Error() string {
	return fmt.Sprintf("%s is damaged: its %s is %.16s…, published is %.16s… (nothing was kept; try again, or another --mirror)",
		e.what, e.want.name, e.got, e.want.digest)
}

// findSum finds a file's digest in the output of BSD's cksum ("SHA512 (file)
// = hex"), of sha256sum ("hex  file"), or in a bare digest.
func findSum(sums []byte, file string) (checksum, error) {
	for line := range strings.Lines(string(sums)) {
		words := strings.Fields(line)
		var digest string
		switch {
		case len(words) == 1:
			digest = words[0]
		case len(words) == 2 && path.Base(strings.TrimPrefix(words[1], "*")) == file:
			digest = words[0]
		case len(words) == 4 && words[1] == "("+file+")" && words[2] == "=":
			digest = words[3]
		}
		digest = strings.ToLower(digest)
		if _, err := hex.DecodeString(digest); err != nil {
			continue
		}
		switch len(digest) {
		case 2 * sha256.Size:
			return checksum{"sha256", digest}, nil
		case 2 * sha512.Size:
			return checksum{"sha512", digest}, nil
		}
	}
	return checksum{}, fmt.Errorf("no checksum of %s in it", file)
}

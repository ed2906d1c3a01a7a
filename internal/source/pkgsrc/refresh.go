package pkgsrc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/fetch"
)

// summaries are the names that a summary can have, in the order in which they
// are looked for: what repositories have most often and what unpacks fastest
// come first.
var summaries = []string{"pkg_summary.gz", "pkg_summary.zst", "pkg_summary.xz", "pkg_summary.bz2", "pkg_summary"}

// sumsNames are the names of the list of digests of packages. Bulk builds
// leave it beside the folder All, which the summary is in; others in there.
var sumsNames = []string{"SHA512.bz2", "SHA512.gz", "SHA512.xz", "SHA512"}

const (
	maxSums  = 64 << 20 // bytes of a list of digests, unpacked; real ones have 5 MB
	retryAge = 10 * time.Minute
)

func (s *Source) indexPath() string {
	sum := sha256.Sum256([]byte(s.Mirror))
	return filepath.Join(s.Dir, "index-"+hex.EncodeToString(sum[:8]))
}

// open returns the packages of the repository, for the caller to close, from what is kept of its
// summary if that is recent or if there is no getting at a newer one. It
// reports whether the repository was asked.
func (s *Source) open(ctx context.Context, force bool) (x *index, fresh bool, err error) {
	if s.Mirror == "" {
		return nil, false, fmt.Errorf("%s: no mirror is given", s)
	}
	at := s.indexPath()
	x, age, err := s.kept(at)
	if err != nil {
		return nil, false, err
	}
	if s.Offline {
		if x == nil {
			return nil, false, fmt.Errorf("there is no package list of %s yet, and the network is not to be used: try once without --offline", s)
		}
		return x, false, nil
	}
	if x != nil && !s.changed(ctx, x.header) && ((!force && age < s.maxAge()) || (force && !s.Refresh && age < youngAge)) {
		return x, false, nil
	}
	newer, err := s.refresh(ctx, x)
	switch {
	case err == nil:
		if x != nil && x != newer {
			err = x.Close()
		}
		return newer, true, err
	case x == nil:
		return nil, false, err
	case ctx.Err() != nil:
		return nil, false, cmp.Or(err, x.Close())
	}
	s.Log().Warn("the package list is not new", "err", err)
	s.Say("no new package list, going on with the one at hand: " + err.Error())
	later := time.Now().Add(retryAge - s.maxAge())
	return x, false, os.Chtimes(at, later, later)
}

// changed reports whether the repository is a folder of this host with another
// summary than the one that is kept: to look at that takes no time.
func (s *Source) changed(ctx context.Context, h header) bool {
	if _, local := fetch.LocalPath(h.Address); !local {
		return false
	}
	stamp, err := s.client().Stamp(ctx, h.Address)
	return err != nil || stamp != h.Stamp
}

// kept returns what is kept of the summary, nil where there is nothing, and
// how long ago the repository was asked.
func (s *Source) kept(at string) (*index, time.Duration, error) {
	x, err := openIndex(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil
	case errors.Is(err, errDamaged):
		s.Log().Warn("get the package list again", "err", err)
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("read the package list: %w", err)
	}
	fi, err := os.Stat(at)
	if err != nil {
		return nil, 0, cmp.Or(fmt.Errorf("read the package list: %w", err), x.Close())
	}
	return x, time.Since(fi.ModTime()), nil
}

func (s *Source) maxAge() time.Duration {
	if s.MaxAge == 0 {
		return usualMaxAge
	}
	return s.MaxAge
}

// refresh gets the summary, unless it is the one that old was made of.
func (s *Source) refresh(ctx context.Context, old *index) (*index, error) {
	s.Say("get the package list of " + s.String())
	client := s.client()
	names := summaries
	var missing error
	for _, name := range names {
		addr := s.address(name)
		stamp, err := client.Stamp(ctx, addr)
		if err == nil && old != nil && stamp != "" && old.Address == addr && old.Stamp == stamp {
			now := time.Now()
			return old, os.Chtimes(s.indexPath(), now, now)
		}
		var x *index
		if err == nil {
			x, err = s.download(ctx, client, addr, stamp)
		}
		if errors.Is(err, fetch.ErrNotThere) || errors.Is(err, fs.ErrNotExist) {
			missing = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get the package list: %w", err)
		}
		if err := x.save(s.indexPath()); err != nil {
			return nil, fmt.Errorf("keep the package list: %w", err)
		}
		return x, nil
	}
	return nil, fmt.Errorf("%s has no pkg_summary, in any compression: %w (packages of a release are in …/packages/NetBSD/<machine>/<release>/All)", s.Mirror, missing)
}

// download gets and parses the summary at addr.
func (s *Source) download(ctx context.Context, client *fetch.Client, addr, stamp string) (x *index, err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	sums, err := s.sums(ctx, client)
	if err != nil {
		return nil, err
	}
	h := header{Address: addr, Stamp: stamp, Sums: sums.digest}
	err = client.File(ctx, addr, "", func(file string) (err error) {
		if x, err = parseSummary(ctx, file, h, sums.of); err != nil {
			return client.Advise(fmt.Errorf("read %s: %w (is it a mirror of pkgsrc?)", addr, err))
		}
		return nil
	})
	return x, err
}

// parseSummary reads the summary in a file of the host. of are the digests of
// packages by their files' names, which those of the summary go before.
func parseSummary(ctx context.Context, file string, h header, of map[string]string) (x *index, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	z, err := archive.Decompress(f)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, z.Close()) }()
	sum := sha256.New()
	x, err = makeIndex(h, func(add func(e *entry) error) error {
		return readSummary(io.TeeReader(z, sum), func(e *entry) error {
			if e.Sum == "" {
				e.Sum = of[e.file()]
			}
			return cmp.Or(ctx.Err(), add(e))
		})
	})
	if err != nil {
		return nil, err
	}
	x.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return x, nil
}

// sums are the digests of a repository's files.
type sums struct {
	of     map[string]string // by the files' names
	digest string            // of the list itself; empty where there is none
}

// sums gets the list of digests, if there is one.
func (s *Source) sums(ctx context.Context, client *fetch.Client) (sums, error) {
	for _, addr := range s.sumsAddresses() {
		var all sums
		err := client.File(ctx, addr, "", func(file string) (err error) {
			if all, err = readSums(file); err != nil {
				return client.Advise(fmt.Errorf("read %s: %w (is it a mirror of pkgsrc?)", addr, err))
			}
			return nil
		})
		if errors.Is(err, fetch.ErrNotThere) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return sums{}, err
		}
		return all, nil
	}
	return sums{}, nil
}

// sumsAddresses are the places where a list of digests may be.
func (s *Source) sumsAddresses() []string {
	var all []string
	mirror := strings.TrimRight(s.Mirror, "/")
	if above, ok := strings.CutSuffix(mirror, "/All"); ok {
		for _, name := range sumsNames {
			all = append(all, above+"/"+name)
		}
	}
	for _, name := range sumsNames {
		all = append(all, mirror+"/"+name)
	}
	return all
}

func readSums(file string) (_ sums, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sums{}, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	z, err := archive.Decompress(f)
	if err != nil {
		return sums{}, err
	}
	defer func() { err = cmp.Or(err, z.Close()) }()
	b, err := io.ReadAll(io.LimitReader(z, maxSums+1))
	if err != nil {
		return sums{}, err
	}
	if len(b) > maxSums {
		return sums{}, fmt.Errorf("it unpacks to more than %d bytes", maxSums)
	}
	of, err := fetch.ParseSums(b)
	if err != nil {
		return sums{}, err
	}
	for name, sum := range of { // a list above All has its packages as All/nginx-1.26.2.tgz
		if base, ok := strings.CutPrefix(name, "All/"); ok && of[base] == "" {
			of[base] = sum
		}
	}
	digest := sha256.Sum256(b)
	return sums{of: of, digest: "sha256:" + hex.EncodeToString(digest[:])}, nil
}

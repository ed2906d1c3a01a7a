package repo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/tree"
)

const headTimeout = 30 * time.Second

// listNames are the names of package lists, in the order in which they are
// taken: the smallest first.
var listNames = []string{"Packages.xz", "Packages.zst", "Packages.bz2", "Packages.gz", "Packages"}

// untrusted reports whether err is of an archive that someone may have changed,
// not of one that is only out of order.
func untrusted(err error) bool {
	return errors.Is(err, ErrSignature) || errors.Is(err, ErrExpired) || errors.Is(err, fetch.ErrDamaged)
}

// notThere reports whether err is of a file that the archive hasn't.
func notThere(err error) bool {
	return errors.Is(err, fetch.ErrNotThere) || errors.Is(err, fs.ErrNotExist)
}

// refresh asks the archive for each suite, gets the package lists that are new,
// and keeps both.
func (s *Source) refresh(ctx context.Context, keys keyring) ([]*suite, error) {
	var all []*suite
	for _, u := range s.suites() {
		old, err := s.readKept(u, keys)
		if err != nil {
			return nil, err
		}
		x, err := s.refreshSuite(ctx, u, keys, old)
		if err != nil {
			return nil, fmt.Errorf("suite %s: %w", u.Name, err)
		}
		all = append(all, x)
	}
	if err := s.setAsked(all, s.time()); err != nil {
		return nil, err
	}
	// A courtesy: what it can't remove, the next may.
	_ = atomicfile.Sweep(s.Dir, storedPrefix, unusedAge)
	return all, nil
}

func (s *Source) refreshSuite(ctx context.Context, u Suite, keys keyring, old *suite) (*suite, error) {
	x, err := s.getRelease(ctx, u, keys, old)
	if err != nil {
		return nil, err
	}
	if err := x.release.checkTime(s.time()); err != nil {
		return nil, fmt.Errorf("the Release file at %s: %w", x.kept.Base, err)
	}
	if err := s.getLists(ctx, x); err != nil {
		return nil, err
	}
	if x == old {
		return x, nil
	}
	return x, s.keep(x)
}

// getRelease gets the Release file of a suite, unless it is the one of old.
func (s *Source) getRelease(ctx context.Context, u Suite, keys keyring, old *suite) (*suite, error) {
	var missing error
	for _, base := range s.bases(u) {
		stamp := s.stamp(ctx, suiteAddress(base, u)+"InRelease")
		if old != nil && stamp != "" && stamp == old.kept.Stamp && base == old.kept.Base {
			return old, nil
		}
		f, err := s.getSigned(ctx, suiteAddress(base, u))
		if notThere(err) {
			if missing == nil {
				missing = err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		x, err := s.readRelease(u, kept{Version: stateVersion, Base: base, Stamp: stamp, Release: f}, keys)
		if err != nil {
			return nil, err
		}
		if old != nil && x.release.date.Before(old.release.date) {
			s.Log().Warn("the archive has an older Release file than before", "suite", u.Name, "date", x.release.date, "before", old.release.date)
			return old, nil
		}
		return x, nil
	}
	return nil, fmt.Errorf("there is no such suite: %w", missing)
}

// bases are where a suite may be.
func (s *Source) bases(u Suite) []string {
	if strings.HasSuffix(u.Name, "-security") {
		return []string{s.base(), s.base() + "-security"}
	}
	return []string{s.base()}
}

func suiteAddress(base string, u Suite) string { return base + "/dists/" + u.Name + "/" }

// getSigned gets InRelease, or Release and its signature.
func (s *Source) getSigned(ctx context.Context, at string) (signed, error) {
	client := s.client()
	b, err := client.Small(ctx, at+"InRelease", maxRelease)
	if err == nil {
		return signed{Text: b}, nil
	}
	if !notThere(err) {
		return signed{}, err
	}
	first := err
	if b, err = client.Small(ctx, at+"Release", maxRelease); notThere(err) {
		return signed{}, first
	} else if err != nil {
		return signed{}, err
	}
	sig, err := client.Small(ctx, at+"Release.gpg", 0)
	if notThere(err) {
		return signed{}, fmt.Errorf("%sRelease: %w: there is neither InRelease nor Release.gpg", at, ErrSignature)
	}
	if err == nil && len(sig) == 0 {
		err = fmt.Errorf("%sRelease.gpg: %w: it is empty", at, ErrSignature)
	}
	return signed{Text: b, Signature: sig}, err
}

// readRelease checks whose the Release file is and what it is of.
func (s *Source) readRelease(u Suite, k kept, keys keyring) (*suite, error) {
	text, err := k.Release.verify(keys, s.time())
	if err != nil {
		return nil, fmt.Errorf("the Release file at %s is %w", suiteAddress(k.Base, u), err)
	}
	r, err := parseRelease(text)
	if err == nil {
		err = r.checkName(u.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("the Release file at %s: %w", suiteAddress(k.Base, u), err)
	}
	sum := sha256.Sum256(text)
	return &suite{Suite: u, kept: k, release: r, digest: hex.EncodeToString(sum[:])}, nil
}

// stamp returns what the server says of a file's state, in a text that changes
// with it: its ETag, time and size. It is empty where that isn't said, or where
// something is wrong, which the download then says better.
func (s *Source) stamp(ctx context.Context, addr string) string {
	if p, ok := fetch.LocalPath(addr); ok {
		fi, err := os.Stat(p)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%d %d", fi.Size(), fi.ModTime().UnixNano())
	}
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, addr, nil)
	if err != nil {
		return ""
	}
	h := s.client().HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		return ""
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	etag, modified := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	if etag+modified == "" {
		return ""
	}
	return fmt.Sprintf("%s %s %d", etag, modified, resp.ContentLength)
}

// getLists gets those package lists of the suite that aren't at hand.
func (s *Source) getLists(ctx context.Context, x *suite) error {
	for _, component := range x.components() {
		dirs, err := x.release.lists(component, s.arch())
		if err != nil {
			return fmt.Errorf("the Release file at %s: %w", suiteAddress(x.kept.Base, x.Suite), err)
		}
		for _, dir := range dirs {
			if err := s.getList(ctx, x, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// getList gets the package list in the folder dir of the suite, in the first
// compression that is there.
func (s *Source) getList(ctx context.Context, x *suite, dir string) error {
	at := s.storedPath(x, dir)
	if isWhole(at) {
		now := s.time()
		return os.Chtimes(at, now, now) // it is in use
	}
	var missing error
	for _, name := range listNames {
		f, listed := x.release.files[dir+"/"+name]
		if !listed {
			continue
		}
		for _, addr := range s.listAddresses(x, dir, name, f) {
			err := s.client().File(ctx, addr, "sha256:"+f.sha256, func(file string) error { return store(ctx, file, at) })
			if err == nil {
				return nil
			}
			if !notThere(err) {
				return fmt.Errorf("the package list %s: %w", addr, err)
			}
			missing = err
		}
	}
	return fmt.Errorf("the package list in %s: %w", dir, missing)
}

// listAddresses are where a package list may be. By its digest, it is there
// even while the archive is being changed.
func (s *Source) listAddresses(x *suite, dir, name string, f listedFile) []string {
	at := suiteAddress(x.kept.Base, x.Suite) + dir + "/"
	if x.release.byHash {
		return []string{at + "by-hash/SHA256/" + f.sha256, at + name}
	}
	return []string{at + name}
}

// storedPath is where what matters of the package list in dir is kept: by the
// digest that the Release file has of the list.
func (s *Source) storedPath(x *suite, dir string) string {
	for _, name := range listNames {
		if f, ok := x.release.files[dir+"/"+name]; ok {
			return s.path(storedPrefix + f.sha256)
		}
	}
	return s.path(storedPrefix) // not reached: dir is one of release.lists
}

// store keeps what matters of the package list in a file of the host, whose
// digest was checked.
func store(ctx context.Context, file, at string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	z, err := archive.Decompress(f)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, z.Close()) }()
	return atomicfile.Write(at, 0o644, func(w io.Writer) error { return writeStored(w, tree.Interruptible(ctx, z)) })
}

// isWhole reports whether the kept package list is there to its end.
func isWhole(at string) bool {
	f, err := os.Open(at)
	if err != nil {
		return false
	}
	b := make([]byte, len(storedEnd))
	fi, err := f.Stat()
	if err == nil {
		_, err = f.ReadAt(b, max(0, fi.Size()-int64(len(b))))
	}
	return cmp.Or(err, f.Close()) == nil && string(b) == storedEnd
}

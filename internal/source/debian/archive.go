package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo"
)

// parallel is how many packages of an archive are got and unpacked at the same
// time.
const parallel = 4

// archive returns the Archive with what the Source says of it.
func (s *Source) archive() *repo.Source {
	r := *s.Archive
	r.Dir = filepath.Join(s.Dir, "archive")
	r.Arch, r.Offline, r.Refresh = s.arch(), s.Offline, s.Refresh
	r.Observer = s.Observer
	return &r
}

// archiveClient is what gets packages of the archive.
func (s *Source) archiveClient() *fetch.Client {
	if s.Archive.Client != nil {
		return s.Archive.Client
	}
	return &fetch.Client{
		Dir: filepath.Join(s.Dir, "archive/downloads"), MaxSize: maxDeb,
		Remedy: "try --refresh in case the archive has changed, or another --debian",
	}
}

// resolveArchive is resolve for packages of the Archive.
func (s *Source) resolveArchive(ctx context.Context, names []string) ([]source.Package, string, error) {
	r := s.archive()
	x, fresh, err := r.Open(ctx, false)
	if err != nil {
		return nil, "", err
	}
	given := givenTools(names)
	s.Say("resolve " + strings.Join(names, " "))
	pkgs, err := x.Resolve(names, given)
	if errors.Is(err, repo.ErrNotFound) && !fresh && !s.Offline {
		if x, _, err = r.Open(ctx, true); err != nil {
			return nil, "", err
		}
		pkgs, err = x.Resolve(names, given)
	}
	if err != nil {
		return nil, "", err
	}
	return pkgs, s.archiveKey(x.Key), nil
}

// givenTools are the tools that aren't wanted, as installed ones.
func givenTools(wanted []string) []repo.Given {
	var given []repo.Given
	for _, t := range tools {
		if slices.Contains(wanted, t) {
			continue
		}
		g := repo.Given{Name: t}
		if t == "debconf" {
			g.Provides = "debconf-2.0"
		}
		given = append(given, g)
	}
	return given
}

// archiveKey is the key of what is made of the packages of the lists with that
// key.
func (s *Source) archiveKey(lists string) string {
	if lists == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %q %d %s\n", treeVersion, essentials, s.time().UnixNano(), lists)
	return hex.EncodeToString(h.Sum(nil))
}

// fetchArchive gets packages of the Archive and unpacks them: they are not kept
// beside their files.
func (s *Source) fetchArchive(ctx context.Context, pkgs []source.Package) (err error) {
	unlock, err := atomicfile.Lock(ctx, filepath.Join(s.debs(), "lock"))
	if err != nil {
		return fmt.Errorf("get packages: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// Another process may have got them while this one waited.
	missing, size := s.missing(pkgs)
	if len(missing) == 0 {
		return nil
	}
	s.Say(fmt.Sprintf("download %d packages, %.1f MB", len(missing), float64(size)/1e6))
	client := s.archiveClient()
	var tasks []func(context.Context) error
	for _, p := range missing {
		tasks = append(tasks, func(ctx context.Context) error {
			s.Say("download " + p.String())
			err := client.File(ctx, p.URL, p.Digest, func(file string) error { return s.unpackFile(ctx, file, p) })
			if err != nil {
				return fmt.Errorf("get package %s: %w", p, err)
			}
			return nil
		})
	}
	return fetch.All(ctx, parallel, tasks...)
}

// unpackFile unpacks the package that is in a file.
func (s *Source) unpackFile(ctx context.Context, file string, p source.Package) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	err = unpack(ctx, f, s.unpacked(p), p.Digest)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

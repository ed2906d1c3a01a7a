package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
)

// Fetch downloads those packages that aren't at hand. apt verifies them
// against its signed lists; the digest is checked once more by Tree. Packages
// of an Archive are unpacked at once, as their digests are checked.
func (s *Source) Fetch(ctx context.Context, pkgs []source.Package) (err error) {
	missing, _ := s.missing(pkgs)
	if len(missing) == 0 {
		return nil
	}
	if s.Offline {
		return fmt.Errorf("get package %s: it is not at hand, and the network is not to be used: try without --offline", missing[0])
	}
	dir := s.debs()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("get packages: %w", err)
	}
	if s.Archive != nil {
		return s.fetchArchive(ctx, missing)
	}
	a, err := s.openApt(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	// Another process may have got them while this one waited.
	missing, size := s.missing(missing)
	if len(missing) == 0 {
		return nil
	}
	s.Say(fmt.Sprintf("download %d packages, %.1f MB", len(missing), float64(size)/1e6))
	if err := a.download(ctx, dir, missing); err != nil {
		// A version that was replaced in the archive is gone from it: the
		// caller's list is older than the mirror.
		return fmt.Errorf("get packages: %w (if the network is there, the package lists may be too old: try --refresh)", err)
	}
	if left, _ := s.missing(missing); len(left) > 0 {
		return fmt.Errorf("get package %s: apt-get did not leave %s in %s", left[0], left[0].File, dir)
	}
	return nil
}

func (a *apt) download(ctx context.Context, dir string, pkgs []source.Package) error {
	args := []string{"download", "-q", "--"}
	for _, p := range pkgs {
		args = append(args, p.Name+":"+p.Arch+"="+p.Version)
	}
	for i, arg := range args { // "all" is no architecture that apt looks up
		args[i] = strings.Replace(arg, ":all=", "=", 1)
	}
	return a.get(ctx, dir, func(line string) {
		if strings.HasPrefix(line, "Get:") {
			if f := strings.Fields(line); len(f) > 5 {
				a.s.Say("download " + f[4] + " " + f[6%len(f)])
			}
		}
	}, args...)
}

// missing returns those of pkgs that are neither unpacked nor downloaded, and
// the sum of their sizes.
func (s *Source) missing(pkgs []source.Package) (missing []source.Package, size int64) {
	for _, p := range pkgs {
		// In this order: a .deb goes only once its files are there.
		if fi, err := os.Stat(s.deb(p)); err == nil && fi.Size() == p.Size {
			continue
		}
		if _, err := readStore(s.unpacked(p)); err == nil { // else it is damaged, or not there
			continue
		}
		missing = append(missing, p)
		size += p.Size
	}
	return missing, size
}

func (s *Source) debs() string { return filepath.Join(s.Dir, "debs") }

// deb is where the package p is downloaded to.
func (s *Source) deb(p source.Package) string { return filepath.Join(s.debs(), p.File) }

// unpacked is where the package p is kept once it was unpacked.
func (s *Source) unpacked(p source.Package) string {
	return filepath.Join(s.debs(), strings.TrimPrefix(p.Digest, digestPrefix)+".pack")
}

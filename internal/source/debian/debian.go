// Package debian takes Debian packages, with all that they depend on, into a
// tree: without root, without dpkg, and from whatever sources the host's apt
// has (it knows mirrors, keys, proxies and how to verify), or from an archive
// that is named, without apt.
//
// The host's apt-get resolves and downloads, with a state folder of our own,
// or package repo does; the packages (deb(5)) are unpacked here, and their maintainer scripts
// (Debian Policy, chapter 6) are interpreted against the tree with native
// versions of the commands that they use. What has none is reported.
package debian

import (
	"context"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Source is the Debian archive as the host's apt sees it, or one that is
// named. Several may share a Dir, in one process or many.
type Source struct {
	Dir  string // folder of our own for apt's state, package lists and unpacked packages
	Arch string // Debian's name of the processor; "amd64" when empty
	// Archive is where packages come from in place of the host's apt sources,
	// of which only the address, the suites, the keys and the Client are
	// looked at; the rest is as in the Source. It may be nil.
	Archive *repo.Source
	// Time is the modification time of files that have none of their own.
	// The zero value means 1970, so that trees are reproducible.
	Time time.Time

	Offline bool // use the package lists and packages that are there
	Refresh bool // get new package lists even when there are recent ones

	source.Observer
}

// essentials are the packages that every tree gets, since Debian's packages take
// them for granted without saying so: the folders of a root, users and groups,
// and /bin/sh. The other packages that Debian calls essential are 60 MB of
// tools that a service seldom calls.
var essentials = []string{"base-files", "base-passwd", "dash"}

// digestPrefix begins the Digest of a source.Package here. Its File is the name
// of the .deb as apt stores it.
const digestPrefix = "sha256:"

// Packages returns a tree with the named packages, essentials, and all that they
// depend on. A name may be "name=version" as apt takes it.
func (s *Source) Packages(ctx context.Context, names []string) (tree.Tree, source.Report, error) {
	names = slices.Concat(essentials, names)
	pkgs, key, err := s.resolve(ctx, names)
	if err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	if err := s.Fetch(ctx, pkgs); err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	t, r, err := s.install(ctx, pkgs, names)
	r.Key = key
	return t, r, err
}

func (s *Source) arch() string {
	if s.Arch == "" {
		return "amd64"
	}
	return s.Arch
}

func (s *Source) time() time.Time {
	if s.Time.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return s.Time
}

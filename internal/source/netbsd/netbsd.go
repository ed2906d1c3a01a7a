// Package netbsd takes files from the binary sets of a NetBSD release or daily
// build: base.tar.xz, etc.tgz and their like, as release(7) describes them.
//
// A set is read once from end to end, for an index of its entries and of what
// each program needs, which is kept. After that a set's archive is opened only
// for files that were never wanted before; those are kept, and no others.
package netbsd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
)

// sideBySide is how many sets are downloaded and read at once: reading one is
// bound by a processor, and takes up to 64 MiB for the dictionary of xz.
const sideBySide = 2

// A Source is the sets of one release for one architecture. Several may share
// a Dir, in one process or many.
type Source struct {
	// Mirrors are the bases of releases, and Daily those of daily builds:
	// addresses or folders of the host, tried in order until one has the
	// release. They may be empty where all sets are files of the host.
	Mirrors []string
	Daily   []string

	// Release is "10.1", or the latest daily build: "HEAD", "daily:netbsd-11",
	// or "11" alone for the branch; or that of a day, for as long as a mirror
	// has it: "daily:netbsd-11/202611220000Z".
	Release string
	Arch    string // "amd64", "i386", or the name of another's folder on the mirrors
	Dir     string // folder of our own for indexes and the files that were wanted

	// Client downloads, and keeps the archives in its Dir. Without a network
	// all goes on that was asked for before.
	Client *fetch.Client

	source.Observer
}

// Open returns the stock of the sets named, of which later ones win over those
// before them. A name is one of:
//
//	base, base.tar.xz, base.tgz   that set, with the ending that the mirror has
//	comp:/usr/bin/strip           only this file of it, or all below this folder
//	comp.tar.xz:/usr/bin/str*     only those (path.Match: * stops at a /)
//	./sets/base.tar.xz            a file of the host, by the / in it
//
// Sets whose indexes are not there yet are downloaded, checked against the
// published SHA512, and read.
func (s *Source) Open(ctx context.Context, names []string) (*Sets, error) {
	own := *s // the caller's may change
	sets, err := own.open(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("open sets of %s: %w", s, err)
	}
	return sets, nil
}

func (s *Source) open(ctx context.Context, names []string) (*Sets, error) {
	dir, err := filepath.Abs(s.Dir) // trees name files in it
	if err != nil {
		return nil, err
	}
	s.Dir = dir
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	// What a killed process left behind is in nobody's way.
	if err := atomicfile.Sweep(s.Dir, atomicfile.Prefix, atomicfile.Stale); err != nil {
		s.Log().Warn("old temporary files stay", "err", err)
	}
	wants, remote, err := parseNames(names)
	if err != nil {
		return nil, err
	}
	var l listing
	if remote {
		if l, err = s.list(ctx, false); err != nil {
			return nil, err
		}
	}
	sets, err := s.assemble(ctx, l, wants)
	if !errors.Is(err, fetch.ErrDamaged) {
		return sets, err
	}
	// The sets may be another day's than their checksums.
	newer, lerr := s.list(ctx, true)
	if lerr != nil || maps.Equal(newer.sums, l.sums) {
		return nil, err
	}
	return s.assemble(ctx, newer, wants)
}

// assemble makes the stock of what is wanted from those sets that l lists.
func (s *Source) assemble(ctx context.Context, l listing, wants []wanted) (*Sets, error) {
	out := &Sets{source: s}
	byFile := make(map[string]*set)
	var tasks []func(context.Context) error
	for _, w := range wants {
		one, err := s.locate(l, w)
		if err != nil {
			return nil, err
		}
		if old, ok := byFile[one.file]; ok {
			one = old
		} else {
			byFile[one.file] = one
			tasks = append(tasks, func(ctx context.Context) error { return s.load(ctx, one) })
		}
		out.layers = append(out.layers, layer{set: one, members: w.members})
	}
	if err := fetch.All(ctx, sideBySide, tasks...); err != nil {
		return nil, err
	}
	return out, out.checkMembers()
}

// load gives the set its index, which is made first if need be.
func (s *Source) load(ctx context.Context, one *set) (err error) {
	if done, err := s.readIndex(one); done || err != nil {
		return err
	}
	unlock, err := s.lock(ctx, one)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// Another process may have made it while this one waited.
	if done, err := s.readIndex(one); done || err != nil {
		return err
	}
	return s.withArchive(ctx, one, func(archive string) error {
		s.Say("read set " + one.pkg.File)
		ix, err := scan(ctx, archive, s.Dir)
		if err != nil {
			return fmt.Errorf("read set %s: %w", one.file, err)
		}
		b, err := ix.encode()
		if err != nil {
			return fmt.Errorf("read set %s: %w", one.file, err)
		}
		one.use(ix)
		return atomicfile.WriteFile(s.cached(one, ".index"), b, 0o644)
	})
}

// readIndex gives the set its index, and reports whether there is a sound one.
func (s *Source) readIndex(one *set) (bool, error) {
	b, err := os.ReadFile(s.cached(one, ".index"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ix, err := decodeIndex(b)
	if err != nil {
		s.Log().Warn("the index of a set is made again", "set", one.pkg.Name, "err", err)
		return false, nil
	}
	one.use(ix)
	return true, nil
}

// withArchive calls use with where the set's archive is, which is downloaded
// first if need be. In a mirror that is a folder it is read where it is.
func (s *Source) withArchive(ctx context.Context, one *set, use func(path string) error) error {
	if one.local {
		return use(one.file)
	}
	if _, ok := fetch.LocalPath(one.file); ok {
		return s.Client.File(ctx, one.file, one.pkg.Digest, use)
	}
	archive, err := s.Client.Keep(ctx, one.file, one.pkg.Digest)
	if err != nil {
		return err
	}
	return use(archive)
}

// lock keeps other users of Dir from working on the set.
func (s *Source) lock(ctx context.Context, one *set) (unlock func() error, err error) {
	return atomicfile.Lock(ctx, s.cached(one, ".lock"))
}

// cached is the name of a file of our own about the set.
func (s *Source) cached(one *set, ending string) string { return filepath.Join(s.Dir, one.key+ending) }

// String names the release: "NetBSD 10.1/i386".
func (s *Source) String() string { return "NetBSD " + s.Release + "/" + s.Arch }

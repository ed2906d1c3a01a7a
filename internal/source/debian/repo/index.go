package repo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
)

// An Index is the packages of an archive's suites.
type Index struct {
	// Key identifies the index: another one has other packages.
	Key string

	name      string            // for messages
	arch      string            // processor
	byName    map[string][]*pkg // the one that is taken first
	providers map[string][]*pkg // by what they provide; candidates only
}

// load reads the kept package lists of the suites, and gets those again that
// are missing.
func (s *Source) load(ctx context.Context, suites []*suite) (*Index, error) {
	x := newIndex(s.String(), s.arch())
	x.Key = s.key(suites)
	for _, u := range suites {
		if err := s.loadSuite(ctx, x, u); err != nil {
			return nil, fmt.Errorf("read the package lists of %s: %w", u.Name, err)
		}
	}
	x.finish()
	return x, nil
}

func (s *Source) loadSuite(ctx context.Context, x *Index, u *suite) error {
	for _, component := range u.components() {
		dirs, err := u.release.lists(component, s.arch())
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			if at := s.storedPath(u, dir); !isWhole(at) {
				if s.Offline {
					return fmt.Errorf("%s is not at hand, and the network is not to be used: try without --offline", dir)
				}
				if err := s.getList(ctx, u, dir); err != nil {
					return err
				}
			}
			if err := x.addStored(s.storedPath(u, dir), u.kept.Base, u.release.rank()); err != nil {
				return err
			}
		}
	}
	return nil
}

func newIndex(name, arch string) *Index {
	return &Index{name: name, arch: arch, byName: make(map[string][]*pkg), providers: make(map[string][]*pkg)}
}

// addStored adds the packages of a kept list.
func (x *Index) addStored(at, base string, rank int) (err error) {
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	magic := make([]byte, len(storedMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != storedMagic {
		return fmt.Errorf("%s: %w: remove it and try again", at, errDamaged)
	}
	return x.add(f, base, rank)
}

// add adds the packages of a list.
func (x *Index) add(r io.Reader, base string, rank int) error {
	return readPackages(r, func(p pkg) error {
		if p.Arch != x.arch && p.Arch != "all" {
			return nil
		}
		p.base, p.rank = base, rank
		x.byName[p.Name] = append(x.byName[p.Name], &p)
		return nil
	})
}

// finish sorts what was added: of each name the one that is taken first, which
// is the newest; and of the same version, that of the first suite.
func (x *Index) finish() {
	for _, all := range x.byName {
		slices.SortStableFunc(all, func(a, b *pkg) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), CompareVersions(b.Version, a.Version))
		})
		for _, v := range all[0].provides() {
			x.providers[v.name] = append(x.providers[v.name], all[0])
		}
	}
	for _, all := range x.providers {
		slices.SortFunc(all, compareProviders)
	}
}

// priorities are those of packages (Debian Policy, 2.5), the first one first.
var priorities = []string{"required", "important", "standard", "optional", "extra"}

// compareProviders says which of several packages that provide the same is
// tried first: as for apt, what is essential, then by priority.
func compareProviders(a, b *pkg) int {
	essential := func(p *pkg) int {
		if p.Essential == "yes" {
			return 0
		}
		return 1
	}
	priority := func(p *pkg) int {
		if i := slices.Index(priorities, p.Priority); i >= 0 {
			return i
		}
		return len(priorities)
	}
	return cmp.Or(cmp.Compare(essential(a), essential(b)), cmp.Compare(priority(a), priority(b)), strings.Compare(a.Name, b.Name))
}

// Names returns the names of all packages, sorted.
func (x *Index) Names() []string { return slices.Sorted(maps.Keys(x.byName)) }

// described returns p as all sources tell of packages. The name of its file and
// its address are as apt has them.
func (p *pkg) described() source.Package {
	return source.Package{
		Name: p.Name, Version: p.Version, Arch: p.Arch,
		File: quote(p.Name, "_:") + "_" + quote(p.Version, "_:") + "_" + quote(p.Arch, "_:.") + ".deb",
		Size: p.Size, Digest: "sha256:" + p.SHA256, URL: p.address(),
	}
}

// address is where the package's file is.
func (p *pkg) address() string {
	if local, ok := fetch.LocalPath(p.base); ok {
		return path.Join(local, p.Filename)
	}
	return p.base + "/" + quote(p.Filename, "+~")
}

// quote writes the bytes of bad, and those that no address has as they are, in
// hex.
func quote(s, bad string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("%?#", c) >= 0 || strings.IndexByte(bad, c) >= 0 {
			fmt.Fprintf(&b, "%%%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/lock"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// lockedPackages gets the versions of packages that a lock has, for as long
// as their source has them.
type lockedPackages struct {
	build.PackageSource
	locked []lock.Package
	linux  bool  // they are Debian's, else pkgsrc's
	err    error // why the locked versions could not be had
}

// digestsOf returns the SHA-256 of the locked packages' files, by their names.
func digestsOf(locked []lock.Package) map[string]string {
	all := make(map[string]string)
	for _, p := range locked {
		if p.File != "" && strings.HasPrefix(p.Digest, "sha256:") {
			all[p.File] = p.Digest
		}
	}
	return all
}

// Packages implements build.PackageSource. The locked packages are asked for
// by their versions; where the source has them no more, it returns the newest,
// and who holds the build to the lock says what differs.
//
// Debian's are first asked for by the definition's names alone: apt-get orders
// packages by what is asked for, and the order should be the one that it was.
func (p *lockedPackages) Packages(ctx context.Context, names []string) (t tree.Tree, r source.Report, err error) {
	if p.linux {
		t, r, err = p.PackageSource.Packages(ctx, names)
		if ctx.Err() != nil || err == nil && p.same(r) {
			r.Key = p.key(r.Key)
			return t, r, err
		}
	}
	old, oldReport, oldErr := p.PackageSource.Packages(ctx, p.exactly(names))
	switch {
	case oldErr == nil:
		t, r, err = old, oldReport, nil
		p.explain(&r)
	case ctx.Err() != nil:
		return t, r, ctx.Err()
	case !p.linux:
		t, r, err = p.PackageSource.Packages(ctx, names)
	}
	p.err = oldErr
	r.Key = p.key(r.Key)
	return t, r, err
}

// Key implements build.PackageSource.
func (p *lockedPackages) Key() string { return p.key(p.PackageSource.Key()) }

// key tells builds of locked versions from those of the newest.
func (p *lockedPackages) key(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Append(nil, key, p.locked))
	return hex.EncodeToString(sum[:])
}

// same reports whether these are the locked packages.
func (p *lockedPackages) same(r source.Report) bool {
	return len(r.Packages) == len(p.locked) && !slices.ContainsFunc(r.Packages, func(have source.Package) bool {
		return p.find(have) == nil
	})
}

// find returns the locked package that have is.
func (p *lockedPackages) find(have source.Package) *lock.Package {
	for i, l := range p.locked {
		if l.Name == have.Name && l.Version == have.Version {
			return &p.locked[i]
		}
	}
	return nil
}

// exactly returns the names with the locked versions.
func (p *lockedPackages) exactly(names []string) []string {
	if !p.linux {
		all := slices.Clone(names) // what was asked for decides the order
		for _, l := range p.locked {
			all = append(all, l.Name+"-"+l.Version)
		}
		return all
	}
	var all []string
	for _, n := range names {
		bare, _, _ := strings.Cut(n, ":")
		if !slices.ContainsFunc(p.locked, func(l lock.Package) bool { return l.Name == bare }) {
			all = append(all, n) // with a version already, or not locked
		}
	}
	for _, l := range p.locked {
		all = append(all, l.Name+"="+l.Version)
	}
	return all
}

// explain puts right what packages are there for, since all of them were
// asked for.
func (p *lockedPackages) explain(r *source.Report) {
	for i := range r.Packages {
		if l := p.find(r.Packages[i]); l != nil {
			r.Packages[i].For = l.For
		}
	}
}

package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// usualSets are the sets that system files come from where a ship names none.
var usualSets = []string{"base", "etc"}

// openCatalog opens the sets, once for each list of them.
func (b *builder) openCatalog(ctx context.Context, sets []string) (tree.Catalog, error) {
	if b.Catalog == nil {
		return nil, errors.New("there is no source of system files")
	}
	b.volatile = b.volatile || b.Passing || slices.ContainsFunc(sets, isHostFile)
	name := strings.Join(sets, " ")
	if c := b.catalogs[name]; c != nil {
		return c, nil
	}
	b.progress("open sets " + name)
	c, err := b.Catalog(ctx, b.Guest, b.besideShip(sets))
	if err != nil {
		return nil, err
	}
	b.noteSets(c)
	if b.catalogs == nil {
		b.catalogs = make(map[string]tree.Catalog)
	}
	b.catalogs[name] = c
	return c, nil
}

// besideShip returns the sets with those that are files of the host by their
// whole path: one that is relative is relative to the definition's folder.
func (b *builder) besideShip(sets []string) []string {
	dir := cmp.Or(b.ship.Context, filepath.Dir(b.ship.File))
	all := slices.Clone(sets)
	for i, set := range all {
		if isHostFile(set) && !filepath.IsAbs(set) {
			all[i] = filepath.Join(dir, set)
		}
	}
	return all
}

// isHostFile reports whether a set is a file of the host, as "./base.tgz" is,
// and "comp:/usr/bin/strip" isn't.
func isHostFile(set string) bool {
	name, _, _ := strings.Cut(set, ":")
	return strings.Contains(name, "/")
}

// close closes the catalogs that want to be.
func (b *builder) close() error {
	var err error
	for _, c := range b.catalogs {
		if c, ok := c.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}

// gatherer returns what takes system files of the ship's sets into the tree.
func (b *builder) gatherer(ctx context.Context) (*tree.Gatherer, error) {
	sets := b.sets
	if len(sets) == 0 {
		sets = b.ship.Sets
	}
	if len(sets) == 0 {
		sets = usualSets
	}
	c, err := b.openCatalog(ctx, sets)
	if err != nil {
		return nil, err
	}
	return &tree.Gatherer{Tree: &b.tree, Catalog: c}, nil
}

// wantsSystem reports whether the ship needs files of NetBSD's own.
func (b *builder) wantsSystem() bool {
	s := b.ship
	return b.Guest.OS == "netbsd" && (len(s.Bins)+len(s.SyncDirs)+len(b.asked)+len(s.Services)+len(s.Sets)+len(s.Also) > 0)
}

// addSystem adds the system files that the ship names, with their libraries.
func (b *builder) addSystem(ctx context.Context) error {
	if !b.wantsSystem() {
		return nil
	}
	g, err := b.gatherer(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", b.systemAt(), err)
	}
	if err := b.wantSystem(ctx, g); err != nil {
		return err
	}
	return g.Close(ctx)
}

// systemAt names the line that makes system files necessary.
func (b *builder) systemAt() string {
	for _, v := range []struct {
		name string
		n    int
	}{
		{"shipbins", len(b.ship.Bins)},
		{"sync_dirs", len(b.ship.SyncDirs)},
		{"packages", len(b.asked)},
		{"services", len(b.ship.Services)},
		{"sets", len(b.ship.Sets)},
		{"also", len(b.ship.Also)},
	} {
		if v.n > 0 {
			return at(b.ship, v.name)
		}
	}
	return at(b.ship, "shipname")
}

// wantSystem asks for all system files that the ship is to have.
func (b *builder) wantSystem(ctx context.Context, g *tree.Gatherer) error {
	for _, want := range []struct {
		variable string
		patterns []string
	}{{"shipbins", b.ship.Bins}, {"sync_dirs", b.ship.SyncDirs}, {"also", b.ship.Also}} {
		for _, p := range want.patterns {
			err := g.Add(ctx, p, b.because(want.variable))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: %s: %s has no %s: name the set that it is in, as sets=\"base etc comp\"", at(b.ship, want.variable), want.variable, g.Catalog, p)
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", at(b.ship, want.variable), want.variable, err)
			}
		}
	}
	if forSailor(b.ship) {
		if err := addThose(ctx, g, sailorBins, b.sailorWhy()); err != nil {
			return err
		}
	}
	return nil
}

// addCommon adds the system's own files of accounts and services, where there
// are none yet: the overlays of a sailor checkout bring them, too.
func (b *builder) addCommon(ctx context.Context) error {
	if !b.wantsSystem() {
		return nil
	}
	for _, v := range []struct {
		name string
		need bool
	}{{"services", len(b.ship.Services) > 0}, {"packages", len(b.asked) > 0}, {"shippath", forSailor(b.ship)}} {
		if !v.need {
			continue
		}
		g, err := b.gatherer(ctx)
		if err != nil {
			return err
		}
		if err := addThose(ctx, g, commonFiles, b.because(v.name)+" (accounts and services)"); err != nil {
			return err
		}
		return g.Close(ctx)
	}
	return nil
}

// addThose asks for those of the paths that are there.
func addThose(ctx context.Context, g *tree.Gatherer, paths []string, why string) error {
	for _, p := range paths {
		if err := g.Add(ctx, p, why); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// addLibraries adds what the files of packages, programs and overlays need of
// the system: libraries, interpreters, what packages say they require, and
// what is loaded by name only.
func (b *builder) addLibraries(ctx context.Context) error {
	at := b.systemAt()
	if !b.wantsSystem() {
		lack, err := b.lack(ctx)
		if err != nil || lack == nil {
			return err
		}
		at = lack.String()
	}
	g, err := b.gatherer(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	// First what files show that they need: that says more than what their
	// packages do.
	if err := g.Close(ctx); err != nil {
		return err
	}
	says := b.buildInfos()
	for _, r := range b.required {
		err := g.Add(ctx, r.Path, "needed by "+cmp.Or(says[r.Package], "package "+r.Package))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: package %s requires %s, which %s doesn't have", b.packagesAt(), r.Package, r.Path, g.Catalog)
		}
		if err != nil {
			return err
		}
	}
	if err := g.Close(ctx); err != nil {
		return err
	}
	for range maxHintRounds { // what is found may name more
		n := b.tree.Len()
		for _, h := range b.tree.Hints() {
			if err := addThose(ctx, g, []string{h.Path}, "needed by "+h.By); err != nil {
				return err
			}
		}
		if err := g.Close(ctx); err != nil {
			return err
		}
		if b.tree.Len() == n {
			break
		}
	}
	return nil
}

// lack returns a library or interpreter that a program of the ship's own needs,
// and that has to come from the system as nothing else brought it: nil where
// there is none, or no stock of system files.
func (b *builder) lack(ctx context.Context) (*tree.Problem, error) {
	if b.Catalog == nil || len(b.own) == 0 {
		return nil, nil
	}
	missing, err := b.tree.Missing(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range missing {
		if slices.Contains(b.own, p.Path) {
			return &p, nil
		}
	}
	return nil, nil
}

// buildInfos returns where pkgsrc's packages say what they require of the
// system, by their names with versions.
func (b *builder) buildInfos() map[string]string {
	all := make(map[string]string)
	if len(b.required) == 0 {
		return all
	}
	for e := range b.tree.Unsorted() {
		if dir, ok := strings.CutSuffix(e.Path, "/+BUILD_INFO"); ok {
			all[path.Base(dir)] = e.Path
		}
	}
	return all
}

// maxHintRounds is more than any system needs.
const maxHintRounds = 8

// prune takes out what people read and compilers use, and tells how much.
func (b *builder) prune(context.Context) error {
	if !b.ship.Prune && !b.Prune {
		return nil
	}
	for _, e := range b.tree.Prune() {
		b.report.Pruned = append(b.report.Pruned, e.Path)
		b.report.PrunedFiles++
		b.report.PrunedBytes += e.Size
	}
	slices.Sort(b.report.Pruned)
	return nil
}

// Package build makes an image of a ship: it gathers the files of its
// packages, programs and overlays into one tree, adds what every root has,
// and checks that what is to be started can start. What was built once is
// found again as long as nothing that it was made from has changed.
package build

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Options are what a build needs besides the ship.
type Options struct {
	// Guest is what the image is for. Where it is empty, the ship says.
	Guest image.Guest
	// Cache is the folder whose "builds" holds what was built before; empty
	// means that every build is a new one.
	Cache string
	// Debian has the packages of Linux guests. Nil: ships with packages
	// can't be built.
	Debian PackageSource
	// Time is the modification time of generated files; the zero value
	// means 1970.
	Time time.Time

	Logger   *slog.Logger      // may be nil
	Progress func(text string) // told what is going on, for people; may be nil
}

// PackageSource has packages with all that they depend on.
type PackageSource interface {
	// Packages returns the files of the named packages as installed.
	Packages(ctx context.Context, names []string) (tree.Tree, source.Report, error)
	// Key changes when Packages may find something else than before; what
	// was found is under Report.Key. It is empty when only Packages can tell.
	Key() string
}

// A Report says how a build went, beside the image.
type Report struct {
	Cached  bool          `json:"-"` // found, not made
	Elapsed time.Duration `json:"-"`
	// Notes are what the author may want to know of what the ship itself
	// names, and each command of a package that could not be run.
	Notes []string `json:"notes,omitempty"`
	// Details are about the packages that those depend on.
	Details     []string         `json:"details,omitempty"`
	Packages    []source.Package `json:"packages,omitempty"` // all that were installed
	PrunedFiles int              `json:"prunedFiles"`        // documentation and translations left out
	PrunedBytes int64            `json:"prunedBytes"`
}

// Build makes the image of s, or finds it in the cache. Errors name the line
// of the ship that is to be changed.
func Build(ctx context.Context, s ship.Ship, o Options) (image.Image, Report, error) {
	start := time.Now()
	img, report, err := o.build(ctx, s, start)
	report.Elapsed = time.Since(start)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("build %s: %w", s.Name, err)
	}
	return img, report, err
}

func (o Options) build(ctx context.Context, s ship.Ship, start time.Time) (image.Image, Report, error) {
	guest, err := pickGuest(s.Guest, o.Guest)
	if err != nil {
		return image.Image{}, Report{}, err
	}
	o.Guest = guest
	if err := possible(s, guest); err != nil {
		return image.Image{}, Report{}, err
	}
	c, err := o.openCache(ctx, s, start)
	if err != nil {
		return image.Image{}, Report{}, err
	}
	if img, report, ok := c.load(); ok {
		report.Cached = true
		return img, report, nil
	}
	b := builder{Options: o, ship: s}
	img, err := b.run(ctx)
	if err != nil {
		return image.Image{}, Report{}, err
	}
	if err := c.store(ctx, o, img, b.report, b.packagesKey); err != nil && o.Logger != nil {
		o.Logger.Warn("the build is not kept for the next time", "err", err) // it is none the worse
	}
	return img, b.report, nil
}

// pickGuest joins what the ship says with what the user asks for.
func pickGuest(have, want image.Guest) (image.Guest, error) {
	g := want
	if g.OS == "" {
		g.OS = have.OS
	}
	if g.Arch == "" {
		g.Arch = have.Arch
	}
	switch {
	case have.OS != "" && have.OS != g.OS || have.Arch != "" && have.Arch != g.Arch:
		return g, fmt.Errorf("the ship is for %s, and the guest is %s", have, g)
	case g.OS != "netbsd" && g.OS != "linux":
		return g, fmt.Errorf("guest system %q is neither netbsd nor linux", g.OS)
	case g.Arch == "":
		return g, errors.New("the guest's processor is not known: say i386 or amd64")
	}
	return g, nil
}

func (o Options) time() time.Time {
	if o.Time.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return o.Time
}

func (o Options) progress(text string) {
	if o.Progress != nil {
		o.Progress(text)
	}
}

// at returns "ship.conf:5" for a variable of the ship, for messages and
// Entry.Why.
func at(s ship.Ship, variable string) string {
	file := s.File
	if file == "" {
		file = s.Name
	}
	if line, ok := s.Lines[variable]; ok && line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

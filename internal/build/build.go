// Package build makes an image of a ship: it gathers the files of its
// packages, programs and overlays into one tree, adds what every root has,
// and checks that what is to be started can start. What was built once is
// found again as long as nothing that it was made from has changed.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Options are what a build needs besides the ship.
type Options struct {
	// Guest is what the image is for. Where it is empty, the ship says.
	Guest image.Guest
	// Cache is the folder whose "builds", "steps" and "adds" hold what was
	// made before; empty means that every build is a new one, and that
	// nothing can be run or fetched.
	Cache string
	// Packages has the packages for the guest. Nil: ships with packages
	// can't be built.
	Packages PackageSource
	// Installs recognises a shell command that installs packages of the
	// source: which, and what else there is to run after that. Nil: none is.
	Installs func(command string) (patterns []string, rest string, ok bool)
	// Catalog opens NetBSD's sets, or what stands for them. Nil: ships that
	// need system files can't be built.
	Catalog func(ctx context.Context, g image.Guest, sets []string) (tree.Catalog, error)
	// Settle does to a root what its system does once all files are there,
	// with the time that generated files have, and returns the paths that it
	// made. Nil: nothing is to be done.
	Settle func(t *tree.Tree, at time.Time) ([]string, error)
	// System tells apart the stocks that Catalog may open: a release and
	// where it is from.
	System string
	// Passing says that what Catalog opens may change at any time, as folders
	// of the host do: a build that took files of it is not kept.
	Passing bool
	// Images returns an image that another builds on, and its ID if it is
	// stored here. Nil: there are none.
	Images func(ctx context.Context, ref string, g image.Guest) (image.Image, string, error)
	// ImageID returns the ID that Images would return for a stored image, ""
	// where it would have to look elsewhere. Nil: always "".
	ImageID func(ctx context.Context, ref string, g image.Guest) string
	// Runner runs steps that need the guest's system. Nil: they can't be run.
	Runner Runner
	// Fetch gets what ADD names by its address. Nil: nothing can be got.
	Fetch *fetch.Client
	// Time is the modification time of generated files; the zero value
	// means 1970.
	Time time.Time

	// Keep stores the image that was made, and returns its ID, which a later
	// build that finds this one reports again. Nil: images aren't stored.
	Keep func(ctx context.Context, img image.Image, r Report) (string, error)
	// Stored reports whether the image that Keep returned this ID of is still
	// there. Nil: it is.
	Stored func(id string) bool
	// Kernel identifies the kernel that the image is said to be for, which Keep
	// writes down; "": none.
	Kernel string
	// Fresh makes the image even where an earlier build is at hand.
	Fresh bool

	// Verify is asked whether the build may go on, before steps run in a guest
	// (what is in the report by then is final, but there may be more) and,
	// with done set, before the image is kept. A build that was made before
	// and doesn't pass is made anew. Nil: it may.
	Verify func(r Report, done bool) error
	// Expect has, by StepResult.Key, the digests of what steps made before.
	// Those whose result at hand is another one are run again.
	Expect map[string]string
	// FixedTimes gives Time to the ship's own files, and to what steps write
	// later than that, so that neither checkouts nor clocks matter.
	FixedTimes bool

	BuildArgs  map[string]string // values of ARG
	Network    bool              // steps may reach the outside
	Prune      bool              // leave out what nothing reads, as if the ship said so
	StepMemory int64             // bytes of a step's guest; 0: what is usual
	StepLimit  time.Duration     // of one step; 0: an hour

	Logger   *slog.Logger      // may be nil
	Progress func(text string) // told what is going on, for people; may be nil
	Step     func(text string) // told each step that is carried out, as it begins; may be nil
	Output   io.Writer         // receives what steps print; may be nil
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
	Pruned      []string         `json:"pruned,omitempty"`   // paths left out because nothing reads them
	PrunedFiles int              `json:"prunedFiles"`        // documentation and translations left out
	PrunedBytes int64            `json:"prunedBytes"`
	Origins
	RunSteps    int `json:"runSteps,omitempty"`    // that a guest carried out
	CachedSteps int `json:"cachedSteps,omitempty"` // that it had carried out before
	// Layers are what the phases and steps of the build changed, in order,
	// on top of the stored image Base, if that is set.
	Layers []Layer `json:"-"` // of a build that was made now
	Base   string  `json:"-"`
	// ID is what Options.Keep returned.
	ID string `json:"id,omitempty"`
}

// A Layer is what one phase or step of a build changed.
type Layer struct {
	Text string `json:"text"` // what made it: "packages nginx", "COPY a /b"
	image.Layer
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
	if img, report, ok := c.load(ctx); ok && o.usable(report) {
		report.Cached = true
		return img, report, nil
	}
	b := builder{Options: o, ship: s}
	img, err := b.run(ctx)
	if err == nil {
		b.sortOrigins()
		err = b.verify(true)
	}
	if err = errors.Join(err, b.close()); err != nil {
		return image.Image{}, Report{}, err
	}
	if o.Keep != nil {
		if b.report.ID, err = o.Keep(ctx, img, b.report); err != nil {
			return image.Image{}, Report{}, err
		}
	}
	if b.volatile {
		c.none = true
	}
	if err := c.store(ctx, img, b.report, b.packagesKey); err != nil && o.Logger != nil {
		o.Logger.Warn("the build is not kept for the next time", "err", err) // it is none the worse
	}
	if b.wrote {
		o.evict()
	}
	return img, b.report, nil
}

// usable reports whether an earlier build is what this one would make.
func (o Options) usable(r Report) bool {
	if o.Fresh || o.Keep != nil && (r.ID == "" || o.Stored != nil && !o.Stored(r.ID)) {
		return false
	}
	return o.Verify == nil || o.Verify(r, true) == nil
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

// begin tells that a step begins.
func (o Options) begin(s ship.Step) {
	if o.Step != nil {
		o.Step(s.Text)
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

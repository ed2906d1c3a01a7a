package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/buildvm"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	"github.com/fakecracker/fakecracker/internal/source/pkgsrc"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// loadShip reads a ship for a guest, whose fields may be empty.
func (r *runner) loadShip(ctx context.Context, g image.Guest) (ship.Ship, error) {
	o := r.shipOptions
	o.Guest, o.Home, o.Environ = g, r.app.getenv("HOME"), os.Environ()
	return ship.Load(ctx, r.ship, o)
}

// buildOptions are what the ship is built with.
func (r *runner) buildOptions(s ship.Ship) build.Options {
	src := &sources{app: r.app, flags: r.flags.sources, home: r.home, status: r.status, release: s.Release}
	if src.release == "" {
		src.release = defaultRelease
	}
	if src.flags.sysroot == "" && isProgram(s) && hostRuns(r.guest) {
		src.flags.sysroot = "/" // where it found its libraries so far
	}
	o := build.Options{
		Guest:     r.guest,
		Logger:    r.app.logger(),
		Cache:     filepath.Join(r.home, "cache"),
		Packages:  src.packages(r.guest),
		Catalog:   src.catalog,
		System:    src.system(r.guest),
		Images:    r.baseImage,
		ImageID:   r.baseID,
		Runner:    &stepRunner{r},
		Fetch:     src.client("downloads", ""),
		Time:      r.app.sourceDate(),
		BuildArgs: r.shipOptions.BuildArgs,
		Prune:     r.flags.sources.prune,
		Progress:  func(text string) { r.status.pass("build", text) },
		Step:      func(text string) { r.status.step("build", text) },
	}
	if o.Passing = src.flags.sysroot != ""; r.guest.OS == machine.Linux && !o.Passing {
		o.Catalog = nil
	}
	if r.guest.OS == machine.NetBSD {
		o.Installs, o.Settle = pkgsrc.Installs, netbsd.Settle
	}
	return o
}

// isProgram reports whether the ship is nothing but one program.
func isProgram(s ship.Ship) bool { return len(s.Programs) == 1 && s.Programs[0].Host == s.File }

// hostRuns reports whether programs of the guest's run on this host.
func hostRuns(g image.Guest) bool { return g.OS == runtime.GOOS && g.Arch == runtime.GOARCH }

// build makes the ship's image, or finds it in the cache, and tells what is
// worth knowing of it.
func (r *runner) build(ctx context.Context, s ship.Ship, o build.Options) (image.Image, build.Report, error) {
	out := &stepOutput{status: r.status}
	o.Output = out
	img, report, err := build.Build(ctx, s, o)
	out.flush()
	if err != nil {
		return img, report, err
	}
	r.nameBasePackages(ctx, report.Bases)
	for _, n := range report.Notes {
		r.status.line("note", "%s", n)
	}
	if r.app.verbose {
		for _, d := range report.Details {
			r.status.line("detail", "%s", d)
		}
	}
	r.tellPruned(report.Pruned)
	how := "built in " + formatElapsed(report.Elapsed)
	if report.Cached {
		how = "cached"
	}
	r.status.line("ship", "%-22s %d files, %s, %s", img.Name, img.Tree.Len(), formatSize(img.Tree.Size()), how)
	return img, report, nil
}

// baseImage returns an image that a ship builds on.
func (r *runner) baseImage(ctx context.Context, ref string, g image.Guest) (image.Image, string, error) {
	info, err := r.findOrPull(ctx, ref, g)
	if err != nil {
		return image.Image{}, "", err
	}
	img, _, err := r.imageStore().Image(ctx, info.ID)
	return img, info.ID, err
}

// findOrPull returns an image of this machine, or one that it gets from a
// registry.
func (r *runner) findOrPull(ctx context.Context, ref string, g image.Guest) (store.Info, error) {
	info, err := r.imageStore().Find(ctx, ref)
	if !errors.Is(err, store.ErrUnknown) {
		return info, err
	}
	if r.flags.sources.packages.offline {
		return info, fmt.Errorf("%w (--offline: a registry is not asked)", err)
	}
	r.status.line("pull", "%s", ref)
	b := newBar(r.status, "pull "+ref)
	defer b.finish()
	var notes takeNotes
	info, err = r.imageStore().Pull(ctx, ref, store.TakeOptions{Guest: g, Progress: b.set, Note: notes.add})
	b.finish()
	notes.print(r.status, ref)
	return info, err
}

// guestOfBase is the guest of the image that a Dockerfile builds on, where
// nothing else says which it is.
func (r *runner) guestOfBase(ctx context.Context, s ship.Ship) (image.Guest, error) {
	for i := len(s.Stages) - 1; i >= 0; {
		from := s.Stages[i].From
		if from.Image != "" {
			info, err := r.findOrPull(ctx, from.Image, from.Guest)
			if err != nil {
				return image.Guest{}, fmt.Errorf("%s:%d: %w", s.File, s.Stages[i].Line, err)
			}
			return info.Guest, nil
		}
		below, err := strconv.Atoi(from.Stage)
		if err != nil || below >= i {
			break
		}
		i = below
	}
	return image.Guest{}, nil
}

// settleGuest decides for which guest the ship is built.
func (r *runner) settleGuest(ctx context.Context, s *ship.Ship, k kernel.Kernel) error {
	if r.guest.OS == "" && s.Guest.OS == "" {
		base, err := r.guestOfBase(ctx, *s)
		if err != nil {
			return err
		}
		s.Guest = base
	}
	r.guest = completeGuest(r.guest, s.Guest, k)
	s.Guest = r.guest
	return nil
}

// baseID returns the ID of an image of this machine, or "".
func (r *runner) baseID(ctx context.Context, ref string, _ image.Guest) string {
	info, err := r.imageStore().Find(ctx, ref)
	if err != nil {
		return ""
	}
	return info.ID
}

// stepRunner runs the steps of a build in microVMs, for which it finds kernel
// and accelerator when the first is to run.
type stepRunner struct{ *runner }

// Run implements build.Runner.
func (r *stepRunner) Run(ctx context.Context, j build.Job) ([]tree.Tree, error) {
	if r.accel.Name == "" {
		if err := r.chooseAccel(ctx); err != nil {
			return nil, err
		}
	}
	vm := &buildvm.Runner{
		Home: r.home, Kernel: r.stepKernel, Machine: r.flags.machine, Accel: r.accel.Name, Driver: r.driver(), Logger: r.app.logger(),
	}
	if r.accel.Name != "tcg" {
		vm.Watchdog = watchdog
	}
	if r.app.verbose {
		vm.Console = &stepOutput{status: r.status}
	}
	return vm.Run(ctx, j)
}

// stepKernel returns the kernel that steps run under: the one that the user
// names, else one at hand.
func (r *stepRunner) stepKernel(ctx context.Context, g image.Guest) (kernel.Kernel, error) {
	if r.flags.kernel == "" {
		return r.anyKernel(ctx)
	}
	k, err := r.namedKernel(r.flags.kernel)
	if err != nil {
		return k, err
	}
	return k, fits(k, g)
}

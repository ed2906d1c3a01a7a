package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/buildvm"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/ship"
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
	return build.Options{
		Guest:     r.guest,
		Logger:    r.app.logger(),
		Cache:     filepath.Join(r.home, "cache"),
		Packages:  src.packages(r.guest),
		Catalog:   src.catalog,
		System:    src.system(),
		Images:    r.baseImage,
		ImageID:   r.baseID,
		Runner:    &stepRunner{r},
		Fetch:     src.client("downloads", ""),
		Time:      r.app.sourceDate(),
		Target:    r.shipOptions.Target,
		BuildArgs: r.shipOptions.BuildArgs,
		Prune:     r.flags.sources.prune,
		Progress:  func(text string) { r.status.pass("build", text) },
		Output:    &stepOutput{status: r.status},
	}
}

// build makes the ship's image, or finds it in the cache, and tells what is
// worth knowing of it.
func (r *runner) build(ctx context.Context, s ship.Ship, o build.Options) (image.Image, build.Report, error) {
	img, report, err := build.Build(ctx, s, o)
	if err != nil {
		return img, report, err
	}
	for _, n := range report.Notes {
		r.status.line("note", "%s", n)
	}
	if r.app.verbose {
		for _, d := range report.Details {
			r.status.line("detail", "%s", d)
		}
		for _, p := range report.Pruned {
			r.status.line("pruned", "%s", p)
		}
	}
	how := "built in " + formatElapsed(report.Elapsed)
	if report.Cached {
		how = "cached"
	}
	r.status.line("ship", "%-22s %d files, %s, %s", img.Name, img.Tree.Len(), formatSize(img.Tree.Size()), how)
	return img, report, nil
}

// baseImage returns an image that a ship builds on.
func (r *runner) baseImage(ctx context.Context, ref string, g image.Guest) (image.Image, string, error) {
	img, info, err := r.imageStore().Image(ctx, ref)
	if err != nil {
		return image.Image{}, "", fmt.Errorf("%w (an image of a registry is fetched by: fakecracker pull %s)", err, ref)
	}
	return img, info.ID, nil
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
// names, if it is for the guest, else one at hand.
func (r *stepRunner) stepKernel(ctx context.Context, g image.Guest) (kernel.Kernel, error) {
	if r.flags.kernel != "" {
		if k, err := r.namedKernel(r.flags.kernel); err == nil && k.Info.OS == g.OS && (k.Info.Arch == g.Arch || g.OS == machine.Linux) {
			return k, nil
		}
	}
	return r.anyKernel(ctx)
}

package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
)

// loadShip reads a ship for a guest, whose fields may be empty.
func (a *app) loadShip(ctx context.Context, path string, g image.Guest) (ship.Ship, error) {
	return ship.Load(ctx, path, ship.Options{Guest: g, Home: a.getenv("HOME"), Environ: os.Environ()})
}

// build makes the ship's image, or finds it in the cache, and tells what is
// worth knowing of it.
func (r *runner) build(ctx context.Context, s ship.Ship) (image.Image, error) {
	img, report, err := build.Build(ctx, s, build.Options{
		Guest:    r.guest,
		Logger:   r.app.logger(),
		Cache:    filepath.Join(r.home, "cache"),
		Packages: r.app.debian(r.home, r.flags.packages, r.status),
		Time:     r.app.sourceDate(),
	})
	if err != nil {
		return img, err
	}
	for _, n := range report.Notes {
		r.status.line("note", "%s", n)
	}
	if r.app.verbose {
		for _, d := range report.Details {
			r.status.line("detail", "%s", d)
		}
	}
	how := "built in " + formatElapsed(report.Elapsed)
	if report.Cached {
		how = "cached"
	}
	r.status.line("ship", "%-22s %d files, %s, %s", img.Name, img.Tree.Len(), formatSize(img.Tree.Size()), how)
	return img, nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// shipFlags are the flags of build as they were typed.
type shipFlags struct {
	tag       []string
	file      string
	target    string
	buildArgs []string
	output    string
	guest     string
	kernel    string
	layout    string
	machine   string
	accel     string
	memory    string
	limit     time.Duration
	network   bool
	allowHost bool
	noCache   bool
	quiet     bool
	sbom      string
	sources   sourceFlags
	locks     lockFlags
}

func newBuild(a *app) *cobra.Command {
	var f shipFlags
	c := &cobra.Command{
		Use:   "build [flags] PATH",
		Short: "Build an image of a ship, a Dockerfile or a program",
		Long: `Build an image of a ship, a Dockerfile or a program.

PATH is a folder with a ship.conf, Dockerfile or SMOLerfile in it, one of these
files, or a program, whose guest is known by its ELF header. Neither root nor
a NetBSD host is needed. Steps that only the guest's own system can carry out
run in a microVM of the tree that is being built.

-o says what comes out: type=image (an image of this machine, the default),
type=dir,dest=FOLDER, type=tar,dest=FILE or type=disk,dest=FILE (- is standard
output for a tar).

--lock writes ship.lock beside the definition (NAME.lock for NAME.conf): each
set, package, own file and step with its version and digest. --locked builds
from the versions in it, whatever else there is by now, and where something
differs says so and stores nothing. Both give the ship's own files one date
(SOURCE_DATE_EPOCH, else 1970), so that the image is the same on any machine.
Without these flags a lock is not looked at.`,
		Example: `  fakecracker build --guest linux examples/nginx
  fakecracker build -t web:1 --build-arg VERSION=1.2 .
  fakecracker build -f Dockerfile.test --target test .
  fakecracker build -o type=disk,dest=root.img article.conf
  fakecracker build --sbom web.spdx.json web.conf
  fakecracker build -o type=tar,dest=- ./server | tar tv`,
		GroupID: "image",
		Args:    exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), a, args[0])
		},
	}
	f.declare(c)
	return c
}

func (f *shipFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.tag, "tag", "t", nil, "name the image `NAME[:TAG]` (default: the ship's name)")
	fl.StringVarP(&f.file, "file", "f", "", "the definition, if it is not what PATH has (PATH is the build context then)")
	fl.StringVar(&f.target, "target", "", "the stage of a Dockerfile to build (default: the last)")
	fl.StringArrayVar(&f.buildArgs, "build-arg", nil, "set `NAME=VALUE` for an ARG; without a value, the environment's")
	fl.StringVarP(&f.output, "output", "o", "type=image", "what comes out: type=image|dir|tar|disk[,dest=PATH]")
	fl.StringVar(&f.guest, "guest", "", "the guest's system: netbsd[/i386|/amd64] or linux (default: the ship's, else netbsd/i386)")
	fl.StringVar(&f.kernel, "kernel", "", "the kernel that steps run under, a `NAME` of 'kernel ls' or a file")
	fl.StringVar(&f.layout, "disk-layout", "", "bare, disklabel or gpt, for -o type=disk")
	fl.StringVar(&f.machine, "machine", "", "pc or microvm, for steps (default: what the kernel boots on)")
	fl.StringVar(&f.accel, "accel", "", "tcg, kvm, hvf or nvmm, for steps")
	fl.StringVar(&f.memory, "step-memory", "", "memory of the guest that runs steps (default 512M)")
	fl.DurationVar(&f.limit, "step-limit", time.Hour, "how long a step may take")
	fl.BoolVar(&f.network, "network", false, "let steps reach the network")
	fl.BoolVar(&f.allowHost, "allow-host-commands", false, "let a .conf file run programs of this host, as sailor does")
	fl.BoolVar(&f.noCache, "no-cache", false, "make the image even if nothing has changed")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print the image's ID only")
	fl.StringVar(&f.sbom, "sbom", "", "write what the image is made of to `FILE`, as SPDX 2.3")
	f.sources.declare(c)
	f.locks.declare(c)
}

// output is what -o says.
type output struct {
	kind string // "image", "dir", "tar" or "disk"
	dest string
}

// parseOutput reads "type=tar,dest=x.tar".
func parseOutput(s string) (output, error) {
	o := output{kind: "image"}
	for field := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(field, "=")
		switch {
		case ok && key == "type":
			o.kind = value
		case ok && (key == "dest" || key == "d"):
			o.dest = value
		default:
			return o, fmt.Errorf("-o %q: want type=image, or type=dir, tar or disk with dest=PATH", s)
		}
	}
	switch {
	case !slices.Contains([]string{"image", "dir", "tar", "disk"}, o.kind):
		return o, fmt.Errorf("-o type=%s: the types are image, dir, tar and disk", o.kind)
	case o.kind == "image" && o.dest != "":
		return o, errors.New("-o type=image has no dest: 'fakecracker save' writes an image to a file")
	case o.kind != "image" && o.dest == "":
		return o, fmt.Errorf("-o type=%s: say where to, as in -o type=%[1]s,dest=PATH", o.kind)
	case o.kind == "disk" && o.dest == "-":
		return o, errors.New("-o type=disk: a disk has holes, and needs a file")
	}
	return o, nil
}

// parseBuildArgs reads NAME=VALUE, and NAME, whose value is the environment's.
func (a *app) parseBuildArgs(args []string) (map[string]string, error) {
	all := make(map[string]string)
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if name == "" {
			return nil, fmt.Errorf("--build-arg %q: want NAME=VALUE", arg)
		}
		if !ok {
			if value = a.getenv(name); value == "" {
				continue
			}
		}
		all[name] = value
	}
	return all, nil
}

// runner checks the flags, and returns what carries them out.
func (f *shipFlags) runner(a *app, path string) (*runner, output, error) {
	out, err := parseOutput(f.output)
	if err != nil {
		return nil, out, err
	}
	r := &runner{app: a, ship: path, began: time.Now(), console: a.out, status: &status{w: a.err, quiet: f.quiet}}
	r.flags = runFlags{kernel: f.kernel, layout: f.layout, machine: f.machine, accel: f.accel, sources: f.sources, quiet: f.quiet}
	if err := r.flags.checkWords(); err != nil {
		return nil, out, err
	}
	if r.guest, err = parseGuest(f.guest); err != nil {
		return nil, out, err
	}
	if r.shipOptions.BuildArgs, err = a.parseBuildArgs(f.buildArgs); err != nil {
		return nil, out, err
	}
	if r.memory, err = parseMemory(f.memory); err != nil {
		return nil, out, err
	}
	if err := f.locks.check(); err != nil {
		return nil, out, err
	}
	for _, name := range f.tag {
		if err := store.CheckName(name); err != nil {
			return nil, out, fmt.Errorf("-t: %w", err)
		}
	}
	r.shipOptions.File, r.shipOptions.Target, r.shipOptions.AllowHostCommands = f.file, f.target, f.allowHost
	return r, out, nil
}

// run builds, and puts out what is asked for.
func (f *shipFlags) run(ctx context.Context, a *app, path string) error {
	r, out, err := f.runner(a, path)
	if err != nil {
		return withCode(exitUsage, err)
	}
	if r.home, err = a.home(); err != nil {
		return err
	}
	if err := f.checkDests(out); err != nil {
		return err
	}
	s, k, err := r.shipAndKernelToBuild(ctx)
	if err != nil {
		return err
	}
	l, err := f.locks.locking(r, s)
	if err != nil {
		return err
	}
	l.leaveOut(&s)
	o := r.buildOptions(s)
	if o.Kernel, err = kernelDigest(k); err != nil {
		return err
	}
	o.Network, o.StepMemory, o.StepLimit, o.Fresh = f.network, r.memory, f.limit, f.noCache
	if out.kind == "image" {
		o.Keep = f.keeper(r, s, o.Kernel)
		o.Stored = func(id string) bool { return r.imageStore().Exists(ctx, id) }
	}
	l.hold(&o)
	img, report, err := r.build(ctx, s, o)
	if err != nil {
		return err
	}
	if err := l.finish(report); err != nil {
		return err
	}
	if f.sbom != "" {
		if err := r.writeSBOM(f.sbom, img, report); err != nil {
			return err
		}
	}
	if out.kind == "image" {
		return f.name(ctx, r, img, report)
	}
	return r.export(ctx, img, out, r.flags.layout)
}

// checkDests fails where what comes out could not be put there.
func (f *shipFlags) checkDests(out output) error {
	if f.sbom != "" {
		if err := checkDest(f.sbom); err != nil {
			return fmt.Errorf("--sbom %w", err)
		}
	}
	var err error
	switch {
	case out.kind == "dir":
		err = checkNewFolder(out.dest)
	case out.dest != "" && out.dest != "-":
		err = checkDest(out.dest)
	}
	if err != nil {
		return fmt.Errorf("-o type=%s: %w", out.kind, err)
	}
	return nil
}

// shipAndKernelToBuild loads the ship and the kernel that the user named for
// it, if any.
func (r *runner) shipAndKernelToBuild(ctx context.Context) (s ship.Ship, k kernel.Kernel, err error) {
	if r.flags.kernel != "" {
		if k, err = r.namedKernel(r.flags.kernel); err != nil {
			return s, k, err
		}
	}
	if s, err = r.loadShip(ctx, r.guest); err != nil {
		return s, k, err
	}
	if err := r.settleGuest(ctx, &s, k); err != nil {
		return s, k, err
	}
	if r.flags.kernel != "" {
		err = fits(k, r.guest)
	}
	return s, k, err
}

// keeper returns what puts an image that was made into the store.
func (f *shipFlags) keeper(r *runner, s ship.Ship, kernelID string) func(context.Context, image.Image, build.Report) (string, error) {
	return func(ctx context.Context, img image.Image, report build.Report) (string, error) {
		r.status.pass("image", "store "+img.Name)
		d := draftOf(img, report, asker(s), r.app.sourceDate())
		d.Names, d.Kernel = f.names(img), kernelID
		if err := r.addBasePackages(ctx, &d); err != nil {
			return "", err
		}
		info, err := r.imageStore().Create(ctx, d)
		return info.ID, err
	}
}

// addBasePackages adds to the packages of an image those that came with its
// base, as far as they were not replaced.
func (r *runner) addBasePackages(ctx context.Context, d *store.Draft) error {
	if d.Base == "" || d.Packages == nil {
		return nil // the store takes the base's
	}
	base, err := r.imageStore().Find(ctx, d.Base)
	if err != nil {
		return err
	}
	own := d.Packages
	d.Packages = slices.DeleteFunc(slices.Clone(base.Packages), func(p store.Package) bool {
		return slices.ContainsFunc(own, func(o store.Package) bool { return o.Name == p.Name })
	})
	d.Packages = append(d.Packages, own...)
	return nil
}

// draftOf is the image as the store takes it.
func draftOf(img image.Image, report build.Report, asked func(source.Package) string, notAfter time.Time) store.Draft {
	d := store.Draft{Guest: img.Guest, Config: img.Config, Base: report.Base, Created: tree.Newest(tree.Clamp(img.Tree.All(), notAfter))}
	for _, l := range report.Layers {
		d.Layers = append(d.Layers, store.Layer{
			Entries: tree.Clamp(l.Entries, notAfter), Removed: l.Removed, CreatedBy: l.Text, Empty: l.Empty(),
		})
	}
	for _, p := range report.Packages {
		d.Packages = append(d.Packages, store.Package{Name: p.Name, Version: p.Version, For: p.For, Asked: asked(p)})
	}
	return d
}

// asker returns what tells which line of the ship asks for a package.
func asker(s ship.Ship) func(source.Package) string {
	return func(p source.Package) string {
		if p.For != "" || len(s.Packages) == 0 {
			return ""
		}
		where := filepath.Base(s.File)
		if line := s.Lines["packages"]; line > 0 {
			where = fmt.Sprintf("%s:%d", where, line)
		}
		return fmt.Sprintf("%s  packages=%q", where, strings.Join(s.Packages, " "))
	}
}

// names are those that the image gets.
func (f *shipFlags) names(img image.Image) []string {
	if len(f.tag) > 0 {
		return f.tag
	}
	return []string{strings.ToLower(img.Name)}
}

// name gives an image its names that was made earlier, and tells of it.
func (f *shipFlags) name(ctx context.Context, r *runner, img image.Image, report build.Report) error {
	names := f.names(img)
	for _, n := range names {
		if err := r.imageStore().Tag(ctx, n, report.ID); err != nil {
			return err
		}
	}
	if f.quiet {
		_, err := fmt.Fprintln(r.app.out, report.ID)
		return err
	}
	r.status.line("image", "%-22s %.19s", names[0], report.ID)
	return nil
}

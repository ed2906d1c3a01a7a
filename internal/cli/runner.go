package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
	"github.com/fakecracker/fakecracker/internal/network"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/ship"
)

// A runner is one use of run: its flags, and what becomes of them.
type runner struct {
	app   *app
	flags runFlags
	ship  string
	began time.Time // the time line's zero

	shipOptions ship.Options // without what every load is given
	stored      *store.Info  // the image that ship names, if it names one

	publish []network.Publish
	memory  int64
	guest   image.Guest
	subnet  netip.Prefix

	home    string
	status  *status
	console io.Writer // receives the guest's console
	accel   qemu.Accel
}

// onceLimit is what looking up all that is at hand may take. What takes longer
// was made or fetched, which is done once: the time line, which is of a start,
// leaves it out.
const onceLimit = 100 * time.Millisecond

// prepare does all that comes before the VM: kernel, files, disk.
func (r *runner) prepare(ctx context.Context) (*instance.Plan, error) {
	var err error
	if r.home, err = r.app.home(); err != nil {
		return nil, err
	}
	r.status = &status{w: r.app.err, quiet: r.flags.quiet || r.flags.dryRun}
	s, k, err := r.shipAndKernel(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := r.chooseAccel(ctx); err != nil {
		return nil, err
	}
	img, err := r.image(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := r.publishDefaults(img); err != nil {
		return nil, err
	}
	if k, err = r.imagesKernel(ctx, k); err != nil {
		return nil, err
	}
	r.status.line("kernel", "%-22s %s", k.Name(), k.Info)
	if took := time.Since(begun); took > onceLimit {
		r.began = r.began.Add(took)
	}
	bar := newBar(r.status, "disk")
	o := r.options(img, k)
	o.Progress = bar.set
	p, err := instance.Prepare(ctx, o)
	bar.finish()
	if err != nil {
		return nil, err
	}
	how := "in " + formatElapsed(p.Disk.Elapsed)
	if p.Disk.Cached {
		how = "cached"
	}
	r.status.line("disk", "%-22s %s", p.Disk.FS+" "+formatSize(p.Disk.Size), how)
	return p, nil
}

// shipAndKernel loads the ship and the kernel that the user named, if any.
// Each may decide the guest where the user did not.
func (r *runner) shipAndKernel(ctx context.Context) (ship.Ship, kernel.Kernel, error) {
	var k kernel.Kernel
	var err error
	if r.flags.kernel != "" {
		if k, err = r.namedKernel(r.flags.kernel); err != nil {
			return ship.Ship{}, k, err
		}
		if r.guest.OS == "" {
			r.guest = image.Guest{OS: k.Info.OS, Arch: k.Info.Arch}
		}
	}
	if r.stored, err = r.findImage(ctx); err != nil {
		return ship.Ship{}, k, err
	}
	if r.stored != nil {
		r.guest = completeGuest(r.guest, r.stored.Guest, k)
		return ship.Ship{}, k, nil
	}
	s, err := r.loadShip(ctx, r.guest)
	if err != nil {
		return s, k, err
	}
	err = r.settleGuest(ctx, &s, k)
	return s, k, err
}

// findImage returns the stored image that the user names, nil where the name
// is that of a file or folder, or has a slash in it.
func (r *runner) findImage(ctx context.Context) (*store.Info, error) {
	if strings.ContainsRune(r.ship, filepath.Separator) && !strings.Contains(r.ship, ":") {
		return nil, nil
	}
	if _, err := os.Stat(r.ship); err == nil {
		return nil, nil
	}
	info, err := r.imageStore().Find(ctx, r.ship)
	if err != nil {
		if strings.ContainsRune(r.ship, filepath.Separator) {
			return nil, nil // a path that isn't there
		}
		return nil, fmt.Errorf("no such ship or image: %s: %w", r.ship, err)
	}
	return &info, nil
}

// image returns the stored image that the user names, or builds the ship's.
func (r *runner) image(ctx context.Context, s ship.Ship) (image.Image, error) {
	if r.stored == nil {
		img, _, err := r.build(ctx, s, r.buildOptions(s))
		return img, err
	}
	img, info, err := r.imageStore().Image(ctx, r.stored.ID)
	if err != nil {
		return img, err
	}
	if r.guest != img.Guest {
		return img, fmt.Errorf("image %s is for %s, the guest is %s", r.ship, img.Guest, r.guest)
	}
	r.status.line("image", "%-22s %d files, %s", info.Name(), img.Tree.Len(), formatSize(img.Tree.Size()))
	return img, nil
}

// publishDefaults publishes what the image's author does, unless the user
// says what to publish.
func (r *runner) publishDefaults(img image.Image) error {
	if len(r.publish) > 0 {
		return nil
	}
	for _, pair := range img.Config.Publish {
		p, err := network.ParsePublish(pair)
		if err != nil {
			return fmt.Errorf("image %s: %w", img.Name, err)
		}
		r.publish = append(r.publish, p)
	}
	return nil
}

func (r *runner) imageStore() *store.Store {
	return &store.Store{Dir: filepath.Join(r.home, "images"), Logger: r.app.logger()}
}

// completeGuest settles the guest: what the user asked for, else the ship's,
// else the kernel's, else NetBSD/i386, which the project is for.
func completeGuest(asked, ships image.Guest, k kernel.Kernel) image.Guest {
	g := asked
	if g.OS == "" {
		g = ships
	}
	if g.OS == "" {
		g.OS = machine.NetBSD
	}
	if g.Arch == "" && ships.OS == g.OS {
		g.Arch = ships.Arch
	}
	if g.Arch == "" && k.Info.OS == g.OS {
		g.Arch = k.Info.Arch
	}
	if g.Arch == "" {
		g.Arch = map[string]string{machine.NetBSD: "i386", machine.Linux: "amd64"}[g.OS]
	}
	return g
}

// chooseAccel proves which accelerator works, unless the user says it.
func (r *runner) chooseAccel(ctx context.Context) error {
	if r.flags.accel != "" {
		r.accel = qemu.Accel{Name: r.flags.accel}
		return nil
	}
	var err error
	r.accel, err = r.driver().ProbeAccel(ctx, filepath.Join(r.home, "cache"))
	return err
}

// accelText says what a guest runs on, and why when that is slow.
func accelText(a qemu.Accel) string {
	if a.Why == "" {
		return a.Name
	}
	return a.Name + " (" + a.Why + ")"
}

func (r *runner) options(img image.Image, k kernel.Kernel) instance.Options {
	o := instance.Options{
		Name:        r.flags.name,
		Image:       img,
		Kernel:      k,
		Machine:     r.flags.machine,
		Boot:        instance.Boot(r.flags.boot),
		Memory:      r.memory,
		CPUs:        r.flags.cpus,
		Env:         r.flags.env,
		Subnet:      r.subnet,
		Append:      r.flags.append,
		NotAfter:    r.app.sourceDate(),
		Layout:      disk.Layout{Scheme: partition.Scheme(r.flags.layout)},
		Accel:       r.accel.Name,
		StopTimeout: r.flags.stopTimeout,
		Home:        r.home,
		Began:       r.began,
		Logger:      r.app.logger(),
	}
	if r.flags.dryRun && o.Name == "" {
		o.Name = img.Name // the same command every time
	}
	for _, p := range r.publish {
		o.Ports = append(o.Ports, p.Guest)
	}
	return o
}

// dryRun prints the command that runs the same machine by hand.
func (r *runner) dryRun(ctx context.Context) error {
	p, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	if p.Options.Boot == instance.BootGuest && len(r.publish) > 0 {
		fmt.Fprintln(r.app.err, "note: the ship sets its own address: put it into hostfwd before its port")
	}
	words, err := p.Command(r.publish)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.app.out, qemu.Quote(words))
	return err
}

// retry does what once does, a second time under TCG if the accelerator turns
// out to hang the guest.
func (r *runner) retry(ctx context.Context, once func(context.Context) error) error {
	err := once(ctx)
	if !errors.Is(err, errHung) {
		return err
	}
	d := r.driver()
	if err := d.RememberBad(filepath.Join(r.home, "cache"), r.accel.Name, "a guest did not come up under "+r.accel.Name); err != nil {
		return err
	}
	r.status.line("vm", "it did not come up under %s: once more under software emulation, which is remembered until the host restarts", r.accel.Name)
	r.flags.accel = "tcg"
	return once(ctx)
}

func (r *runner) driver() *qemu.Driver { return &qemu.Driver{Logger: r.app.logger()} }

// formatElapsed writes a duration for people: "41 ms", "1.04 s".
func formatElapsed(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

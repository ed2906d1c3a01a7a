package buildvm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
	"github.com/fakecracker/fakecracker/internal/network"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// What a Job gets that does not say.
const (
	defaultMemory  = 512 << 20
	defaultScratch = 1 << 30
	defaultLimit   = time.Hour
)

// nameServer is where the guest finds one, on the network of a network.Config
// that says nothing else.
const nameServer = "10.0.2.3"

// bootLimit is how long the guest may take until its agent answers, which is
// a second or two where the host has nothing else to do.
const bootLimit = 5 * time.Minute

// A Runner runs steps in microVMs. It is a build.Runner; all but Home and
// Kernel may be zero.
type Runner struct {
	Home string // the state folder
	// Kernel returns the kernel to boot a guest with.
	Kernel  func(ctx context.Context, g image.Guest) (kernel.Kernel, error)
	Machine string       // machine type; "": what the kernel boots on
	Accel   string       // an accelerator's name; "": tcg
	Driver  *qemu.Driver // nil: the QEMU in PATH
	// Watchdog ends a guest as hung that shows no sign of life for so long
	// under an accelerator; 0: none.
	Watchdog time.Duration
	// Egress is what steps reach that have a network; nil: the outside of the
	// host.
	Egress  *network.Egress
	Console io.Writer    // receives the guest's console; nil: nobody
	Logger  *slog.Logger // nil: nobody is told
}

var _ build.Runner = (*Runner)(nil)

// Run does what build.Runner says. When ctx ends, so does the guest, at once.
// All that stays in j.Dir are the packs that the trees' entries name.
func (r *Runner) Run(ctx context.Context, j build.Job) ([]tree.Tree, error) {
	if len(j.Steps) == 0 {
		return nil, nil
	}
	for _, s := range j.Steps {
		if s.Run == nil || len(s.Run.Args) == 0 {
			return nil, fmt.Errorf("%s: there is nothing to run in it", place(s))
		}
	}
	if j.Network {
		return r.runOnNetwork(ctx, j)
	}
	return r.run(ctx, j)
}

// runOnNetwork runs the job on a root that has the network's name server.
func (r *Runner) runOnNetwork(ctx context.Context, j build.Job) ([]tree.Tree, error) {
	names, err := addResolver(&j.Tree)
	if err != nil {
		return nil, fmt.Errorf("run the steps of %s: %w", j.Name, err)
	}
	trees, err := r.run(ctx, j)
	for i := range trees {
		err = errors.Join(err, names.takeOut(&trees[i]))
	}
	return trees, err
}

func (r *Runner) run(ctx context.Context, j build.Job) ([]tree.Tree, error) {
	s, err := r.start(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("run the steps of %s: %w", j.Name, err)
	}
	trees, err := s.steps(ctx)
	return trees, errors.Join(err, s.end())
}

// start boots the guest and reads what it begins with.
func (r *Runner) start(ctx context.Context, j build.Job) (_ *session, err error) {
	s := &session{job: complete(j), begun: time.Now(), log: r.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.dir, err = os.MkdirTemp(j.Dir, "vm-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	k, err := r.Kernel(ctx, j.Guest)
	if err != nil {
		return nil, err
	}
	if s.plan, err = instance.Prepare(ctx, r.options(s, k)); err != nil {
		return nil, err
	}
	s.lap("prepare")
	if s.root, err = s.openRoot(); err != nil {
		return nil, err
	}
	driver := r.Driver
	if driver == nil {
		driver = &qemu.Driver{Logger: r.Logger}
	}
	s.vm, err = s.plan.Start(ctx, instance.Connection{Console: r.Console, Watchdog: r.Watchdog, Driver: driver})
	if err != nil {
		return nil, err
	}
	return s, s.connect(ctx)
}

func (r *Runner) options(s *session, k kernel.Kernel) instance.Options {
	j := s.job
	o := instance.Options{
		Name:    "build",
		Image:   image.Image{Name: j.Name, Guest: j.Guest, Tree: j.Tree},
		Kernel:  k,
		Machine: r.Machine,
		Memory:  j.Memory,
		Accel:   r.Accel,
		Home:    r.Home,
		Logger:  r.Logger,
		Steps:   &instance.Steps{Dir: s.dir, Free: j.Scratch},
	}
	if j.Network {
		o.Egress = cmp.Or(r.Egress, new(network.Egress))
	}
	return o
}

// complete fills in what a job leaves open.
func complete(j build.Job) build.Job {
	if j.Memory == 0 {
		j.Memory = defaultMemory
	}
	if j.Scratch == 0 {
		j.Scratch = defaultScratch
	}
	if j.Limit == 0 {
		j.Limit = defaultLimit
	}
	if j.Output == nil {
		j.Output = io.Discard
	}
	if j.Started == nil {
		j.Started = func(int) {}
	}
	return j
}

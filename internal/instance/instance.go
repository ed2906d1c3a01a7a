package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
	"github.com/fakecracker/fakecracker/internal/network"
)

// A Connection is what a running instance is connected to on the host.
type Connection struct {
	// Listeners are the published ports. The instance closes them, also when
	// Start fails.
	Listeners []*network.Listener
	// Console receives what the guest writes on its serial port; nil: nobody.
	Console io.Writer
	// Watchdog ends a guest that has written nothing for so long under an
	// accelerator; 0: no limit.
	Watchdog time.Duration
	// Driver starts QEMU.
	Driver *qemu.Driver
}

// An Instance is a running microVM.
type Instance struct {
	plan  *Plan
	vm    *qemu.VM
	stack *network.Stack
	ports []*network.Forward
	key   []byte // of the agent's line; nil without an agent

	cancel context.CancelFunc // ends the goroutines that talk to the guest
	owned  sync.WaitGroup
	done   chan struct{} // closed when all is gone

	mu     sync.Mutex
	times  Timeline
	line   lineState
	result Result
}

// Result is how an instance ended.
type Result struct {
	End machine.End `json:"end"`
	// Exit is the service's exit code as a shell has it; -1 when it is not
	// known (no agent, or the VM was lost first).
	Exit int `json:"exit"`
	// Trouble is what the agent reported as wrong, "" when nothing was.
	Trouble string `json:"trouble,omitempty"`
}

// Start boots the plan. When it fails, or ctx ends before the guest's
// processor runs, nothing is left behind; afterwards the instance lives until
// it ends by itself or is stopped, and the caller must Wait for that.
func (p *Plan) Start(ctx context.Context, c Connection) (*Instance, error) {
	i := &Instance{plan: p, done: make(chan struct{}), times: p.Times}
	i.result.Exit = -1
	i.line.changed = make(chan struct{})
	if err := i.start(ctx, c); err != nil {
		return nil, fmt.Errorf("run %s: %w", p.Options.Name, err)
	}
	return i, nil
}

func (i *Instance) start(ctx context.Context, c Connection) error {
	theirs, err := i.connect(c.Listeners)
	if err != nil {
		return err
	}
	defer theirs.Close()
	if i.plan.Options.Boot == BootAgent {
		i.key = newKey()
	}
	f, err := i.plan.openFiles(i.key)
	if err != nil {
		return errors.Join(err, i.stack.Close())
	}
	i.vm, err = c.Driver.Start(ctx, i.plan.Machine, qemu.Options{
		NICs:     map[string]*os.File{nicID: theirs},
		Drives:   f.drives(),
		Console:  c.Console,
		Watchdog: c.Watchdog,
		Confirm:  i.confirmStop,
	})
	if err != nil {
		return errors.Join(err, f.close(), i.stack.Close())
	}
	if err := f.close(); err != nil {
		i.vm.Kill()
		return errors.Join(err, i.stack.Close())
	}
	i.at(func(t *Timeline) { t.VMM = i.vm.Times().Exec.Sub(i.plan.Options.Began) })
	i.attend()
	return nil
}

// connect makes the guest's network and returns QEMU's end of it. It takes
// the listeners over.
func (i *Instance) connect(listeners []*network.Listener) (theirs *os.File, err error) {
	o := i.plan.Options
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	cfg := network.Config{Subnet: o.subnet(), GuestMAC: hw, Discover: o.Boot == BootGuest, Egress: o.Egress, Logger: o.Logger}
	stack, err := network.New(cfg)
	if err != nil {
		return nil, errors.Join(err, closeListeners(listeners))
	}
	for n, l := range listeners {
		f, err := stack.Serve(l)
		if err != nil {
			return nil, errors.Join(err, closeListeners(listeners[n:]), stack.Close())
		}
		i.ports = append(i.ports, f)
	}
	ours, theirs, err := network.Socketpair()
	if err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	stack.Attach(ours)
	i.stack = stack
	return theirs, nil
}

func closeListeners(ls []*network.Listener) error {
	var errs []error
	for _, l := range ls {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// attend starts the goroutines that follow the guest's life.
func (i *Instance) attend() {
	ctx, cancel := context.WithCancel(context.Background())
	i.cancel = cancel
	if i.key != nil && i.plan.Options.Steps == nil {
		i.owned.Go(func() { i.follow(ctx) })
	}
	i.owned.Go(func() {
		select {
		case <-i.stack.FirstFrame():
			i.vm.SignOfLife() // a kernel that is told to be quiet gives no other
		case <-ctx.Done():
		}
	})
	go func() {
		end := i.vm.Wait()
		// The agent's last words may still be on their way from the stack.
		i.lastWords()
		cancel()
		i.owned.Wait()
		err := i.stack.Close()
		i.mu.Lock()
		if i.line.settled {
			end = machine.End{Reason: machine.PoweredOff}
		}
		i.result.End = end
		if err != nil && i.result.Trouble == "" {
			i.result.Trouble = err.Error()
		}
		i.mu.Unlock()
		close(i.done)
	}()
}

// Name returns the instance's name.
func (i *Instance) Name() string { return i.plan.Options.Name }

// HasAgent reports whether the agent is program 1 of the guest.
func (i *Instance) HasAgent() bool { return i.plan.Options.Boot == BootAgent }

// Ports returns the published ports as they are on the host.
func (i *Instance) Ports() []*network.Forward { return i.ports }

// Console returns the guest's serial port, to type on.
func (i *Instance) Console() io.Writer { return i.vm.Console() }

// Done is closed when the instance has ended and all of it is gone.
func (i *Instance) Done() <-chan struct{} { return i.done }

// Wait waits for the end and says how it came.
func (i *Instance) Wait() Result {
	<-i.done
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.result
}

// Times returns the time line so far.
func (i *Instance) Times() Timeline {
	i.at(func(t *Timeline) {
		first := i.vm.Times().FirstConsole
		if first.IsZero() {
			return
		}
		// A kernel that is told to be quiet is not heard before its init.
		if at := first.Sub(i.plan.Options.Began); t.Init == 0 || at < t.Init {
			t.Kernel = at
		}
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.times
}

// at changes the time line.
func (i *Instance) at(change func(*Timeline)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.times)
}

// since returns the time since the time line's start.
func (i *Instance) since() time.Duration { return time.Since(i.plan.Options.Began) }

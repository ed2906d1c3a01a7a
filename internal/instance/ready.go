package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrEnded is wrapped by Ready's error where the instance ended first.
var ErrEnded = errors.New("it ended before it was ready")

// Ready waits until every exposed or published port of the guest accepts a
// connection; where there is none, until the agent has started the service. A
// guest with an init of its own and no port is ready when it runs.
func (i *Instance) Ready(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer i.whenEnded(func() { cancel(ErrEnded) })()
	if err := i.ready(ctx); err != nil {
		return fmt.Errorf("%s: %w", i.Name(), err)
	}
	i.stack.MarkReady()
	return nil
}

func (i *Instance) ready(ctx context.Context) error {
	ports := i.readyPorts()
	for _, port := range ports {
		if err := i.stack.WaitPort(ctx, port); err != nil {
			return cause(ctx, err)
		}
	}
	if len(ports) == 0 {
		if i.plan.Options.Boot == BootGuest {
			return nil
		}
		if !i.await(ctx, func(l lineState) bool { return l.started || l.exited }) {
			return cause(ctx, errors.New("the agent's line is closed"))
		}
	}
	i.at(func(t *Timeline) { t.Ready = i.since() })
	return nil
}

// readyPorts are the guest's ports that must accept.
func (i *Instance) readyPorts() []uint16 {
	o := i.plan.Options
	ports := slices.Concat(o.Image.Config.Expose, o.Ports)
	slices.Sort(ports)
	return slices.Compact(ports)
}

// cause returns ErrEnded if that is why ctx ended, else err, which says more
// of what was waited for than the context's own.
func cause(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrEnded) {
		return ErrEnded
	}
	return err
}

// whenEnded calls f when the VM has ended. The function that it returns ends
// the wait for that.
func (i *Instance) whenEnded(f func()) (stop func()) {
	enough, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-i.vm.Done():
			f()
		case <-enough:
		}
	}()
	return func() {
		close(enough)
		<-over
	}
}

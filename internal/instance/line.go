package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// lastWordsLimit is how long what the agent said before the VM ended may be
// on its way through our own stack.
const lastWordsLimit = 100 * time.Millisecond

// lineGap is how long a line that broke rests: a guest that is starved of
// processor time is not helped by being asked all the time.
const lineGap = 200 * time.Millisecond

// lineState is what the agent's line has told.
type lineState struct {
	line    *agent.Line   // nil until it is open
	started bool          // the service runs
	exited  bool          // the service has ended
	settled bool          // the guest has nothing more to write
	ended   bool          // the line was closed
	changed chan struct{} // closed and replaced at each change
}

// follow opens the line to the agent and notes what it says, until the line
// or ctx ends.
func (i *Instance) follow(ctx context.Context) {
	defer i.note(func(l *lineState) { l.ended = true })
	for ctx.Err() == nil {
		line, err := i.openLine(ctx)
		if errors.Is(err, wire.ErrKey) {
			i.trouble(fmt.Sprintf("who answers in the agent's place is not it: %v", err))
			return
		}
		if err != nil && ctx.Err() != nil {
			return
		}
		if err != nil {
			i.plan.Options.Logger.Info("open the agent's line", "instance", i.Name(), "error", err)
			pause(ctx, lineGap)
			continue
		}
		i.listen(ctx, line)
	}
}

// listen notes what the agent says until the line ends.
func (i *Instance) listen(ctx context.Context, line *agent.Line) {
	defer line.Close()
	i.at(func(t *Timeline) {
		if t.Init == 0 {
			t.Init = i.since()
		}
	})
	i.note(func(l *lineState) { l.line = line })
	for {
		m, err := line.Next(ctx)
		if err != nil {
			return // it ends with the guest, or is opened again
		}
		i.heard(m)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// openLine dials the agent's port as soon as the guest is on the network.
func (i *Instance) openLine(ctx context.Context) (*agent.Line, error) {
	conn, err := i.stack.DialWait(ctx, i.plan.Config.LinePort())
	if err != nil {
		return nil, err
	}
	return agent.Connect(ctx, conn, i.key)
}

// heard notes one message of the agent.
func (i *Instance) heard(m wire.Message) {
	switch m := m.(type) {
	case wire.Started:
		i.note(func(l *lineState) { l.started = true })
	case wire.Exited:
		i.mu.Lock()
		i.result.Exit = m.Code
		i.mu.Unlock()
		i.note(func(l *lineState) { l.exited = true })
	case wire.Settled:
		i.note(func(l *lineState) { l.settled = true })
		i.vm.Kill() // its kernel's reset is of no more use, and may take seconds
	case wire.Error:
		i.trouble(m.Text)
	}
}

func (i *Instance) trouble(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.result.Trouble = text
}

// note changes the line's state and wakes those who wait for it.
func (i *Instance) note(change func(*lineState)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.line)
	close(i.line.changed)
	i.line.changed = make(chan struct{})
}

// await waits until the line's state is what ok wants, the line or the
// instance has ended, or ctx has. It reports whether ok was reached.
func (i *Instance) await(ctx context.Context, ok func(lineState) bool) bool {
	for {
		i.mu.Lock()
		state := i.line
		i.mu.Unlock()
		if ok(state) {
			return true
		}
		if state.ended {
			return false
		}
		select {
		case <-state.changed:
		case <-ctx.Done():
			return false
		case <-i.done:
			return false
		}
	}
}

// lastWords gives the line a moment to deliver what the agent said before the
// VM ended.
func (i *Instance) lastWords() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWordsLimit)
	defer cancel()
	i.mu.Lock()
	open := i.line.line != nil && i.plan.Options.Steps == nil
	i.mu.Unlock()
	if open {
		i.await(ctx, func(l lineState) bool { return l.exited || l.ended })
	}
}

// confirmStop reports whether a guest whose console reads as if its kernel had
// stopped has done so: not if its agent answers, since then it was a service
// that wrote that.
func (i *Instance) confirmStop(ctx context.Context) bool {
	i.mu.Lock()
	line := i.line.line
	i.mu.Unlock()
	if line == nil {
		return true
	}
	_, err := line.Ping(ctx)
	return err != nil
}

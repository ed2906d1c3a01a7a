//go:build linux || netbsd

package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const (
	// leftTime is how long the processes that a step started may take to end
	// after its command did, before they count as left.
	leftTime = 100 * time.Millisecond
	// clockTick is longer than the clock of any kernel takes from one time of
	// a changed file to the next, so that no change after a sync point has
	// the time of one before.
	clockTick = 20 * time.Millisecond
)

// An order is a RunStep or a SyncPoint, and who is told what became of it.
type order struct {
	message wire.Message
	from    *speaker
}

// order hands m to serveSteps. A second one before the first was answered
// comes from no host of ours and is dropped, as is any in a guest that has a
// service.
func (a *agent) order(m wire.Message, from *speaker) {
	select {
	case a.orders <- order{m, from}:
	default:
		a.warn(fmt.Errorf("the host asked for something (%T) that this guest can't do now", m))
	}
}

// serveSteps does what the host asks for until it asks for the end.
func (a *agent) serveSteps() {
	for {
		select {
		case <-a.stop:
			return
		case o := <-a.orders:
			// A host that has hung up ends the guest.
			_ = o.from.say(a.obey(o))
		}
	}
}

func (a *agent) obey(o order) wire.Message {
	switch m := o.message.(type) {
	case wire.RunStep:
		return a.runStep(m, o.from)
	case wire.SyncPoint:
		return wire.Synced{ID: m.ID, Text: textOf(a.syncPoint(m.First))}
	}
	return wire.Error{Text: fmt.Sprintf("%T is nothing that could be done", o.message)}
}

// textOf is an error's text, "" for none.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// runStep runs a command to its end and passes its output on to the host.
func (a *agent) runStep(m wire.RunStep, to *speaker) wire.StepEnded {
	out, err := newOutput(m.ID, to)
	if err == nil {
		defer out.close()
		err = a.goOn()
	}
	if err != nil {
		return wire.StepEnded{ID: m.ID, Code: 126, Text: err.Error()}
	}
	ended, err := a.startStep(m, out)
	if err != nil {
		return wire.StepEnded{ID: m.ID, Code: startCode(err), Text: stepText(m, err)}
	}
	e := exitOf(<-ended)
	left := a.endLeft()
	out.wait()
	return wire.StepEnded{ID: m.ID, Code: e.Code, Signal: e.Signal, Left: left}
}

// startStep starts the command with /dev/null as its input.
func (a *agent) startStep(m wire.RunStep, out *output) (<-chan syscall.WaitStatus, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	p, err := resolveProgram(m.Service)
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p.attr.Files = []uintptr{null.Fd(), out.ends[0], out.ends[1]}
	_, ended, err := a.reaper.start(p.path, m.Args, &p.attr)
	out.started()
	return ended, err
}

// stepText says why a step's command was not started.
func stepText(m wire.RunStep, err error) string {
	if len(m.Args) == 0 {
		return err.Error()
	}
	switch {
	case errors.Is(err, errNotFound):
		return errNotFound.Error() + ": " + m.Args[0]
	case errors.Is(err, syscall.ENOENT):
		return fmt.Sprintf("start %s: the interpreter that it names is not in the guest", m.Args[0])
	}
	return fmt.Sprintf("start %s: %v", m.Args[0], err)
}

// endLeft ends what a step left running, and reports whether there was
// anything.
func (a *agent) endLeft() bool {
	select {
	case <-a.reaper.left():
		return false
	case <-time.After(leftTime):
		a.endProcesses()
		return true
	}
}

// An output is the two pipes that a step writes into. What comes out of them
// goes to the host as it comes: a host that is slow holds the step up.
type output struct {
	id      uint64
	to      *speaker
	ends    [2]uintptr // the step's, until it has started
	readers [2]*os.File
	pumps   sync.WaitGroup
}

func newOutput(id uint64, to *speaker) (*output, error) {
	o := &output{id: id, to: to}
	for i := range o.ends {
		r, w, err := pipe()
		if err != nil {
			o.close()
			return nil, fmt.Errorf("make a pipe for the step's output: %w", err)
		}
		o.readers[i], o.ends[i] = r, w
	}
	return o, nil
}

// pipe returns a pipe whose end for writing blocks who writes, as programs
// expect it.
func pipe() (r *os.File, w uintptr, err error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(fds[:]); err != nil {
		return nil, 0, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return os.NewFile(uintptr(fds[0]), "step's output"), uintptr(fds[1]), nil
}

// started closes our copies of the step's ends, and passes on what comes.
func (o *output) started() {
	o.closeEnds()
	for i, r := range o.readers {
		o.pumps.Go(func() {
			defer lastWords()
			o.pump(r, i+1)
		})
	}
}

// pump goes on without a host that has hung up, so that the step can end.
func (o *output) pump(r io.Reader, stream int) {
	buf := make([]byte, wire.MaxOutput)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			_ = o.to.say(wire.StepOutput{ID: o.id, Stream: stream, Data: buf[:n]})
		}
		if err != nil {
			return
		}
	}
}

// wait waits until all that was written is with the host.
func (o *output) wait() { o.pumps.Wait() }

func (o *output) closeEnds() {
	for i, w := range o.ends {
		if w != 0 {
			_ = syscall.Close(int(w))
		}
		o.ends[i] = 0
	}
}

// close ends the use of the pipes.
func (o *output) close() {
	o.closeEnds()
	for _, r := range o.readers {
		if r != nil {
			_ = r.Close()
		}
	}
}

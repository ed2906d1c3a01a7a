//go:build linux || netbsd

package guest

import (
	"sync"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// maxEvents bounds the journal. What a guest's life brings is a handful.
const maxEvents = 256

// A journal holds what happened since boot, for hosts that connect later.
type journal struct {
	mu     sync.Mutex
	events []wire.Message
	grown  chan struct{} // closed when events has grown
	moment wire.Times
	opened chan struct{} // closed when the first line was opened
	seen   chan struct{} // closed when a host has acknowledged the service's end
}

func newJournal() *journal {
	return &journal{
		grown:  make(chan struct{}),
		opened: make(chan struct{}),
		seen:   make(chan struct{}),
	}
}

func (j *journal) add(m wire.Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, isError := m.(wire.Error); isError && len(j.events) >= maxEvents {
		return
	}
	j.events = append(j.events, m)
	close(j.grown)
	j.grown = make(chan struct{})
}

// since returns the events from number n on, and a channel that is closed
// when there are more.
func (j *journal) since(n int) ([]wire.Message, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.events[n:], j.grown
}

// times lets set, if not nil, change the moments of the boot, and returns them.
func (j *journal) times(set func(*wire.Times)) wire.Times {
	j.mu.Lock()
	defer j.mu.Unlock()
	if set != nil {
		set(&j.moment)
	}
	return j.moment
}

// open notes that a host is on the line.
func (j *journal) open() {
	j.mu.Lock()
	defer j.mu.Unlock()
	closeOnce(j.opened)
}

// acknowledge notes that a host has seen the service's end.
func (j *journal) acknowledge() {
	j.mu.Lock()
	defer j.mu.Unlock()
	closeOnce(j.seen)
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

package qemu

import (
	"io"
	"sync"
	"time"
)

const (
	relaySize  = 1 << 20     // bytes that wait for a slow writer
	relayGrace = time.Second // what a writer gets after QEMU's end
)

// A relay passes the console on to a writer that may be slow or not come back
// at all: a terminal that was stopped, a pipe that nobody reads.
type relay struct {
	w      io.Writer
	failed func(error)   // told of the writer's error
	gone   chan struct{} // closed when nothing more will be written
	limit  chan struct{} // closed by giveUp

	mu     sync.Mutex
	change *sync.Cond
	buf    []byte
	closed bool // nothing more comes
	over   bool // nothing more is wanted
}

// newRelay returns a relay to w, and starts a goroutine that finish waits for.
// Where w is nil it drops all it gets.
func newRelay(w io.Writer, failed func(error)) *relay {
	r := &relay{w: w, failed: failed, gone: make(chan struct{}), limit: make(chan struct{})}
	r.change = sync.NewCond(&r.mu)
	if w == nil {
		r.over = true
		close(r.gone)
		return r
	}
	go r.run()
	return r
}

// put takes p, and waits while too much waits to be written.
func (r *relay) put(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.buf) >= relaySize && !r.over {
		r.change.Wait()
	}
	if !r.over {
		r.buf = append(r.buf, p...)
		r.change.Broadcast()
	}
}

// run writes until the relay is finished and empty, or given up. A writer that
// doesn't come back keeps it.
func (r *relay) run() {
	defer close(r.gone)
	var spare []byte
	for {
		p := r.take(spare)
		if p == nil {
			return
		}
		if _, err := r.w.Write(p); err != nil {
			r.drop()
			r.failed(err)
			return
		}
		spare = p
	}
}

// take returns all that is to be written, or nil at the end. What comes
// meanwhile goes to spare.
func (r *relay) take(spare []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.buf) == 0 && !r.closed && !r.over {
		r.change.Wait()
	}
	if r.over || len(r.buf) == 0 {
		return nil
	}
	p := r.buf
	r.buf = spare[:0]
	r.change.Broadcast()
	return p
}

// finish says that nothing more comes, and returns when all is written, or
// given up.
func (r *relay) finish() {
	r.mu.Lock()
	r.closed = true
	r.change.Broadcast()
	r.mu.Unlock()
	select {
	case <-r.gone:
	case <-r.limit:
	}
}

// giveUp ends the waiting of put and finish. It is called once.
func (r *relay) giveUp() {
	r.drop()
	close(r.limit)
}

// drop forgets what is still to be written, and what comes.
func (r *relay) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over, r.buf = true, nil
	r.change.Broadcast()
}

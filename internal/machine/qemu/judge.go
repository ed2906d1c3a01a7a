package qemu

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// How long a console must have been silent after a kernel's last words, before
// they are believed. Linux takes longer for what it prints after a panic.
const (
	netbsdSilence = 1500 * time.Millisecond
	linuxSilence  = 3 * time.Second
)

const (
	// longestStand is how long those words stand while nothing but more lines
	// of the kernel follows: NetBSD that is told of a root device it can't find
	// asks for it without end.
	longestStand = 5 * time.Second
	// confirmLimit is how long Options.Confirm may take.
	confirmLimit = 5 * time.Second
)

// A judge finds out that a machine's kernel has stopped although its virtual
// machine goes on. What the console says is not proof, since any program can
// write it. So it must be the last that was said for a while, and whoever
// knows the guest by other means may object.
type judge struct {
	silence  time.Duration
	watchdog time.Duration // for the first sign of life; 0: no limit
	accel    string
	confirm  func(context.Context) bool // nil: nobody objects
	changed  chan struct{}              // holds one word to run

	mu     sync.Mutex
	watch  *watch
	alive  bool      // the guest has shown that it is
	held   bool      // output isn't taken from the guest at the moment
	heard  uint64    // how often there was output
	last   time.Time // when there was, or when it was taken
	stands time.Time // since when the watch has found something
}

func newJudge(m machine.Machine, opts Options) *judge {
	j := &judge{
		silence: linuxSilence, accel: m.Accel, confirm: opts.Confirm,
		changed: make(chan struct{}, 1), watch: newWatch(m.OS),
	}
	if m.OS == machine.NetBSD {
		j.silence = netbsdSilence
	}
	if m.Accel != tcg {
		j.watchdog = opts.Watchdog
	}
	return j
}

// hear takes what the guest wrote. Its silence begins with release.
func (j *judge) hear(p []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watch.feed(p)
	j.alive, j.held = true, true
	j.heard++
	j.last = time.Now()
	switch {
	case j.watch.found == "":
		j.stands = time.Time{}
	case j.stands.IsZero():
		j.stands = j.last
	}
}

// release says that the guest may write on. The time until then doesn't count.
func (j *judge) release() {
	j.mu.Lock()
	now := time.Now()
	if !j.stands.IsZero() {
		j.stands = j.stands.Add(now.Sub(j.last))
	}
	j.held, j.last = false, now
	j.mu.Unlock()
	j.wake()
}

// signOfLife says that the guest runs.
func (j *judge) signOfLife() {
	j.mu.Lock()
	j.alive = true
	j.mu.Unlock()
	j.wake()
}

func (j *judge) wake() {
	select {
	case j.changed <- struct{}{}:
	default: // it hasn't heard the last word yet
	}
}

// lastWords returns what the console says of the machine's end if nothing more
// comes.
func (j *judge) lastWords() machine.End {
	j.mu.Lock()
	defer j.mu.Unlock()
	reason, detail := j.watch.verdict()
	return machine.End{Reason: reason, Detail: detail}
}

// run returns the end of a machine that is to be ended. When ctx ends, it has
// ended without that.
func (j *judge) run(ctx context.Context) (machine.End, bool) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return machine.End{}, false
		case <-j.changed:
		case <-timer.C:
		}
		timer.Stop()
		end, heard, wait := j.weigh(start, time.Now())
		switch {
		case wait > 0:
			timer.Reset(wait)
		case end.Reason == machine.Hung:
			return end, true
		case end.Reason != "" && j.confirmed(ctx, heard):
			return end, true
		case end.Reason != "":
			j.wake() // there may be more to weigh
		}
	}
}

// weigh returns the end that is due and how much was heard until then, or how
// long to wait for it; or nothing of it, where that needs more output.
func (j *judge) weigh(start, now time.Time) (end machine.End, heard uint64, wait time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held {
		return end, 0, 0
	}
	due := start.Add(j.watchdog)
	if reason, detail := j.watch.verdict(); reason != "" {
		end = machine.End{Reason: reason, Detail: detail}
		due = j.last.Add(j.silence)
		if limit := j.stands.Add(longestStand); !j.stands.IsZero() && limit.Before(due) {
			due = limit
		}
	} else if j.watchdog > 0 && !j.alive {
		end = machine.End{Reason: machine.Hung, Detail: fmt.Sprintf("no sign of life in %v under %s", j.watchdog, j.accel)}
	}
	if end.Reason == "" {
		return end, 0, 0
	}
	return end, j.heard, max(0, due.Sub(now))
}

// confirmed asks whether the guest is really no more. If it is, its console
// was right; else what the console said is forgotten. Where it said more in
// the meantime, that is weighed anew.
func (j *judge) confirmed(ctx context.Context, heard uint64) bool {
	gone := true
	if j.confirm != nil {
		limited, cancel := context.WithTimeout(ctx, confirmLimit)
		gone = j.confirm(limited)
		cancel()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !gone {
		j.watch.forget()
		j.stands = time.Time{}
	}
	return gone && ctx.Err() == nil && j.heard == heard
}

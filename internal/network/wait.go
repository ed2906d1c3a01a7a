package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// The pace at which a port is tried that does not accept yet.
const (
	minGap = time.Millisecond
	maxGap = 20 * time.Millisecond
	// answerTime is how long the guest's first frame is taken for the
	// beginning of its answer to an attempt that is under way: it asks for
	// our hardware address before it answers. A second attempt meanwhile
	// would only give its service a connection that nobody uses.
	answerTime = 5 * time.Millisecond
	// patience is how long an attempt may stay unanswered. It ends before
	// TCP's first repetition, after a second, which is too late to be of use:
	// the next attempts have long been made.
	patience = time.Second
)

// WaitPort waits until the guest accepts connections on a TCP port, or ctx
// ends. A port that refuses, as it does until its service listens, is tried
// again after 1 to 20 ms; so is a guest that doesn't answer, whose first frame
// ends the pause. A TCP of its own accord would wait a second for that.
//
// The connection that proves it is closed at once; DialWait keeps it.
func (s *Stack) WaitPort(ctx context.Context, port uint16) error {
	conn, err := s.DialWait(ctx, port)
	if err != nil {
		return err
	}
	_ = conn.Close() // the guest accepted, which is all that was asked
	return nil
}

// DialWait connects to a TCP port of the guest as soon as the guest accepts
// there, as WaitPort finds out.
func (s *Stack) DialWait(ctx context.Context, port uint16) (*Conn, error) {
	addr, err := s.FindGuest(ctx)
	if err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(addr, port)
	conn, err := s.knock(ctx, to, nil)
	if err != nil && ctx.Err() != nil {
		return nil, s.waitError(to, err, ctx.Err())
	}
	return conn, err
}

// waitError says what kept a port from accepting.
func (s *Stack) waitError(to netip.AddrPort, last, cause error) error {
	switch {
	case errors.Is(last, syscall.ECONNREFUSED):
		return fmt.Errorf("wait for the guest's port %d: nothing listens on it: %w", to.Port(), cause)
	case !s.heard():
		return fmt.Errorf("wait for the guest's port %d: the guest has not used its network: %w", to.Port(), cause)
	}
	for _, a := range s.watch.seen() {
		if a != to.Addr() {
			return fmt.Errorf("wait for %s: no answer; the guest uses %s: %w", to, a, cause)
		}
	}
	return fmt.Errorf("wait for %s: no answer: %w", to, cause)
}

// heard says whether the guest has sent a frame.
func (s *Stack) heard() bool {
	select {
	case <-s.first:
		return true
	default:
		return false
	}
}

// errNoAnswer says that no attempt was answered, neither way.
var errNoAnswer = errors.New("no answer")

// knock makes attempts until one is accepted. It gives up when ctx or the
// stack ends, or enough is closed; the error is that of the last refusal.
func (s *Stack) knock(ctx context.Context, to netip.AddrPort, enough <-chan struct{}) (*Conn, error) {
	k := knocker{s: s, to: to, results: make(chan attempt), gap: minGap, timer: time.NewTimer(0), last: errNoAnswer}
	defer k.drain()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := s.first
	for {
		select {
		case <-k.timer.C:
			k.try(ctx)
		case <-first:
			first = nil
			k.hurry()
		case a := <-k.results:
			if k.judge(a) {
				return a.conn, nil
			}
		case <-ctx.Done():
			return nil, k.last
		case <-enough:
			return nil, k.last
		case <-s.done:
			return nil, net.ErrClosed
		}
	}
}

// A knocker tries a port again and again, several times at once when it gets
// no answer.
type knocker struct {
	s       *Stack
	to      netip.AddrPort
	results chan attempt
	pending int           // attempts that will report to results
	gap     time.Duration // until the next attempt after a refusal
	timer   *time.Timer   // fires for the next attempt
	last    error
}

// An attempt is what came of one dial.
type attempt struct {
	conn *Conn
	err  error
}

// try starts an attempt, unless it would only be queued behind others that
// the guest has not taken yet.
func (k *knocker) try(ctx context.Context) {
	k.timer.Reset(maxGap)
	if k.s.nic.blocked() {
		return
	}
	k.pending++
	go func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		conn, err := k.s.dial(ctx, k.to)
		k.results <- attempt{conn, err}
	}()
}

// hurry makes the next attempt early, as the guest has shown life.
func (k *knocker) hurry() {
	k.gap = minGap
	if k.pending > 0 {
		k.timer.Reset(answerTime)
	} else {
		k.timer.Reset(0)
	}
}

// judge says whether a has succeeded, and sets the time for the next if not.
func (k *knocker) judge(a attempt) bool {
	k.pending--
	if a.err == nil {
		return true
	}
	if errors.Is(a.err, syscall.ECONNREFUSED) {
		k.last = a.err
		k.timer.Reset(k.gap)
		k.gap = min(2*k.gap, maxGap)
	}
	return false
}

// drain waits for the attempts still under way, whose context has ended.
func (k *knocker) drain() {
	k.timer.Stop()
	for ; k.pending > 0; k.pending-- {
		if a := <-k.results; a.conn != nil {
			_ = a.conn.Close() // it came second
		}
	}
}

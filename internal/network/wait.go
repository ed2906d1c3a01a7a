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

// A knock is the outcome of one attempt.
type knock struct {
	conn *Conn
	err  error
}

// knock makes attempts until one is accepted, several at a time when they
// stay unanswered. It gives up when ctx or the stack ends, or enough is closed;
// the error is the last attempt's.
func (s *Stack) knock(ctx context.Context, to netip.AddrPort, enough <-chan struct{}) (*Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan knock)
	pending := 0
	defer func() {
		cancel()
		for ; pending > 0; pending-- {
			if k := <-results; k.conn != nil {
				_ = k.conn.Close() // it came second
			}
		}
	}()
	last := errNoAnswer
	first := s.first
	gap := minGap
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			if !s.nic.blocked() {
				pending++
				go s.attempt(ctx, to, results)
			}
			timer.Reset(maxGap)
		case <-first:
			first = nil
			gap = minGap
			if pending > 0 {
				timer.Reset(answerTime)
			} else {
				timer.Reset(0)
			}
		case k := <-results:
			pending--
			if k.conn != nil {
				return k.conn, nil
			}
			if errors.Is(k.err, syscall.ECONNREFUSED) {
				last = k.err
				timer.Reset(gap)
				gap = min(2*gap, maxGap)
			}
		case <-ctx.Done():
			return nil, last
		case <-enough:
			return nil, last
		case <-s.done:
			return nil, net.ErrClosed
		}
	}
}

// attempt dials once and reports, always.
func (s *Stack) attempt(ctx context.Context, to netip.AddrPort, results chan<- knock) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.dial(ctx, to)
	results <- knock{conn, err}
}

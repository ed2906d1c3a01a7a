package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How long a port rests after Accept failed: longer after each failure.
const (
	minRest = 50 * time.Millisecond
	maxRest = time.Second
)

// A Forward is a published port with a guest behind it.
//
// A client that connects before the guest listens is not turned away: the
// connection is held, and goes through the moment the guest accepts. That ends
// with the first connection that the guest accepted, with Stack.MarkReady, and
// for each client with Config.Hold. From then on a port on which the guest does
// not listen resets its clients. They see a reset and no silent end, which
// could be taken for an empty answer.
type Forward struct {
	s *Stack
	l *Listener

	settled     chan struct{} // closed once the guest has accepted
	settledOnce sync.Once
	turn        chan struct{} // one held client tries the port for all of them

	closeOnce sync.Once
	stop      chan struct{} // closed by Close
	done      chan struct{} // closed when its goroutines have ended
}

// Serve forwards a port that Listen took to the guest. It returns at once and
// owns l from then on. The only error is a stack that was closed.
func (s *Stack) Serve(l *Listener) (*Forward, error) {
	f := &Forward{
		s: s, l: l,
		settled: make(chan struct{}),
		turn:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if !s.own(f) {
		return nil, errors.Join(fmt.Errorf("publish %s: %w", l.Publish, net.ErrClosed), l.Close())
	}
	go f.serve()
	return f, nil
}

// Addr returns the host's address, with the port that was taken.
func (f *Forward) Addr() netip.AddrPort { return f.l.Host }

// String returns "127.0.0.1:8080->80/tcp".
func (f *Forward) String() string { return f.l.Publish.String() }

// Close gives the port back and resets its connections. It returns when none
// is left.
func (f *Forward) Close() error {
	var err error
	f.closeOnce.Do(func() {
		close(f.stop)
		err = f.l.Close()
	})
	<-f.done
	f.s.disown(f)
	return err
}

// serve accepts clients until the listener is closed, and waits for them. Any
// other failure of Accept is an ill that may pass, such as too many open
// files; the clients wait in the kernel's queue until then.
func (f *Forward) serve() {
	defer close(f.done)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	rest := minRest
	for {
		client, err := f.l.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			f.s.log.Warn("a published port can't take a client", "port", f, "reason", err, "rest", rest)
			f.rest(rest)
			rest = min(2*rest, maxRest)
			continue
		}
		rest = minRest
		f.s.count.accepted.Add(1)
		clients.Go(func() { f.handle(ctx, client) })
	}
}

// handle connects one client to the guest and copies between them.
func (f *Forward) handle(ctx context.Context, client *net.TCPConn) {
	f.s.count.active.Add(1)
	defer f.s.count.active.Add(-1)
	guest, err := f.connect(ctx)
	if err != nil {
		f.s.count.failed.Add(1)
		f.s.log.Debug("reset a client", "port", f, "reason", err)
		reset(client)
		return
	}
	f.s.relay(ctx, client, guest)
}

// connect dials the guest for one client, which it holds while the guest
// boots.
func (f *Forward) connect(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.s.cfg.Hold)
	defer cancel()
	if f.holding() {
		conn, err := f.hold(ctx)
		if conn != nil || err != nil {
			return conn, err
		}
	}
	addr, err := f.s.FindGuest(ctx)
	if err != nil {
		return nil, err
	}
	return f.s.dial(ctx, netip.AddrPortFrom(addr, f.l.Guest))
}

// hold keeps one client waiting until the guest can be dialled, which is when
// it returns nothing. One of the clients that wait tries the port meanwhile,
// and gets the connection that comes of it.
func (f *Forward) hold(ctx context.Context) (*Conn, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
		if !f.holding() {
			return nil, nil
		}
		conn, err := f.first(ctx)
		if err != nil && !f.holding() {
			return nil, nil
		}
		return conn, err
	case <-f.settled:
	case <-f.s.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, nil
}

// first waits for the guest to accept its first connection. When the guest is
// declared ready before, that is an error.
func (f *Forward) first(ctx context.Context) (*Conn, error) {
	addr, err := f.s.FindGuest(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := f.s.knock(ctx, netip.AddrPortFrom(addr, f.l.Guest), f.s.ready)
	if err == nil {
		f.settledOnce.Do(func() { close(f.settled) })
	}
	return conn, err
}

// holding says whether a port that refuses may be one that does not listen
// yet.
func (f *Forward) holding() bool {
	select {
	case <-f.settled:
		return false
	case <-f.s.ready:
		return false
	default:
		return true
	}
}

// rest waits for d, or until Close.
func (f *Forward) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.stop:
	}
}

// reset ends a client's connection in a way that it notices.
func reset(client *net.TCPConn) {
	_ = client.SetLinger(0) // fails only if it has ended already
	_ = client.Close()
}

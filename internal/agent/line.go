package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// backlog is how many messages wait for Next. A guest that sends more is
// held up by its own connection.
const backlog = 64

// handshakeTime is how long a guest may take from the connection to its
// hello, which is slow only in a guest that starts up under emulation.
const handshakeTime = 5 * time.Second

// seenTime is how long a guest may take to read that its end was seen. One
// that is sound waits for that and for nothing else.
const seenTime = time.Second

// ErrClosed says that the line was closed by Close.
var ErrClosed = errors.New("the line to the guest is closed")

// A Line is an open connection to a guest's agent. What the guest sends is
// limited, decoded and safe to print, but not to be trusted: the guest may
// lie.
type Line struct {
	conn  net.Conn
	hello wire.Hello

	events chan wire.Message // closed by read, after err is set
	err    error             // why events was closed
	closed chan struct{}
	once   sync.Once
	hangUp func() error // closes conn, once
	done   sync.WaitGroup

	sending chan struct{} // has a place for the one that writes
	mu      sync.Mutex
	pings   map[uint64]chan<- struct{}
	lastID  uint64
}

// Connect makes conn, a new connection to the agent's port, a Line: both ends
// prove that they hold key, and the guest says hello. Where it can't, conn is
// closed. A key that is not the guest's gives an error after the guest hung
// up.
func Connect(ctx context.Context, conn net.Conn, key []byte) (*Line, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	hello, err := greet(conn, key)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l := &Line{
		conn:    conn,
		hello:   cleanHello(hello),
		events:  make(chan wire.Message, backlog),
		closed:  make(chan struct{}),
		hangUp:  sync.OnceValue(conn.Close),
		sending: make(chan struct{}, 1),
		pings:   map[uint64]chan<- struct{}{},
	}
	l.done.Go(l.read)
	return l, nil
}

func greet(conn net.Conn, key []byte) (wire.Hello, error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return wire.Hello{}, err
	}
	if err := wire.DialLine(conn, key); err != nil {
		return wire.Hello{}, err
	}
	m, err := wire.ReadMessage(conn)
	if err != nil {
		return wire.Hello{}, fmt.Errorf("open the line: %w", err)
	}
	hello, ok := m.(wire.Hello)
	if !ok {
		return wire.Hello{}, fmt.Errorf("open the line: the guest sent %T before its hello", m)
	}
	return hello, nil
}

// Hello is what the guest said of itself when the line was opened.
func (l *Line) Hello() wire.Hello { return l.hello }

// Next waits for the guest's next Started, Exited, Settled or Error; the first ones
// retell what happened before the line was open. In a guest with Steps there
// are StepOutput, StepEnded and Synced besides. It returns io.EOF when the
// guest has hung up, and ErrClosed after Close.
func (l *Line) Next(ctx context.Context) (wire.Message, error) {
	select {
	case m, ok := <-l.events:
		if !ok {
			return nil, l.err
		}
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stop asks for the clean end of the guest: signal ("" is SIGTERM) to the
// service, SIGKILL after timeout. It returns when the request is sent; the
// end itself comes by Next.
func (l *Line) Stop(ctx context.Context, signal string, timeout time.Duration) error {
	return l.send(ctx, wire.Stop{Signal: signal, Timeout: timeout})
}

// RunStep asks a guest with Steps to run a command. Its output and its end
// come by Next.
func (l *Line) RunStep(ctx context.Context, r wire.RunStep) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return l.send(ctx, r)
}

// SyncPoint asks a guest with Steps to put its root on disk. Synced comes by
// Next.
func (l *Line) SyncPoint(ctx context.Context, s wire.SyncPoint) error { return l.send(ctx, s) }

// Ping asks the agent for a sign of life and returns how long that took. The
// events before the answer must fit the backlog, or be taken by Next.
func (l *Line) Ping(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	id, answered := l.expectPong()
	defer l.forget(id)
	if err := l.send(ctx, wire.Ping{ID: id}); err != nil {
		return 0, err
	}
	select {
	case _, alive := <-answered:
		if !alive {
			return 0, fmt.Errorf("ping the guest: %w", l.err)
		}
		return time.Since(begun), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close hangs up. The guest goes on.
func (l *Line) Close() error {
	l.once.Do(func() { close(l.closed) })
	err := l.hangUp()
	l.done.Wait()
	return err
}

// send writes m. A guest that does not read holds it up until ctx ends, after
// which the line is of no more use and is closed: half a message may be out.
func (l *Line) send(ctx context.Context, m wire.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.sending <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closed:
		return ErrClosed
	}
	defer func() { <-l.sending }()
	resume := l.interrupt(ctx)
	err := errors.Join(wire.WriteMessage(l.conn, m), resume())
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, l.hangUp())
}

// interrupt makes the end of ctx interrupt a write that waits. The function
// that it returns is called after the write, for the next one to be left
// alone.
func (l *Line) interrupt(ctx context.Context) (resume func() error) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = l.conn.SetWriteDeadline(time.Unix(1, 0)) // fails where the line has ended
	})
	return func() error {
		if stop() {
			return nil
		}
		<-done
		return l.conn.SetWriteDeadline(time.Time{})
	}
}

// read takes messages from the guest until it hangs up.
func (l *Line) read() {
	err := l.receive()
	select {
	case <-l.closed:
		err = ErrClosed
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	close(l.events)
	for _, answered := range l.pings {
		close(answered)
	}
	l.pings = nil
}

// receive ends with an error, that of a guest which hangs up is io.EOF. Of
// the service's ends only the first counts.
func (l *Line) receive() error {
	exited := false
	for {
		m, err := wire.ReadMessage(l.conn)
		if err != nil {
			return err
		}
		switch m := clean(m).(type) {
		case wire.Pong:
			l.answer(m.ID)
		case wire.Started, wire.Settled, wire.Error, wire.StepOutput, wire.StepEnded, wire.Synced:
			err = l.deliver(m)
		case wire.Exited:
			if !exited {
				exited = true
				err = l.see(m)
			}
		}
		// Other messages are of a later version, or nonsense.
		if err != nil {
			return err
		}
	}
}

// see delivers the service's end, and tells the guest, which waits for that.
func (l *Line) see(m wire.Exited) error {
	if err := l.deliver(m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), seenTime)
	defer cancel()
	return l.send(ctx, wire.Seen{})
}

// deliver hands m to Next, and waits where the backlog is full.
func (l *Line) deliver(m wire.Message) error {
	select {
	case l.events <- m:
		return nil
	case <-l.closed:
		return ErrClosed
	}
}

// expectPong registers a ping. The channel gives a value when the pong comes
// and is closed when the line ends.
func (l *Line) expectPong() (uint64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answered := make(chan struct{}, 1)
	if l.pings == nil {
		close(answered)
		return 0, answered
	}
	l.lastID++
	l.pings[l.lastID] = answered
	return l.lastID, answered
}

func (l *Line) forget(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pings, id)
}

func (l *Line) answer(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answered, ok := l.pings[id]; ok {
		delete(l.pings, id)
		answered <- struct{}{}
	}
}

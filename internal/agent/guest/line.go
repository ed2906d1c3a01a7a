//go:build linux || netbsd

package guest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const (
	handshakeTime = 5 * time.Second
	// maxStrangers is how many connections may be in their handshake.
	maxStrangers = 4
)

// listen opens the line's port and serves it. It listens on every address,
// before there is one, so that the host finds the port open as soon as the
// guest can be reached at all.
func (a *agent) listen() error {
	if len(a.config.Key) == 0 {
		return nil
	}
	l, err := net.Listen("tcp4", ":"+strconv.Itoa(int(a.config.LinePort())))
	if err != nil {
		return fmt.Errorf("open the line's port: %w", err)
	}
	go a.accept(l)
	return nil
}

// accept runs as long as l is open, which in a guest is as long as PID 1 lives.
func (a *agent) accept(l net.Listener) {
	defer lastWords()
	strangers := make(chan struct{}, maxStrangers)
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of files or memory, through the service's fault: it may pass.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if fromInside(c) {
			_ = c.Close()
			continue
		}
		select {
		case strangers <- struct{}{}:
			go a.talk(c, func() { <-strangers })
		default:
			_ = c.Close()
		}
	}
}

// fromInside reports whether the guest itself is at the other end: a process
// in it could otherwise hold all places for strangers.
func fromInside(c net.Conn) bool {
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || peer.Addr().IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, addr := range addrs {
		p, err := netip.ParsePrefix(addr.String())
		if err == nil && p.Addr() == peer.Addr() {
			return true
		}
	}
	return false
}

// talk serves one connection. known is called once it is no stranger's any
// more.
func (a *agent) talk(c net.Conn, known func()) {
	defer lastWords()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	err := wire.AcceptLine(c, a.config.Key)
	known()
	if err != nil {
		return
	}
	_ = c.SetDeadline(time.Time{})
	a.journal.open()

	s := &speaker{conn: c}
	hungUp := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		defer lastWords()
		a.tell(s, hungUp)
	})
	a.hear(s)
	close(hungUp)
	_ = c.Close()
	telling.Wait()
}

// A speaker lets two goroutines send on one connection.
type speaker struct {
	mu   sync.Mutex
	conn net.Conn
}

func (s *speaker) say(m wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.WriteMessage(s.conn, m)
}

// tell sends the hello and each event, old and new, until the host hangs up.
func (a *agent) tell(s *speaker, hungUp <-chan struct{}) {
	if s.say(a.hello()) != nil {
		return
	}
	for n := 0; ; {
		events, grown := a.journal.since(n)
		for _, e := range events {
			if s.say(e) != nil {
				return
			}
		}
		n += len(events)
		select {
		case <-grown:
		case <-hungUp:
			return
		}
	}
}

// hear does what the host asks until it hangs up or sends what is no message.
func (a *agent) hear(s *speaker) {
	for {
		m, err := wire.ReadMessage(s.conn)
		if err != nil {
			return
		}
		switch m := m.(type) {
		case wire.Ping:
			if s.say(wire.Pong(m)) != nil {
				return
			}
		case wire.Seen:
			a.journal.acknowledge()
		case wire.Stop:
			a.askStop(m)
		case wire.RunStep, wire.SyncPoint:
			a.order(m, s)
		}
	}
}

// askStop passes a request on. When four are waiting already, one more
// changes nothing.
func (a *agent) askStop(s wire.Stop) {
	select {
	case a.stop <- s:
	default:
	}
}

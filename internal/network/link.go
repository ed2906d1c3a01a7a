package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// The limits of what waits to be sent to the guest. Netstack's senders fill a
// queue of 4096 full frames only when the guest has stopped reading.
const (
	maxQueued  = 4096
	keepBuffer = 256 << 10 // bytes of an emptied queue that are kept for the next frames
)

// flushTime is how long Close waits for the guest to take the last frames.
const flushTime = 50 * time.Millisecond

// A Link is a stack's connection to one QEMU process.
type Link struct {
	s    *Stack
	conn net.Conn

	wake chan struct{} // holds a token while there may be something to send

	mu      sync.Mutex
	queue   []byte // records to be sent, each a length and a frame
	frames  int    // number of records in queue
	closing bool   // nothing more is queued
	err     error  // why it ended, io.EOF when QEMU closed its end; set before done is closed

	endOnce sync.Once
	ended   chan struct{} // closed when it begins to end
	done    chan struct{} // closed when its goroutines have ended
}

// Attach connects the stack to the guest's card: conn is our end of the socket
// that QEMU's stream netdev has the other of. It takes conn over and returns
// at once. A link that was there before is closed: a stack has one card, which
// may be attached again after QEMU has gone. TCP connections outlive the
// change if their peer does.
func (s *Stack) Attach(conn net.Conn) *Link {
	l := &Link{
		s:     s,
		conn:  conn,
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
		done:  make(chan struct{}),
	}
	if !s.own(l) {
		l.end(net.ErrClosed)
		close(l.done)
		return l
	}
	if old := s.nic.swap(l); old != nil {
		_ = old.Close()
	}
	s.log.Debug("network link up", "subnet", s.cfg.Subnet)
	go l.run()
	return l
}

// Close sends what is still queued, if the guest takes it at once, and ends
// the link.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(flushTime)); err != nil {
		l.end(net.ErrClosed)
	}
	l.poke()
	<-l.done
	return nil
}

// run owns the link's two goroutines, of which it is one.
func (l *Link) run() {
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		l.end(l.write())
	}()
	l.end(l.read())
	<-writer
	l.s.nic.drop(l)
	l.s.disown(l)
	l.s.log.Debug("network link down", "subnet", l.s.cfg.Subnet, "reason", l.err)
	close(l.done)
}

// end closes the socket, which ends both goroutines. The first reason counts.
func (l *Link) end(err error) {
	l.endOnce.Do(func() {
		l.mu.Lock()
		l.err = err
		l.closing = true
		l.mu.Unlock()
		close(l.ended)
		_ = l.conn.Close() // its fate is known
	})
}

// read hands the guest's frames to the stack until the socket ends.
func (l *Link) read() error {
	r := newFrameReader(l.conn)
	for {
		frame, err := r.next()
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return fmt.Errorf("read a frame from the guest: %w", err)
		}
		l.s.receive(frame)
	}
}

// write sends what is queued, all that there is with one system call: QEMU
// takes 68 KiB of records at a time.
func (l *Link) write() error {
	var buf []byte
	for {
		select {
		case <-l.wake:
		case <-l.ended:
			return net.ErrClosed
		}
		for {
			var closing bool
			buf, closing = l.take(buf)
			if len(buf) == 0 {
				if closing {
					return net.ErrClosed
				}
				break
			}
			if _, err := l.conn.Write(buf); err != nil {
				return fmt.Errorf("send frames to the guest: %w", err)
			}
		}
	}
}

// take returns the queued records and puts the emptied buffer in their place.
func (l *Link) take(empty []byte) (records []byte, closing bool) {
	if cap(empty) > keepBuffer {
		empty = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	records = l.queue
	l.queue, l.frames = empty[:0], 0
	return records, l.closing
}

// poke wakes the writer.
func (l *Link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// send queues one frame, given in parts of size bytes together. It reports
// false when the queue is full: the frame is dropped, as a card would.
func (l *Link) send(size int, parts ...[]byte) bool {
	l.mu.Lock()
	if l.closing || l.frames >= maxQueued {
		l.mu.Unlock()
		return false
	}
	l.queue = binary.BigEndian.AppendUint32(l.queue, uint32(size))
	for _, p := range parts {
		l.queue = append(l.queue, p...)
	}
	l.frames++
	first := l.frames == 1
	l.mu.Unlock()
	if first {
		l.poke()
	}
	return true
}

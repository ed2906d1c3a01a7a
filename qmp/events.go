package qmp

import (
	"encoding/json"
	"time"
)

// EventBuffer is how many events a Subscription holds for a reader that is
// late. QEMU limits the rate of those that could come in floods.
const EventBuffer = 256

// An Event is something that happened in the server without being asked for,
// such as SHUTDOWN or STOP (qemu-qmp-ref, "events" of each section).
type Event struct {
	Name string
	Data json.RawMessage // the event's members, or nil
	Time time.Time       // by the host's clock; zero where QEMU doesn't know
}

// A Subscription receives the events that come after Subscribe. A reader that
// is late never holds up a command: when the buffer is full the oldest event
// is dropped, and counted.
type Subscription struct {
	client  *Client
	events  chan Event
	dropped int // guarded by client.mu
}

// Subscribe returns a new subscription, which lasts until its Close or the
// client's end.
func (c *Client) Subscribe() *Subscription {
	s := &Subscription{client: c, events: make(chan Event, EventBuffer)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		close(s.events)
		return s
	}
	c.subs[s] = struct{}{}
	return s
}

// Events returns the channel of events, closed when the subscription or the
// client ends.
func (s *Subscription) Events() <-chan Event { return s.events }

// Dropped returns how many events were lost because nobody read them.
func (s *Subscription) Dropped() int {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.dropped
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if _, ok := s.client.subs[s]; ok {
		delete(s.client.subs, s)
		close(s.events)
	}
}

// publish gives an event to all subscriptions. It is called with client.mu
// held, so that only one goroutine sends.
func (c *Client) publish(e Event) {
	for s := range c.subs {
		for {
			select {
			case s.events <- e:
			default:
				select {
				case <-s.events:
					s.dropped++
				default: // the reader was faster
				}
				continue
			}
			break
		}
	}
}

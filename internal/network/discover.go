package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxSeen is how many of the guest's addresses are remembered: a guest has
// one or two, unless it makes them up.
const maxSeen = 8

// The pace of looking for a guest that keeps silent: questions for that many
// addresses, then a pause. A /24 is gone through in a fifth of a second.
const (
	askCount = 64
	askPause = 50 * time.Millisecond
)

// A watch remembers the addresses that the guest sends from.
type watch struct {
	last  atomic.Uint32 // the address seen last, to be quick about the next packet
	found chan struct{} // closed with the first address that can be the guest's

	mu    sync.Mutex
	addrs []netip.Addr // all that were seen, in order; at most maxSeen
	guest netip.Addr   // the first that can be the guest's
}

// see notes a source address; own says whether it can be the guest's own in
// our subnet.
func (w *watch) see(a netip.Addr, own bool) {
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	if n == 0 || w.last.Swap(n) == n {
		return // 0.0.0.0 is nobody's (RFC 5227, DHCP)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.addrs) < maxSeen && !slices.Contains(w.addrs, a) {
		w.addrs = append(w.addrs, a)
	}
	if own && !w.guest.IsValid() {
		w.guest = a
		close(w.found)
	}
}

// seen returns the addresses the guest sent from, oldest first.
func (w *watch) seen() []netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.addrs)
}

func (w *watch) guestAddr() netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.guest
}

// guestRange says whether a can be the address of a guest in our subnet.
func (s *Stack) guestRange(a netip.Addr) bool {
	return s.cfg.Subnet.Contains(a) && a != s.cfg.Gateway && a != s.cfg.DNS &&
		a != s.cfg.Subnet.Addr() && a != lastAddr(s.cfg.Subnet)
}

// FindGuest returns the guest's address: the one that the Config gave it, or
// else (Config.Discover) the first of the subnet that the guest uses. It waits
// for the guest to use one, and asks for all of them by ARP meanwhile, as not
// every system announces its address. When ctx ends first, the error says what
// addresses outside of the subnet the guest uses, if any.
func (s *Stack) FindGuest(ctx context.Context) (netip.Addr, error) {
	if !s.cfg.Discover {
		return s.cfg.Guest, nil
	}
	tick := time.NewTicker(askPause)
	defer tick.Stop()
	next := s.cfg.Subnet.Addr()
	for {
		select {
		case <-s.watch.found:
			return s.watch.guestAddr(), nil
		case <-ctx.Done():
			return netip.Addr{}, s.notFound(ctx.Err())
		case <-s.done:
			return netip.Addr{}, s.notFound(net.ErrClosed)
		case <-tick.C:
			next = s.askFrom(next)
		}
	}
}

// askFrom asks for some addresses from addr on and returns the one to go on
// with. It waits while the guest hasn't taken what was sent before: its driver
// may not be up, and would find a heap of questions when it comes.
func (s *Stack) askFrom(addr netip.Addr) netip.Addr {
	if s.nic.blocked() {
		return addr
	}
	for range askCount {
		if s.guestRange(addr) {
			s.ask(addr)
		}
		if addr = addr.Next(); !s.cfg.Subnet.Contains(addr) {
			return s.cfg.Subnet.Addr()
		}
	}
	return addr
}

// notFound is FindGuest's error.
func (s *Stack) notFound(cause error) error {
	for _, a := range s.watch.seen() {
		if !s.cfg.Subnet.Contains(a) {
			return fmt.Errorf("find the guest in %s: it uses %s, which is of another subnet: %w", s.cfg.Subnet, a, cause)
		}
	}
	return fmt.Errorf("find the guest in %s: nothing answers there: %w", s.cfg.Subnet, cause)
}

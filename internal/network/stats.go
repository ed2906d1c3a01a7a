package network

import (
	"net/netip"
	"sync/atomic"
)

// counters are the live form of Stats.
type counters struct {
	framesIn, bytesIn, runts, ignored    atomic.Uint64
	refusedTCP, refusedUDP, refusedOther atomic.Uint64
	accepted, failed                     atomic.Uint64
	active                               atomic.Int64
}

// Stats is what a Stack has counted since it was made. In and out are seen
// from the host: in is what the guest sent.
type Stats struct {
	FramesIn  uint64 `json:"frames_in"`
	BytesIn   uint64 `json:"bytes_in"` // of frames, without QEMU's length
	FramesOut uint64 `json:"frames_out"`
	BytesOut  uint64 `json:"bytes_out"`
	Dropped   uint64 `json:"dropped"` // frames out: the guest did not take them, or wasn't there
	Runts     uint64 `json:"runts"`   // frames in: too short or malformed
	Ignored   uint64 `json:"ignored"` // frames in: of other protocols, or to groups

	Refused Refused `json:"refused"`

	Accepted uint64 `json:"accepted"` // connections to published ports
	Failed   uint64 `json:"failed"`   // of these, reset because the guest did not take them
	Active   int64  `json:"active"`   // of these, open now

	// GuestAddrs are addresses that the guest sent from, oldest first; at
	// most eight.
	GuestAddrs []netip.Addr `json:"guest_addrs,omitempty"`
}

// Refused counts the packets that the guest sent to addresses other than the
// gateway's and the name server's.
type Refused struct {
	TCP   uint64 `json:"tcp"` // answered with a reset
	UDP   uint64 `json:"udp"` // answered with ICMP port unreachable, at a limited rate
	Other uint64 `json:"other"`
}

// Stats returns the counters as they are now.
func (s *Stack) Stats() Stats {
	c := &s.count
	return Stats{
		FramesIn:  c.framesIn.Load(),
		BytesIn:   c.bytesIn.Load(),
		FramesOut: s.nic.framesOut.Load(),
		BytesOut:  s.nic.bytesOut.Load(),
		Dropped:   s.nic.dropped.Load(),
		Runts:     c.runts.Load(),
		Ignored:   c.ignored.Load(),
		Refused: Refused{
			TCP:   c.refusedTCP.Load(),
			UDP:   c.refusedUDP.Load(),
			Other: c.refusedOther.Load(),
		},
		Accepted:   c.accepted.Load(),
		Failed:     c.failed.Load(),
		Active:     c.active.Load(),
		GuestAddrs: s.watch.seen(),
	}
}

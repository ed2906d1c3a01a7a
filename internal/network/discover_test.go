package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFindGuest(t *testing.T) {
	subnet := netip.MustParsePrefix("192.168.2.0/24")
	for name, speaks := range map[string]bool{"silent": false, "speaks first": true} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{Subnet: subnet, Discover: true})
			g := newGuest(t, wire(t, s), "192.168.2.101/24")
			g.http(80)
			if speaks {
				_, _ = g.dial(patient(t), "192.168.2.2:1")
			}
			got, err := s.FindGuest(patient(t))
			if want := netip.MustParseAddr("192.168.2.101"); got != want || err != nil {
				t.Fatalf("FindGuest() = %s, %v; want %s", got, err, want)
			}
			if err := s.WaitPort(patient(t), 80); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFindGuestGiven(t *testing.T) {
	s := newStack(t, Config{})
	got, err := s.FindGuest(patient(t))
	if want := netip.MustParseAddr("10.0.2.15"); got != want || err != nil {
		t.Errorf("FindGuest() = %s, %v; want %s", got, err, want)
	}
}

func TestFindGuestSaysWhy(t *testing.T) {
	for name, tt := range map[string]struct{ guest, want string }{
		"nobody":        {"", "nothing answers there"},
		"other network": {"192.168.2.101/24", "it uses 192.168.2.101, which is of another subnet"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{Discover: true})
			qemu := wire(t, s)
			if tt.guest != "" {
				g := newGuest(t, qemu, tt.guest)
				go func() { _, _ = g.dial(patient(t), "192.168.2.2:1") }()
				<-s.FirstFrame()
			}
			ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
			defer cancel()
			_, err := s.FindGuest(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("FindGuest: %v; want %q and the context's error", err, tt.want)
			}
		})
	}
}

// The questions go through the whole subnet, and leave out our own addresses.
func TestAskFrom(t *testing.T) {
	s := newStack(t, Config{Discover: true})
	ours, qemu := net.Pipe()
	s.Attach(ours)
	asked := make(map[netip.Addr]int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := newFrameReader(qemu)
		for len(asked) < 252 {
			frame, err := r.next()
			if err != nil {
				return
			}
			if p, ok := parseARP(frame[etherSize:]); ok && p.op == arpRequest && p.sender == s.cfg.Gateway {
				asked[p.target]++
			}
		}
	}()
	next := s.cfg.Subnet.Addr()
	for range 256 / askCount {
		next = s.askFrom(next)
	}
	<-done
	if next != s.cfg.Subnet.Addr() {
		t.Errorf("after a round the next is %s; want the first", next)
	}
	for _, a := range []netip.Addr{s.cfg.Gateway, s.cfg.DNS} {
		if asked[a] != 0 {
			t.Errorf("asked for %s, which is ours", a)
		}
	}
	if asked[netip.MustParseAddr("10.0.2.1")] != 1 || asked[netip.MustParseAddr("10.0.2.254")] != 1 {
		t.Errorf("asked for %d addresses, not each from .1 to .254 once", len(asked))
	}
}

func TestARP(t *testing.T) {
	addr := netip.MustParseAddr
	guest, gateway, dns := addr("10.0.2.15"), addr("10.0.2.2"), addr("10.0.2.3")
	ask := func(from, target netip.Addr) []byte {
		return arpPacket{op: arpRequest, senderMAC: guestMAC, sender: from, targetMAC: make(net.HardwareAddr, 6), target: target}.frame(broadcastMAC())
	}
	ours := gatewayMAC(gateway)
	reply := func(from, to netip.Addr) *arpPacket {
		return &arpPacket{op: arpReply, senderMAC: ours, sender: from, targetMAC: guestMAC, target: to}
	}
	fromGroup := ask(guest, gateway)
	fromGroup[etherSize+8] |= 1
	otherHardware := ask(guest, gateway)
	otherHardware[etherSize+1] = 6
	tests := map[string]struct {
		frame []byte
		want  *arpPacket
		seen  []netip.Addr
	}{
		"gateway":           {ask(guest, gateway), reply(gateway, guest), []netip.Addr{guest}},
		"name server":       {ask(guest, dns), reply(dns, guest), []netip.Addr{guest}},
		"padded":            {append(ask(guest, gateway), make([]byte, 18)...), reply(gateway, guest), []netip.Addr{guest}},
		"probe of gateway":  {ask(netip.IPv4Unspecified(), gateway), reply(gateway, netip.IPv4Unspecified()), nil},
		"probe of its own":  {ask(netip.IPv4Unspecified(), guest), nil, nil},
		"announcement":      {ask(guest, guest), nil, []netip.Addr{guest}},
		"nobody":            {ask(guest, addr("10.0.2.77")), nil, []netip.Addr{guest}},
		"the world":         {ask(guest, addr("8.8.8.8")), nil, []netip.Addr{guest}},
		"claims gateway":    {ask(gateway, gateway), reply(gateway, gateway), []netip.Addr{gateway}},
		"from a group":      {fromGroup, nil, []netip.Addr{guest}},
		"other hardware":    {otherHardware, nil, nil},
		"cut short":         {ask(guest, gateway)[:etherSize+arpSize-1], nil, nil},
		"unasked for reply": {reply(guest, gateway).frame(broadcastMAC()), nil, []netip.Addr{guest}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{GuestMAC: guestMAC})
			qemu := wire(t, s)
			s.receive(tt.frame)
			s.nic.send(etherSize, make([]byte, etherSize)) // marks the end
			frame, err := newFrameReader(qemu).next()
			if err != nil {
				t.Fatal(err)
			}
			var got *arpPacket
			if p, ok := parseARP(frame[etherSize:]); ok {
				got = &p
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(arpPacket{}), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.seen, s.Stats().GuestAddrs, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchIsBounded(t *testing.T) {
	s := newStack(t, Config{})
	for i := range 1000 {
		s.watch.see(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), false)
	}
	if got := len(s.Stats().GuestAddrs); got != maxSeen {
		t.Errorf("%d addresses remembered; want %d", got, maxSeen)
	}
}

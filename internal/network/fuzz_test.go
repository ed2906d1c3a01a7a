package network

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// seedFrames are one frame of each kind that a guest sends.
func seedFrames() [][]byte {
	syn := tcpSYN([4]byte{10, 0, 2, 15}, [4]byte{10, 0, 2, 2}, 80)
	out := tcpSYN([4]byte{10, 0, 2, 15}, [4]byte{8, 8, 8, 8}, 80)
	fragment := bytes.Clone(syn)
	header.IPv4(fragment[etherSize:]).SetFlagsFragmentOffset(header.IPv4FlagMoreFragments, 8)
	icmp := bytes.Clone(syn)
	icmp[etherSize+9] = protoICMP
	icmp[etherSize+ipv4Size] = 8
	udp := bytes.Clone(out)
	udp[etherSize+9] = protoUDP
	options := bytes.Clone(syn)
	options[etherSize] = 0x4f
	arp := arpPacket{op: arpRequest, senderMAC: guestMAC, targetMAC: make([]byte, 6)}
	arp.sender, arp.target = netip.MustParseAddr("10.0.2.15"), netip.MustParseAddr("10.0.2.2")
	return [][]byte{syn, out, fragment, icmp, udp, options, arp.frame(broadcastMAC()), {}, make([]byte, 13)}
}

func FuzzFrameReader(f *testing.F) {
	var all []byte
	for _, frame := range seedFrames() {
		all = append(all, record(frame)...)
	}
	f.Add(all)
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 1, 0, 14, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrameReader(bytes.NewReader(b))
		var again []byte
		for {
			frame, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errFrameLength) {
					t.Fatalf("unexpected error %v", err)
				}
				if errors.Is(err, io.EOF) && len(again) != len(b) {
					t.Fatalf("a clean end after %d of %d bytes", len(again), len(b))
				}
				break
			}
			again = append(again, record(frame)...)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("read back %x, which isn't the start of %x", again, b)
		}
	})
}

// FuzzReceive gives a stack some frames, as the socket brings them.
func FuzzReceive(f *testing.F) {
	var all []byte
	for _, frame := range seedFrames() {
		all = append(all, record(frame)...)
		f.Add(record(frame))
	}
	f.Add(all)
	s := newStack(f, Config{GuestMAC: guestMAC})
	wire(f, s)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := s.Stats()
		r := newFrameReader(bytes.NewReader(b))
		n := uint64(0)
		for frame, err := r.next(); err == nil; frame, err = r.next() {
			s.receive(frame)
			n++
		}
		after := s.Stats()
		if got := after.FramesIn - before.FramesIn; got != n {
			t.Fatalf("%d frames counted; want %d", got, n)
		}
	})
}

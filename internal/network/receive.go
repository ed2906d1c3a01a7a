package network

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Protocol numbers of IPv4 (IANA).
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// ipv4Size is the length of an IPv4 header without options, in bytes.
const ipv4Size = 20

// receive takes in one frame of the guest, which is only valid until it
// returns. Whatever the frame holds, at most one is sent in answer.
func (s *Stack) receive(frame []byte) {
	s.count.framesIn.Add(1)
	s.count.bytesIn.Add(uint64(len(frame)))
	if len(frame) < etherSize {
		s.count.runts.Add(1)
		return
	}
	s.firstOnce.Do(func() { close(s.first) })
	if s.nic.guestMAC.Load() == nil {
		s.learnMAC(frame[6:12])
	}
	payload := frame[etherSize:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherARP:
		s.receiveARP(payload)
	case etherIPv4:
		s.receiveIPv4(payload, isGroup(frame[:6]))
	default:
		s.count.ignored.Add(1) // IPv6, LLDP, VLAN tags
	}
}

// isGroup says whether a hardware address is a broadcast or multicast one.
func isGroup(mac []byte) bool { return mac[0]&1 != 0 }

// learnMAC takes the source of the first frame for the guest's address.
func (s *Stack) learnMAC(src []byte) {
	if !isGroup(src) {
		s.nic.setGuestMAC(append(net.HardwareAddr(nil), src...))
	}
}

// receiveIPv4 lets a packet to one of our own addresses through to the
// netstack, and with Config.Egress what may go out; what it does with the
// others is refuse.
func (s *Stack) receiveIPv4(packet []byte, group bool) {
	if len(packet) < ipv4Size || packet[0]>>4 != 4 {
		s.count.runts.Add(1)
		return
	}
	src, dst := netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
	s.watch.see(src, s.guestRange(src))
	switch {
	case group || dst.IsMulticast() || dst == lastAddr(s.cfg.Subnet) || dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		s.count.ignored.Add(1) // nobody here listens to groups, nor answers them
	case dst == s.cfg.Gateway || dst == s.cfg.DNS:
		s.nic.inject(packet)
	case s.cfg.Egress != nil && !dst.IsLoopback() && (packet[9] == protoTCP || packet[9] == protoUDP):
		s.nic.inject(packet) // the outlet is asked
	default:
		s.refuse(packet)
	}
}

// refuse handles a packet to an address that isn't ours. TCP and UDP go to
// the netstack, which finds no socket there and answers with a reset or ICMP
// port unreachable; what can't be answered so is dropped. Fragments are, since
// they would have to be collected only to be refused.
func (s *Stack) refuse(packet []byte) {
	const moreOrOffset = 0x3fff // all but "don't fragment" of the flags and the offset
	fragment := binary.BigEndian.Uint16(packet[6:])&moreOrOffset != 0
	switch proto := packet[9]; {
	case proto == protoTCP && !fragment:
		s.count.refusedTCP.Add(1)
		s.nic.inject(packet)
	case proto == protoUDP && !fragment:
		s.count.refusedUDP.Add(1)
		s.nic.inject(packet)
	default:
		s.count.refusedOther.Add(1)
	}
}

package network

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// arpSize is the length of an ARP packet for IPv4 over Ethernet (RFC 826).
const arpSize = 28

// ARP operations (RFC 826).
const (
	arpRequest = 1
	arpReply   = 2
)

// An arpPacket is an ARP packet for IPv4 over Ethernet. The fields before
// these are fixed: hardware type 1, protocol 0x0800, lengths 6 and 4.
type arpPacket struct {
	op        uint16           // offset 6: arpRequest or arpReply
	senderMAC net.HardwareAddr // offset 8
	sender    netip.Addr       // offset 14; 0.0.0.0 in a probe (RFC 5227)
	targetMAC net.HardwareAddr // offset 18; ignored in a request
	target    netip.Addr       // offset 24
}

// arpHeader is what every ARP packet of ours begins with: Ethernet, IPv4, and
// the lengths of their addresses.
func arpHeader() [6]byte { return [6]byte{0, 1, 0x08, 0x00, 6, 4} }

// parseARP reads an ARP packet, which Ethernet may have padded. It reports
// false for one that isn't about IPv4 over Ethernet. The result refers to b.
func parseARP(b []byte) (arpPacket, bool) {
	if len(b) < arpSize || [6]byte(b) != arpHeader() {
		return arpPacket{}, false
	}
	return arpPacket{
		op:        binary.BigEndian.Uint16(b[6:]),
		senderMAC: b[8:14],
		sender:    netip.AddrFrom4([4]byte(b[14:])),
		targetMAC: b[18:24],
		target:    netip.AddrFrom4([4]byte(b[24:])),
	}, true
}

// frame returns p in an Ethernet frame to dst.
func (p arpPacket) frame(dst net.HardwareAddr) []byte {
	b := make([]byte, 0, etherSize+arpSize)
	b = appendEther(b, dst, p.senderMAC, etherARP)
	head, sender, target := arpHeader(), p.sender.As4(), p.target.As4()
	b = append(b, head[:]...)
	b = binary.BigEndian.AppendUint16(b, p.op)
	b = append(b, p.senderMAC...)
	b = append(b, sender[:]...)
	b = append(b, p.targetMAC...)
	return append(b, target[:]...)
}

// receiveARP answers questions for the gateway's and the name server's
// addresses, and notes who asks. A guest that tries out an address before it
// takes it (RFC 5227) gets no answer, so it may have any but those two.
func (s *Stack) receiveARP(b []byte) {
	p, ok := parseARP(b)
	if !ok {
		s.count.runts.Add(1)
		return
	}
	s.watch.see(p.sender, s.guestRange(p.sender))
	if p.op != arpRequest || p.target != s.cfg.Gateway && p.target != s.cfg.DNS {
		return
	}
	if isGroup(p.senderMAC) {
		s.count.ignored.Add(1) // the answer would go to all
		return
	}
	reply := arpPacket{
		op:        arpReply,
		senderMAC: s.nic.mac, sender: p.target,
		targetMAC: p.senderMAC, target: p.sender,
	}.frame(p.senderMAC)
	s.nic.send(len(reply), reply)
}

// ask sends the ARP question who has addr.
func (s *Stack) ask(addr netip.Addr) {
	question := arpPacket{
		op:        arpRequest,
		senderMAC: s.nic.mac, sender: s.cfg.Gateway,
		targetMAC: make(net.HardwareAddr, 6), target: addr,
	}.frame(broadcastMAC())
	s.nic.send(len(question), question)
}

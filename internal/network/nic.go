package network

import (
	"net"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// mtu is the largest IPv4 packet either side sends, in bytes: Ethernet's, as
// virtio-net has it without segmentation offload.
const mtu = 1500

// A nic is the netstack's side of the wire, a stack.LinkEndpoint. It exists
// as long as the stack; the Link that its frames leave by comes and goes.
//
// Netstack's own channel endpoint would do, but hands over each packet by a
// channel and drops silently when that is full; this one counts, and the Link
// sends all that is queued with one system call.
type nic struct {
	mac      net.HardwareAddr // ours
	guestMAC atomic.Pointer[net.HardwareAddr]
	link     atomic.Pointer[Link]

	framesOut, bytesOut, dropped atomic.Uint64

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

var (
	_ stack.LinkEndpoint = (*nic)(nil)
	_ stack.GSOEndpoint  = (*nic)(nil)
)

func (n *nic) setGuestMAC(mac net.HardwareAddr) {
	if mac != nil {
		n.guestMAC.Store(&mac)
	}
}

// guest returns the guest's hardware address, the broadcast address as long
// as that isn't known.
func (n *nic) guest() net.HardwareAddr {
	if mac := n.guestMAC.Load(); mac != nil {
		return *mac
	}
	return broadcastMAC()
}

func broadcastMAC() net.HardwareAddr {
	return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// swap makes l the link that frames leave by and returns the one before.
func (n *nic) swap(l *Link) *Link { return n.link.Swap(l) }

// drop forgets l, unless another has taken its place.
func (n *nic) drop(l *Link) { n.link.CompareAndSwap(l, nil) }

// send queues one frame for the guest.
func (n *nic) send(size int, parts ...[]byte) {
	l := n.link.Load()
	if l == nil || !l.send(size, parts...) {
		n.dropped.Add(1)
		return
	}
	n.framesOut.Add(1)
	n.bytesOut.Add(uint64(size))
}

// inject gives an IPv4 packet of the guest to the netstack, which copies it.
func (n *nic) inject(packet []byte) {
	n.mu.RLock()
	d := n.dispatcher
	n.mu.RUnlock()
	if d == nil {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	defer pkt.DecRef()
	pkt.PktType = tcpip.PacketHost
	d.DeliverNetworkPacket(ipv4.ProtocolNumber, pkt)
}

// WritePackets implements stack.LinkWriter. It never blocks, as netstack's
// locks may be held.
func (n *nic) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		n.send(pkt.Size(), pkt.AsSlices()...)
	}
	return pkts.Len(), nil
}

// AddHeader implements stack.LinkEndpoint.
func (n *nic) AddHeader(pkt *stack.PacketBuffer) {
	h := pkt.LinkHeader().Push(etherSize)
	appendEther(h[:0], n.guest(), n.mac, uint16(pkt.NetworkProtocolNumber))
}

// Capabilities implements stack.LinkEndpoint. Addresses need no resolution,
// for there is one station to send to. Checksums of what arrives are not
// verified: the bytes have come through a socket of this host's kernel.
func (n *nic) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}

// Attach implements stack.LinkEndpoint.
func (n *nic) Attach(d stack.NetworkDispatcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dispatcher = d
}

// IsAttached implements stack.LinkEndpoint.
func (n *nic) IsAttached() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.dispatcher != nil
}

// GSOMaxSize implements stack.GSOEndpoint.
func (n *nic) GSOMaxSize() uint32 { return stack.GVisorGSOMaxSize }

// SupportedGSO implements stack.GSOEndpoint: netstack's TCP makes long
// segments and cuts them up at the very end, which is cheaper.
func (n *nic) SupportedGSO() stack.SupportedGSO { return stack.GVisorGSOSupported }

// MTU implements stack.LinkEndpoint.
func (n *nic) MTU() uint32 { return mtu }

// SetMTU implements stack.LinkEndpoint. The MTU is fixed.
func (n *nic) SetMTU(uint32) {}

// MaxHeaderLength implements stack.LinkEndpoint.
func (n *nic) MaxHeaderLength() uint16 { return etherSize }

// LinkAddress implements stack.LinkEndpoint.
func (n *nic) LinkAddress() tcpip.LinkAddress { return tcpip.LinkAddress(n.mac) }

// SetLinkAddress implements stack.LinkEndpoint. The address is fixed.
func (n *nic) SetLinkAddress(tcpip.LinkAddress) {}

// ARPHardwareType implements stack.LinkEndpoint.
func (n *nic) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareEther }

// ParseHeader implements stack.LinkEndpoint: what inject delivers has none.
func (n *nic) ParseHeader(*stack.PacketBuffer) bool { return true }

// Wait implements stack.LinkEndpoint. The links are waited for by Stack.Close.
func (n *nic) Wait() {}

// Close implements stack.LinkEndpoint.
func (n *nic) Close() {}

// SetOnCloseAction implements stack.LinkEndpoint.
func (n *nic) SetOnCloseAction(func()) {}

// blocked says that what is sent now would not reach the guest yet: there is
// no QEMU, or it has stopped reading, as it does while the guest's driver has
// no buffers for it.
func (n *nic) blocked() bool {
	l := n.link.Load()
	return l == nil || unread(l.conn)
}

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

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Limits of what a guest may have open to the outside.
const (
	maxConnecting  = 256 // TCP connections that the host has not made yet
	maxConnections = 4096
	maxDatagrams   = 256 // UDP flows, of 128 KB each
	dialTime       = 30 * time.Second
)

// dnsPort is where name servers are asked (RFC 1035).
const dnsPort = 53

// Egress lets a guest reach what is outside of the host: TCP and UDP, and name
// servers by the address Config.DNS. It does not reach the host: its loopback
// and other addresses are refused, and so are link-local ones, where clouds
// keep what is for the host only.
type Egress struct {
	// Allow are addresses that are reached though the rule above is against
	// it, but for loopback ones.
	Allow []netip.Prefix
	// NameServers answer what the guest asks Config.DNS; those of
	// resolv.conf(5) when empty.
	NameServers []netip.AddrPort
}

// An outlet makes a guest's connections to the outside.
type outlet struct {
	*Stack
	Egress
	ctx    context.Context // ends with the stack
	cancel context.CancelFunc

	host                   hostAddrs
	connections, datagrams chan struct{} // hold one token for each that is open

	mu     sync.Mutex // guards what follows
	closed bool
	flows  sync.WaitGroup
}

// openOutlet has the netstack ask us about what the guest sends to others.
func (s *Stack) openOutlet(e Egress) {
	ctx, cancel := context.WithCancel(context.Background())
	o := &outlet{Stack: s, Egress: e, ctx: ctx, cancel: cancel, connections: make(chan struct{}, maxConnections), datagrams: make(chan struct{}, maxDatagrams)}
	s.own(o)
	connections := tcp.NewForwarder(s.ns, 0, maxConnecting, o.connection)
	s.ns.SetTransportProtocolHandler(tcp.ProtocolNumber, connections.HandlePacket)
	datagrams := udp.NewForwarder(s.ns, o.datagram)
	s.ns.SetTransportProtocolHandler(udp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		if _, ok := o.target(id); !ok {
			o.refused(id, &s.count.refusedUDP)
			return false // which the netstack answers
		}
		return datagrams.HandlePacket(id, pkt)
	})
}

// Close ends what is open, and waits for it.
func (o *outlet) Close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.cancel()
	o.flows.Wait()
	return nil
}

// begin takes one of the slots for a flow, which the caller gives back by end.
// It reports false where there is none, or the outlet is closed.
func (o *outlet) begin(slots chan struct{}) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	select {
	case slots <- struct{}{}:
		o.flows.Add(1)
		return true
	default:
		return false
	}
}

func (o *outlet) end(slots chan struct{}) {
	<-slots
	o.flows.Done()
}

// target returns where what the guest sends is to go on the host's network,
// and reports whether it may.
func (o *outlet) target(id stack.TransportEndpointID) (netip.AddrPort, bool) {
	addr := netip.AddrFrom4(id.LocalAddress.As4())
	if addr == o.cfg.DNS && id.LocalPort == dnsPort {
		return o.nameServer()
	}
	return netip.AddrPortFrom(addr, id.LocalPort), o.allowed(addr)
}

// refused counts what the guest may not reach, as Refused says.
func (o *outlet) refused(id stack.TransportEndpointID, count *atomic.Uint64) {
	if a := netip.AddrFrom4(id.LocalAddress.As4()); a != o.cfg.Gateway && a != o.cfg.DNS {
		count.Add(1)
	}
}

// allowed reports whether the guest may reach the address.
func (o *outlet) allowed(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || o.cfg.Subnet.Contains(a) {
		return false
	}
	if slices.ContainsFunc(o.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	first := a.As4()[0]
	return !a.IsLinkLocalUnicast() && first != 0 && first < 240 && !o.host.has(a)
}

// nameServer returns the one that the guest's questions go to.
func (o *outlet) nameServer() (netip.AddrPort, bool) {
	servers := o.NameServers
	if len(servers) == 0 {
		servers = hostNameServers()
	}
	if len(servers) == 0 {
		return netip.AddrPort{}, false
	}
	return servers[0], true
}

// connection carries a TCP connection that the guest begins, to its end.
func (o *outlet) connection(r *tcp.ForwarderRequest) {
	if !o.begin(o.connections) {
		r.Complete(true)
		return
	}
	defer o.end(o.connections)
	to, ok := o.target(r.ID())
	if !ok {
		o.refused(r.ID(), &o.count.refusedTCP)
		o.log.Debug("refused the guest a connection", "to", to)
		r.Complete(true)
		return
	}
	host, err := o.dialHost(to)
	if err != nil {
		o.log.Debug("no connection for the guest", "to", to, "reason", err)
		r.Complete(true)
		return
	}
	var wq waiter.Queue
	ep, terr := r.CreateEndpoint(&wq)
	r.Complete(terr != nil)
	if terr != nil {
		reset(host)
		return
	}
	ep.SocketOptions().SetDelayOption(false) // as TCP_NODELAY
	o.relay(o.ctx, host, &Conn{TCPConn: gonet.NewTCPConn(&wq, ep), ep: ep})
}

// dialHost connects from the host. Where that ended at the host itself, by a
// route that its addresses don't show, it is refused after all.
func (o *outlet) dialHost(to netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: dialTime}
	conn, err := d.DialContext(o.ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("dial %s: a %T", to, conn)
	}
	if o.toHost(conn, to) {
		reset(c)
		return nil, fmt.Errorf("dial %s: it is the host", to)
	}
	return c, nil
}

// toHost reports whether a connection leads to the host and may not.
func (o *outlet) toHost(c net.Conn, to netip.AddrPort) bool {
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return true
	}
	named := slices.ContainsFunc(o.Allow, func(p netip.Prefix) bool { return p.Contains(to.Addr()) })
	server, _ := o.nameServer()
	return local.Addr().Unmap() == to.Addr() && !named && to != server
}

// datagramConn is a UDP endpoint for what the guest sends to one address.
func datagramConn(r *udp.ForwarderRequest) (*gonet.UDPConn, tcpip.Error) {
	var wq waiter.Queue
	ep, terr := r.CreateEndpoint(&wq)
	if terr != nil {
		return nil, terr
	}
	return gonet.NewUDPConn(&wq, ep), nil
}

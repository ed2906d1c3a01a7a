package network

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// A guest is a TCP/IP peer as a VM has one: its own stack, with ARP, behind
// QEMU's framing. Its card is netstack's own, so that nothing of ours answers
// for it.
type guest struct {
	t    testing.TB
	ns   *stack.Stack
	ep   *channel.Endpoint
	stop context.CancelFunc
	done chan struct{}
	once sync.Once
}

var guestMAC = net.HardwareAddr{0x52, 0x54, 0, 0x12, 0x34, 0x56}

// newGuest starts a guest with an address on conn, which it owns.
func newGuest(t testing.TB, conn net.Conn, addr string) *guest {
	t.Helper()
	g := &guest{
		t:    t,
		ep:   channel.New(4096, mtu+etherSize, tcpip.LinkAddress(guestMAC)),
		done: make(chan struct{}),
		ns: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		}),
	}
	wait := tcpip.TCPTimeWaitTimeoutOption(time.Millisecond)
	check(t, g.ns.SetTransportProtocolOption(tcp.ProtocolNumber, &wait))
	check(t, g.ns.CreateNIC(1, ethernet.New(g.ep)))
	prefix := netip.MustParsePrefix(addr)
	check(t, g.ns.AddProtocolAddress(1, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(prefix.Addr().As4()), PrefixLen: prefix.Bits()},
	}, stack.AddressProperties{}))
	gw := prefix.Masked().Addr().Next().Next() // .2
	local, err := tcpip.NewSubnet(tcpip.AddrFrom4(prefix.Masked().Addr().As4()), tcpip.MaskFromBytes(net.CIDRMask(prefix.Bits(), 32)))
	if err != nil {
		t.Fatal(err)
	}
	g.ns.SetRouteTable([]tcpip.Route{
		{Destination: local, NIC: 1},
		{Destination: header.IPv4EmptySubnet, Gateway: tcpip.AddrFrom4(gw.As4()), NIC: 1},
	})
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go g.run(ctx, conn)
	t.Cleanup(g.close)
	return g
}

func check(t testing.TB, err tcpip.Error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run copies frames both ways until the guest is closed.
func (g *guest) run(ctx context.Context, conn net.Conn) {
	defer close(g.done)
	in := make(chan struct{})
	go func() {
		defer close(in)
		r := newFrameReader(conn)
		for {
			frame, err := r.next()
			if err != nil {
				return
			}
			pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
			g.ep.InjectInbound(0, pkt)
			pkt.DecRef()
		}
	}()
	for pkt := g.ep.ReadContext(ctx); pkt != nil; pkt = g.ep.ReadContext(ctx) {
		b := pkt.ToView().AsSlice()
		if _, err := conn.Write(record(b)); err != nil {
			g.t.Logf("guest: send: %v", err)
			break
		}
		pkt.DecRef()
	}
	_ = conn.Close()
	<-in
}

// close ends the guest as if its QEMU was killed.
func (g *guest) close() {
	g.once.Do(func() {
		g.stop()
		<-g.done
		g.ns.Destroy()
	})
}

// listen accepts connections on a port of the guest.
func (g *guest) listen(port uint16) net.Listener {
	g.t.Helper()
	l, err := gonet.ListenTCP(g.ns, tcpip.FullAddress{NIC: 1, Port: port}, ipv4.ProtocolNumber)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve runs f on each connection to a port of the guest.
func (g *guest) serve(port uint16, f func(net.Conn)) {
	l := g.listen(port)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f(conn)
		}
	}()
}

// echo sends everything back, and ends when its client does.
func (g *guest) echo(port uint16) {
	g.serve(port, func(conn net.Conn) {
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	})
}

// http answers each request with its path.
func (g *guest) http(port uint16) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "guest "+r.URL.Path)
	})}
	l := g.listen(port)
	go func() { _ = srv.Serve(l) }()
	g.t.Cleanup(func() { _ = srv.Close() })
}

// dial connects from the guest to an address outside.
func (g *guest) dial(ctx context.Context, to string) (net.Conn, error) {
	ap := netip.MustParseAddrPort(to)
	return gonet.DialContextTCP(ctx, g.ns, tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFrom4(ap.Addr().As4()), Port: ap.Port()}, ipv4.ProtocolNumber)
}

// record is a frame as it is on the socket.
func record(frame []byte) []byte {
	n := len(frame)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, frame...)
}

// newStack makes a stack that ends with the test.
func newStack(t testing.TB, cfg Config) *Stack {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// wire attaches the stack to one end of a socket pair and returns the other.
func wire(t testing.TB, s *Stack) net.Conn {
	t.Helper()
	ours, theirs, err := Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	s.Attach(ours)
	conn, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// pair makes a stack and a guest at 10.0.2.15 on it.
func pair(t testing.TB) (*Stack, *guest) {
	t.Helper()
	s := newStack(t, Config{GuestMAC: guestMAC})
	return s, newGuest(t, wire(t, s), "10.0.2.15/24")
}

// patient returns a context long enough for anything but a hang.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

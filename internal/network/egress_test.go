package network

import (
	"net"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Nothing of the host is within the guest's reach, and each attempt is refused
// at once.
func TestEgressTCP(t *testing.T) {
	port := forbiddenPort(t)
	s, g := pair(t)
	hosts := []string{"10.0.2.2", "10.0.2.3", "169.254.169.254", "192.0.2.1", "8.8.8.8"}
	hosts = append(hosts, ownAddrs(t)...)
	for _, host := range hosts {
		conn, err := g.dial(patient(t), net.JoinHostPort(host, port))
		if err == nil {
			t.Errorf("dial %s: connected", host)
			_ = conn.Close()
		} else if !strings.Contains(err.Error(), "connection was refused") {
			t.Errorf("dial %s: %v; want a refusal", host, err)
		}
	}
	if got, want := s.Stats().Refused.TCP, uint64(len(hosts)-2); got != want {
		t.Errorf("%d refused; want %d, of all but the gateway's and DNS's", got, want)
	}
}

// forbiddenPort returns one that the host listens on, on all its addresses,
// and that no guest may reach.
func forbiddenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			t.Errorf("the guest reached the host, from %s", conn.RemoteAddr())
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// ownAddrs returns the host's IPv4 addresses that a guest could send to.
func ownAddrs(t *testing.T) []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, a := range addrs {
		if ip := a.(*net.IPNet).IP; ip.To4() != nil && !ip.IsLoopback() {
			own = append(own, ip.String())
		}
	}
	return own
}

// The host's loopback addresses, which a proper stack doesn't even send to,
// put on the wire by hand.
func TestEgressLoopback(t *testing.T) {
	s, err := New(Config{GuestMAC: guestMAC})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	qemu := wire(t, s)
	syn := tcpSYN([4]byte{10, 0, 2, 15}, [4]byte{127, 0, 0, 1}, 22)
	if _, err := qemu.Write(record(syn)); err != nil {
		t.Fatal(err)
	}
	if err := qemu.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if frame, err := newFrameReader(qemu).next(); err == nil {
		t.Errorf("an answer from 127.0.0.1: %x", frame)
	}
	if got := s.Stats().Refused.TCP; got != 1 {
		t.Errorf("%d refused; want 1", got)
	}
}

// tcpSYN returns a frame with a SYN, its checksums right.
func tcpSYN(src, dst [4]byte, port uint16) []byte {
	b := make([]byte, header.IPv4MinimumSize+header.TCPMinimumSize)
	ip := header.IPv4(b)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(b)), TTL: 64, Protocol: protoTCP,
		SrcAddr: tcpip.AddrFrom4(src), DstAddr: tcpip.AddrFrom4(dst),
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	tcp := header.TCP(b[header.IPv4MinimumSize:])
	tcp.Encode(&header.TCPFields{
		SrcPort: 4242, DstPort: port, SeqNum: 1, DataOffset: header.TCPMinimumSize,
		Flags: header.TCPFlagSyn, WindowSize: 65535,
	})
	sum := header.PseudoHeaderChecksum(protoTCP, ip.SourceAddress(), ip.DestinationAddress(), header.TCPMinimumSize)
	tcp.SetChecksum(^tcp.CalculateChecksum(sum))
	mac := net.HardwareAddr{0x52, 0x55, 10, 0, 2, 2}
	return append(appendEther(nil, mac, guestMAC, etherIPv4), b...)
}

func TestEgressUDP(t *testing.T) {
	s, g := pair(t)
	for _, host := range []tcpip.Address{tcpip.AddrFrom4([4]byte{8, 8, 8, 8}), tcpip.AddrFrom4([4]byte{10, 0, 2, 3})} {
		conn, err := gonet.DialUDP(g.ns, nil, &tcpip.FullAddress{NIC: 1, Addr: host, Port: 53}, ipv4.ProtocolNumber)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("query")); err != nil {
			t.Fatal(err)
		}
		if err := refusal(conn); err == nil || !strings.Contains(err.Error(), "connection was refused") {
			t.Errorf("UDP to %s: %v; want a refusal", host, err)
		}
		_ = conn.Close()
	}
	if got := s.Stats().Refused.UDP; got != 1 {
		t.Errorf("%d refused; want 1", got)
	}
}

// refusal returns the error that an ICMP message has left with conn. Netstack
// does not wake a reader for it, so it's looked for again and again.
func refusal(conn net.Conn) error {
	for range 3000 {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 1))
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			return err
		}
	}
	return nil
}

// ping sends an echo request and says whether it was answered in time.
func (g *guest) ping(to [4]byte, within time.Duration) bool {
	g.t.Helper()
	var wq waiter.Queue
	ep, terr := g.ns.NewEndpoint(icmp.ProtocolNumber4, ipv4.ProtocolNumber, &wq)
	check(g.t, terr)
	conn := gonet.NewUDPConn(&wq, ep)
	defer conn.Close()
	check(g.t, ep.Connect(tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFrom4(to)}))
	echo := header.ICMPv4(make([]byte, header.ICMPv4MinimumSize+4))
	echo.SetType(header.ICMPv4Echo)
	if _, err := conn.Write(echo); err != nil {
		g.t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		g.t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 100))
	return err == nil
}

func TestPing(t *testing.T) {
	s, g := pair(t)
	for _, ours := range [][4]byte{{10, 0, 2, 2}, {10, 0, 2, 3}} {
		if !g.ping(ours, 30*time.Second) {
			t.Errorf("%v does not answer", ours)
		}
	}
	if g.ping([4]byte{8, 8, 8, 8}, 20*time.Millisecond) {
		t.Error("8.8.8.8 seems to answer")
	}
	if got := s.Stats().Refused.Other; got != 1 {
		t.Errorf("%d refused; want 1", got)
	}
}

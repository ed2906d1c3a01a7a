package network

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// outside returns an address of this machine that stands for the outside, and
// a guest that is allowed to reach it.
func outside(t *testing.T, e Egress) (string, *Stack, *guest) {
	t.Helper()
	own := ownAddrs(t)
	if len(own) == 0 {
		t.Skip("the machine has no address but its loopback")
	}
	e.Allow = append(e.Allow, netip.PrefixFrom(netip.MustParseAddr(own[0]), 32))
	s := newStack(t, Config{GuestMAC: guestMAC, Egress: &e})
	return own[0], s, newGuest(t, wire(t, s), "10.0.2.15/24")
}

// echoTCP sends back what comes, and ends when its client does.
func echoTCP(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// echoUDP sends each datagram back.
func echoUDP(t *testing.T, addr string) string {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, maxDatagram)
		for n, from, err := c.ReadFrom(buf); err == nil; n, from, err = c.ReadFrom(buf) {
			_, _ = c.WriteTo(buf[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

// udp opens a connected UDP socket of the guest.
func (g *guest) udp(to string) net.Conn {
	g.t.Helper()
	ap := netip.MustParseAddrPort(to)
	conn, err := gonet.DialUDP(g.ns, nil, &tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFrom4(ap.Addr().As4()), Port: ap.Port()}, ipv4.ProtocolNumber)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// roundTrip sends a datagram until an answer comes, as users of UDP do.
func roundTrip(t *testing.T, conn net.Conn, text []byte) []byte {
	t.Helper()
	buf := make([]byte, maxDatagram)
	for range 20 {
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(buf); err == nil {
			return buf[:n]
		}
	}
	t.Fatalf("no answer to %d bytes", len(text))
	return nil
}

func TestOutletTCP(t *testing.T) {
	addr, s, g := outside(t, Egress{})
	conn, err := g.dial(patient(t), echoTCP(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 3<<20)
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	go func() {
		_, _ = conn.Write(text)
		_ = conn.(*gonet.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(text), err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.dial(patient(t), closed); err == nil || !strings.Contains(err.Error(), "connection was refused") {
		t.Errorf("a port on which nobody listens: %v", err)
	}
	if r := s.Stats().Refused; r != (Refused{}) {
		t.Errorf("refused: %+v", r)
	}
}

func TestOutletUDP(t *testing.T) {
	addr, _, g := outside(t, Egress{})
	conn := g.udp(echoUDP(t, addr))
	for _, text := range [][]byte{[]byte("short"), bytes.Repeat([]byte("long"), 1000)} { // the second in fragments
		if got := roundTrip(t, conn, text); !bytes.Equal(got, text) {
			t.Errorf("%d bytes came back of %d", len(got), len(text))
		}
	}
}

// TestOutletNameServer asks the one at 10.0.2.3, which is one of loopback's.
func TestOutletNameServer(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			start := map[string]func(*testing.T, string) string{"udp": echoUDP, "tcp": echoTCP}[network]
			server := netip.MustParseAddrPort(start(t, "127.0.0.1"))
			s := newStack(t, Config{GuestMAC: guestMAC, Egress: &Egress{NameServers: []netip.AddrPort{server}}})
			g := newGuest(t, wire(t, s), "10.0.2.15/24")
			if network == "udp" {
				if got := roundTrip(t, g.udp("10.0.2.3:53"), []byte("who?")); string(got) != "who?" {
					t.Errorf("the answer is %q", got)
				}
				return
			}
			conn, err := g.dial(patient(t), "10.0.2.3:53")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte("who?")); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 4)
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "who?" {
				t.Errorf("the answer is %q, %v", got, err)
			}
		})
	}
}

// TestOutletRefuses has what is the host's, and what leads nowhere.
func TestOutletRefuses(t *testing.T) {
	port := forbiddenPort(t)
	s := newStack(t, Config{GuestMAC: guestMAC, Egress: &Egress{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	g := newGuest(t, wire(t, s), "10.0.2.15/24")
	hosts := slices.Concat([]string{"169.254.169.254", "0.0.0.1", "240.0.0.1"}, ownAddrs(t))
	for _, host := range append(hosts, "10.0.2.2", "10.0.2.3") {
		conn, err := g.dial(patient(t), net.JoinHostPort(host, port))
		if err == nil {
			t.Errorf("dial %s: connected", host)
			_ = conn.Close()
		} else if !strings.Contains(err.Error(), "connection was refused") {
			t.Errorf("dial %s: %v; want a refusal", host, err)
		}
		dgram := g.udp(net.JoinHostPort(host, port))
		if _, err := dgram.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := refusal(dgram); err == nil || !strings.Contains(err.Error(), "connection was refused") {
			t.Errorf("UDP to %s: %v; want a refusal", host, err)
		}
	}
	want := Refused{TCP: uint64(len(hosts)), UDP: uint64(len(hosts))}
	if got := s.Stats().Refused; got != want {
		t.Errorf("refused %+v; want %+v", got, want)
	}
}

// TestOutletEnds closes the stack with connections open, which the outside
// notices.
func TestOutletEnds(t *testing.T) {
	addr, s, g := outside(t, Egress{})
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := g.dial(patient(t), l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	dgram := g.udp(echoUDP(t, addr))
	roundTrip(t, dgram, []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the outside reads on: %v", err)
	}
}

func TestNameServersOfHost(t *testing.T) {
	text := "# nameserver 9.9.9.9\nsearch example\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\n nameserver\t::1 # why\nnameserver nobody\nnameserver\n"
	var got []string
	for _, s := range parseNameServers([]byte(text)) {
		got = append(got, s.String())
	}
	if diff := cmp.Diff([]string{"192.0.2.1:53", "[fe80::1%eth0]:53", "[::1]:53"}, got); diff != "" {
		t.Error(diff)
	}
}

package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// DialContext connects to a TCP port of the guest, and is what an
// http.Transport wants. network is "tcp" or "tcp4"; address is "ADDR:PORT",
// or ":PORT" for the guest whatever its address. A port on which nothing
// listens is syscall.ECONNREFUSED at once; a guest that isn't up keeps it
// waiting until ctx ends, at most two minutes.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial the guest: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("dial %s: want a port number from 1 to 65535", address)
	}
	var addr netip.Addr
	if host == "" {
		addr, err = s.FindGuest(ctx)
	} else {
		addr, err = s.parseGuest(host)
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	conn, err := s.dial(ctx, netip.AddrPortFrom(addr, uint16(port)))
	if err != nil {
		return nil, err // not conn: a nil *Conn in an interface isn't nil
	}
	return conn, nil
}

// parseGuest reads an address that is to be dialled. Any is good that can be
// the guest's: all of them lead to its card.
func (s *Stack) parseGuest(host string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return addr, err
	}
	if addr = addr.Unmap(); !s.guestRange(addr) {
		return addr, fmt.Errorf("%s is no guest's address in %s", addr, s.cfg.Subnet)
	}
	return addr, nil
}

// dial makes one attempt to connect.
func (s *Stack) dial(ctx context.Context, to netip.AddrPort) (*Conn, error) {
	conn, err := s.connect(ctx, to)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return conn, nil
}

func (s *Stack) connect(ctx context.Context, to netip.AddrPort) (*Conn, error) {
	var wq waiter.Queue
	ep, terr := s.ns.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if terr != nil {
		return nil, hostErrno("connect", terr)
	}
	ep.SocketOptions().SetDelayOption(false) // as TCP_NODELAY
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	terr = ep.Connect(tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFrom4(to.Addr().As4()), Port: to.Port()})
	if _, ok := terr.(*tcpip.ErrConnectStarted); ok {
		if err := s.await(ctx, connected); err != nil {
			ep.Close()
			return nil, err
		}
		terr = ep.LastError()
	}
	if terr != nil {
		ep.Close()
		return nil, hostErrno("connect", terr)
	}
	return &Conn{TCPConn: gonet.NewTCPConn(&wq, ep), ep: ep}, nil
}

// await waits for event, until ctx or the stack ends.
func (s *Stack) await(ctx context.Context, event <-chan struct{}) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return net.ErrClosed
	}
}

package network

import (
	"fmt"
	"net"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// backlog is how many connections of the guest wait to be accepted, before
// netstack makes do with SYN cookies.
const backlog = 128

// Listen offers a service of ours to the guest, and to nobody else, on a TCP
// port of the gateway's address.
func (s *Stack) Listen(port uint16) (net.Listener, error) {
	l, err := s.listen(port)
	if err != nil {
		return nil, fmt.Errorf("listen on the gateway's port %d: %w", port, err)
	}
	if !s.own(l) {
		_ = l.TCPListener.Close() // never an error
		return nil, fmt.Errorf("listen on the gateway's port %d: %w", port, net.ErrClosed)
	}
	return l, nil
}

func (s *Stack) listen(port uint16) (*gatewayListener, error) {
	var wq waiter.Queue
	ep, terr := s.ns.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if terr != nil {
		return nil, hostErrno("socket", terr)
	}
	// A port whose last connections are still ending can be listened on.
	ep.SocketOptions().SetReuseAddress(true)
	terr = ep.Bind(tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFrom4(s.cfg.Gateway.As4()), Port: port})
	if terr == nil {
		terr = ep.Listen(backlog)
	}
	if terr != nil {
		ep.Close()
		return nil, hostErrno("bind", terr)
	}
	return &gatewayListener{TCPListener: gonet.NewTCPListener(s.ns, &wq, ep), s: s}, nil
}

// A gatewayListener is a netstack listener that ends as the host's do: with
// net.ErrClosed.
type gatewayListener struct {
	*gonet.TCPListener
	s    *Stack
	once sync.Once
}

// Accept implements net.Listener.
func (l *gatewayListener) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	return conn, nil
}

// Close implements net.Listener.
func (l *gatewayListener) Close() error {
	l.once.Do(func() {
		_ = l.TCPListener.Close() // never an error
		l.s.disown(l)
	})
	return nil
}

package network

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// nicID is the number of a stack's only card.
const nicID tcpip.NICID = 1

// timeWait is how long a closed connection's ports stay taken. The usual
// minute guards against stray segments of long paths; a socket pair has none,
// and a minute's worth of short connections would use up the ports.
const timeWait = time.Second

// A Stack is one guest's network. It is ready for use before the guest is
// there; Attach connects the two.
type Stack struct {
	cfg Config
	log *slog.Logger
	ns  *stack.Stack
	nic *nic

	watch watch    // what addresses the guest was seen with
	count counters // for Stats

	first     chan struct{} // closed by the guest's first frame
	firstOnce sync.Once
	ready     chan struct{} // closed by MarkReady
	readyOnce sync.Once

	buffers buffers // of the relayed connections

	done   chan struct{} // closed by Close
	mu     sync.Mutex
	closed bool
	owned  map[closer]struct{} // links and forwards, which Close ends
}

// A closer is a part of the stack that runs goroutines: Close ends them and
// waits.
type closer interface{ Close() error }

// New makes the stack that cfg describes. The caller ends it with Close.
func New(cfg Config) (*Stack, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Stack{
		cfg:   cfg,
		log:   cfg.Logger,
		first: make(chan struct{}),
		ready: make(chan struct{}),
		done:  make(chan struct{}),
		owned: make(map[closer]struct{}),
	}
	s.watch.found = make(chan struct{})
	s.nic = &nic{mac: gatewayMAC(cfg.Gateway)}
	s.nic.setGuestMAC(cfg.GuestMAC)
	s.ns = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	if err := s.configure(); err != nil {
		s.ns.Destroy()
		return nil, fmt.Errorf("set up network %s: %s", cfg.Subnet, err)
	}
	if cfg.Egress != nil {
		s.openOutlet(*cfg.Egress)
	}
	return s, nil
}

// configure gives the netstack its card, addresses and options.
func (s *Stack) configure() tcpip.Error {
	wait := tcpip.TCPTimeWaitTimeoutOption(timeWait)
	reuse := tcpip.TCPTimeWaitReuseGlobal
	for _, opt := range []tcpip.SettableTransportProtocolOption{&wait, &reuse} {
		if err := s.ns.SetTransportProtocolOption(tcp.ProtocolNumber, opt); err != nil {
			return err
		}
	}
	if err := s.ns.CreateNIC(nicID, s.nic); err != nil {
		return err
	}
	for i, addr := range []netip.Addr{s.cfg.Gateway, s.cfg.DNS} {
		peb := stack.CanBePrimaryEndpoint
		if i > 0 {
			peb = stack.NeverPrimaryEndpoint // what we dial comes from the gateway
		}
		err := s.ns.AddProtocolAddress(nicID, tcpip.ProtocolAddress{
			Protocol: ipv4.ProtocolNumber,
			AddressWithPrefix: tcpip.AddressWithPrefix{
				Address:   tcpip.AddrFrom4(addr.As4()),
				PrefixLen: s.cfg.Subnet.Bits(),
			},
		}, stack.AddressProperties{PEB: peb})
		if err != nil {
			return err
		}
	}
	s.ns.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nicID}})
	// What the guest sends to the world is taken in and answered in the
	// world's name, with a refusal: without that it would only time out.
	if err := s.ns.SetPromiscuousMode(nicID, true); err != nil {
		return err
	}
	return s.ns.SetSpoofing(nicID, true)
}

// Gateway returns the stack's own address, which the guest sees connections
// come from.
func (s *Stack) Gateway() netip.Addr { return s.cfg.Gateway }

// FirstFrame returns a channel that is closed when the guest has sent its
// first frame: its driver and its interface are up.
func (s *Stack) FirstFrame() <-chan struct{} { return s.first }

// MarkReady declares that the guest's services have been started. Until then a
// connection to a published port on which the guest does not listen yet is
// held; from now on it is reset, as on any host.
func (s *Stack) MarkReady() { s.readyOnce.Do(func() { close(s.ready) }) }

// Close ends the stack: published ports are closed, their connections reset on
// both sides, and the socket to QEMU closed. It returns when no goroutine of
// the stack is left. Closing twice is allowed.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	var links, forwards []closer
	for c := range s.owned {
		if _, ok := c.(*Link); ok {
			links = append(links, c)
		} else {
			forwards = append(forwards, c)
		}
	}
	s.mu.Unlock()
	closeAll(forwards)
	s.ns.Close() // resets go out on the links, which are last
	closeAll(links)
	s.ns.Wait()
	return nil
}

func closeAll(cs []closer) {
	for _, c := range cs {
		_ = c.Close() // what is torn down has no error that anyone could mend
	}
}

// own adds c to what Close ends. It reports false when that is too late.
func (s *Stack) own(c closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.owned[c] = struct{}{}
	return true
}

func (s *Stack) disown(c closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owned, c)
}

// gatewayMAC is the gateway's hardware address: 52:55 and its IPv4 address, as
// QEMU's user network forms it, so that a guest that was saved on one network
// finds the neighbour it remembers on the other.
func gatewayMAC(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{0x52, 0x55, b[0], b[1], b[2], b[3]}
}

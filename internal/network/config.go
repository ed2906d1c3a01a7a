package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// defaultHold is how long a client of a published port is kept waiting for a
// guest that still boots: longer than software emulation takes for a boot, and
// shorter than the patience of most clients.
const defaultHold = 30 * time.Second

// Config says what a Stack's network looks like. Its zero value is
// 10.0.2.0/24 with the gateway at .2, DNS at .3 and the guest at .15.
type Config struct {
	// Subnet is the network's range, a /27 or wider; 10.0.2.0/24 when zero.
	Subnet netip.Prefix
	// Gateway, DNS and Guest are addresses in Subnet: its second, third and
	// fifteenth when zero.
	Gateway, DNS, Guest netip.Addr
	// Discover says that the guest sets its own address, which is then found
	// on the wire (FindGuest); Guest must be zero.
	Discover bool
	// GuestMAC is the hardware address of the guest's card. When nil, it is
	// learnt from the first frame.
	GuestMAC net.HardwareAddr
	// Egress lets the guest reach the outside; nil: it reaches nothing.
	Egress *Egress
	// Hold is how long a connection to a published port waits for the guest
	// to listen, while it boots (see MarkReady); 30 s when zero.
	Hold time.Duration
	// Logger hears about links that come and go and about hostile frames;
	// nobody when nil.
	Logger *slog.Logger
}

// complete returns c with its zero fields filled in, or why it can't be used.
func (c Config) complete() (Config, error) {
	if !c.Subnet.IsValid() {
		c.Subnet = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 2, 0}), 24)
	}
	if !c.Subnet.Addr().Is4() || c.Subnet.Bits() > 27 {
		return c, fmt.Errorf("subnet %s: want an IPv4 range of 32 addresses (/27) or more, such as 10.0.2.0/24", c.Subnet)
	}
	if c.Subnet != c.Subnet.Masked() {
		return c, fmt.Errorf("subnet %s: bits are set outside the mask; did you mean %s?", c.Subnet, c.Subnet.Masked())
	}
	if c.Discover && c.Guest.IsValid() {
		return c, errors.New("network: a guest that sets its own address can't be given one")
	}
	if c.GuestMAC != nil && (len(c.GuestMAC) != 6 || c.GuestMAC[0]&1 != 0) {
		return c, fmt.Errorf("hardware address %s: want six bytes, the first of them even", c.GuestMAC)
	}
	if c.Hold == 0 {
		c.Hold = defaultHold
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.addresses()
}

// addresses fills in and checks the three stations.
func (c Config) addresses() (Config, error) {
	stations := []struct {
		name string
		addr *netip.Addr
		host byte
	}{{"gateway", &c.Gateway, 2}, {"DNS", &c.DNS, 3}, {"guest", &c.Guest, 15}}
	if c.Discover {
		stations = stations[:2]
	}
	first := c.Subnet.Addr().As4()
	taken := map[netip.Addr]string{c.Subnet.Addr(): "network", lastAddr(c.Subnet): "broadcast"}
	for _, st := range stations {
		if !st.addr.IsValid() {
			a := first
			a[3] += st.host // a /27 or wider starts at a multiple of 32
			*st.addr = netip.AddrFrom4(a)
		}
		if !c.Subnet.Contains(*st.addr) {
			return c, fmt.Errorf("%s address %s is not in subnet %s", st.name, *st.addr, c.Subnet)
		}
		if other, ok := taken[*st.addr]; ok {
			return c, fmt.Errorf("%s address %s is the %s address of %s too", st.name, *st.addr, other, c.Subnet)
		}
		taken[*st.addr] = st.name
	}
	return c, nil
}

// lastAddr returns the broadcast address of an IPv4 prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

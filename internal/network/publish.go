package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// A Publish makes a TCP port of the guest reachable at an address of the
// host.
type Publish struct {
	Host  netip.AddrPort // port 0: any that is free
	Guest uint16
}

// ParsePublish reads what the option -p takes: [HOST:][PORT:]GUESTPORT[/tcp],
// with an IPv6 HOST in brackets. HOST is 127.0.0.1 unless given; without PORT,
// or with 0, a free port of the host is taken, as docker does.
func ParsePublish(text string) (Publish, error) {
	spec, proto, named := strings.Cut(text, "/")
	if named && proto != "tcp" {
		return Publish{}, fmt.Errorf("publish %q: only tcp ports can be published", text)
	}
	host, ports, err := splitHost(spec)
	if err != nil {
		return Publish{}, fmt.Errorf("publish %q: %w", text, err)
	}
	hostPort, guestPort, both := strings.Cut(ports, ":")
	if !both {
		hostPort, guestPort = "0", ports
	}
	if hostPort == "" {
		hostPort = "0"
	}
	guest, err := parsePort(guestPort)
	if err == nil && guest == 0 {
		err = errors.New("the guest's port can't be 0")
	}
	if err != nil {
		return Publish{}, fmt.Errorf("publish %q: %w", text, err)
	}
	at, err := parsePort(hostPort)
	if err != nil {
		return Publish{}, fmt.Errorf("publish %q: %w", text, err)
	}
	return Publish{Host: netip.AddrPortFrom(host, at), Guest: guest}, nil
}

// splitHost takes the host's address off the front of a specification.
func splitHost(spec string) (netip.Addr, string, error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if strings.HasPrefix(spec, "[") {
		host, ports, ok := strings.Cut(spec[1:], "]:")
		if !ok {
			return loopback, "", errors.New("want [ADDRESS]:PORT:GUESTPORT")
		}
		addr, err := parseHost(host)
		return addr, ports, err
	}
	switch strings.Count(spec, ":") {
	case 0, 1:
		return loopback, spec, nil
	case 2:
		host, ports, _ := strings.Cut(spec, ":")
		addr, err := parseHost(host)
		return addr, ports, err
	}
	return loopback, "", errors.New("want [HOST:]PORT:GUESTPORT, an IPv6 HOST in brackets")
}

func parseHost(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return addr, fmt.Errorf("%q is not an IP address of this host", s)
	}
	return addr, nil
}

func parsePort(s string) (uint16, error) {
	if strings.Contains(s, "-") {
		return 0, fmt.Errorf("%q: ranges can't be published, name each port", s)
	}
	if strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("%q is not a port number (0 to 65535)", s)
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port number (0 to 65535)", s)
	}
	return uint16(n), nil
}

// String returns p as docker writes it: "127.0.0.1:8080->80/tcp".
func (p Publish) String() string { return fmt.Sprintf("%s->%d/tcp", p.Host, p.Guest) }

// A Listener is a published port that is taken on the host and not yet
// connected to a guest: clients that come meanwhile wait.
type Listener struct {
	Publish // with the port that was taken, when any was asked for
	tcp     *net.TCPListener
}

// Close gives the port back. A Listener that Stack.Serve has taken is closed
// with its Forward.
func (l *Listener) Close() error { return l.tcp.Close() }

// Listen takes all the ports, or none if one can't be had; the error names it
// and says what to do. It needs no Stack, so that a port that is taken is found
// out before anything is built for the guest.
func Listen(ctx context.Context, ports ...Publish) ([]*Listener, error) {
	var ls []*Listener
	for _, p := range ports {
		l, err := listen(ctx, p)
		if err != nil {
			for _, l := range ls {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		ls = append(ls, l)
	}
	return ls, nil
}

func listen(ctx context.Context, p Publish) (*Listener, error) {
	network := "tcp4" // 0.0.0.0 means all of IPv4, and no more
	if p.Host.Addr().Is6() {
		network = "tcp6"
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, p.Host.String())
	if err != nil {
		return nil, listenError(p, err)
	}
	tcp := l.(*net.TCPListener)
	addr := tcp.Addr().(*net.TCPAddr).AddrPort()
	p.Host = netip.AddrPortFrom(p.Host.Addr(), addr.Port())
	return &Listener{Publish: p, tcp: tcp}, nil
}

// listenError says in one line why a port can't be had, and the remedy.
func listenError(p Publish, err error) error {
	port := p.Host.Port()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("publish %s: %w: end the program that listens there, or choose another port, such as -p %d:%d",
			p.Host, syscall.EADDRINUSE, otherPort(port), p.Guest)
	case errors.Is(err, syscall.EACCES) && port < 1024:
		return fmt.Errorf("publish %s: %w: only root has ports under 1024 here; choose another, such as -p %d:%d, or allow it: sysctl net.ipv4.ip_unprivileged_port_start=%d",
			p.Host, syscall.EACCES, otherPort(port), p.Guest, port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("publish %s: %w: this host has no address %s", p.Host, syscall.EADDRNOTAVAIL, p.Host.Addr())
	}
	return fmt.Errorf("publish %s: %w", p.Host, err)
}

// otherPort proposes a port in the place of one that can't be had: 8080 for
// 80, 8081 for 8080.
func otherPort(port uint16) uint16 {
	switch {
	case port < 1024:
		return 8000 + port
	case port < 65535:
		return port + 1
	}
	return port - 1
}

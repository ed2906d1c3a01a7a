package guest

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"
)

// inetAddr is struct sockaddr_in of netinet/in.h.
type inetAddr struct {
	Len    uint8
	Family uint8
	Port   uint16
	Addr   [4]byte
	_      [8]byte
}

// aliasReq is struct ifaliasreq of net/if.h.
type aliasReq struct {
	Name      [16]byte // 0x00
	Addr      inetAddr // 0x10
	Broadcast inetAddr // 0x20
	Mask      inetAddr // 0x30
}

// routeMessage is a message of route(4) that has the three addresses of
// RTA_DST|RTA_GATEWAY|RTA_NETMASK after its header.
type routeMessage struct {
	Header  syscall.RtMsghdr // 120 bytes
	Dst     inetAddr
	Gateway inetAddr
	Mask    inetAddr
}

const routeAddrs = 0x7

func inet(a netip.Addr) inetAddr {
	return inetAddr{Len: 16, Family: syscall.AF_INET, Addr: a.As4()}
}

func setHostname(name string) error { return setSysctl("kern.hostname", []byte(name)) }

func loopbackUp() error {
	return addAlias("lo0", netip.MustParsePrefix("127.0.0.1/8"))
}

// setAddress also brings the interface up.
func setAddress(name string, p netip.Prefix) error {
	// Else the address is tentative, and useless, for seconds while the
	// kernel asks whether another host has it. Older kernels don't.
	_ = setSysctlInt("net.inet.ip.dad_count", 0)
	return addAlias(name, p)
}

func addAlias(name string, p netip.Prefix) error {
	r := aliasReq{Addr: inet(p.Addr()), Broadcast: inet(broadcastOf(p)), Mask: inet(maskOf(p))}
	copy(r.Name[:15], name)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCAIFADDR, uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}

func addDefaultRoute(gateway netip.Addr) error {
	m := routeMessage{
		Dst:     inet(netip.IPv4Unspecified()),
		Gateway: inet(gateway),
		Mask:    inet(netip.IPv4Unspecified()),
	}
	size := int(unsafe.Sizeof(m))
	m.Header = syscall.RtMsghdr{
		Msglen:  uint16(size),
		Version: syscall.RTM_VERSION,
		Type:    syscall.RTM_ADD,
		Flags:   syscall.RTF_UP | syscall.RTF_GATEWAY | syscall.RTF_STATIC,
		Addrs:   routeAddrs,
		Seq:     1,
	}
	fd, err := syscall.Socket(syscall.AF_ROUTE, syscall.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	n, err := syscall.Write(fd, unsafe.Slice((*byte)(unsafe.Pointer(&m)), size))
	switch {
	case errors.Is(err, syscall.EEXIST):
		return nil
	case err != nil:
		return err
	case n != size:
		return fmt.Errorf("only %d of %d bytes were taken", n, size)
	}
	return nil
}

// broadcastOf is the last address of an IPv4 prefix.
func broadcastOf(p netip.Prefix) netip.Addr {
	a, m := p.Addr().As4(), maskOf(p).As4()
	for i := range a {
		a[i] |= ^m[i]
	}
	return netip.AddrFrom4(a)
}

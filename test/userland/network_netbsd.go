package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"unsafe"
)

// inetAddr is struct sockaddr_in of netinet/in.h.
type inetAddr struct {
	Len, Family uint8
	Port        uint16
	Addr        [4]byte
	_           [8]byte
}

func inet(a [4]byte) inetAddr { return inetAddr{Len: 16, Family: syscall.AF_INET, Addr: a} }

// aliasReq is struct ifaliasreq of net/if.h.
type aliasReq struct {
	Name                  [16]byte
	Addr, Broadcast, Mask inetAddr
}

// ifReq is struct ifreq of net/if.h, as far as it holds flags.
type ifReq struct {
	Name  [16]byte
	Flags int16
	_     [126]byte
}

func ioctlInet(request uintptr, data unsafe.Pointer) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(data)); errno != 0 {
		return errno
	}
	return nil
}

// ifconfig is ifconfig(8): it shows interfaces, and sets addresses, up and down.
func ifconfig(args []string) error {
	if len(args) == 0 || args[0] == "-a" || args[0] == "-l" {
		all, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, i := range all {
			if err := showInterface(i); err != nil {
				return err
			}
		}
		return nil
	}
	name, words := args[0], args[1:]
	if len(words) == 0 {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return showInterface(*i)
	}
	if err := configure(name, words); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func showInterface(i net.Interface) error {
	fmt.Printf("%s: flags=<%s> mtu %d\n", i.Name, strings.ToUpper(strings.ReplaceAll(i.Flags.String(), "|", ",")), i.MTU)
	if len(i.HardwareAddr) > 0 {
		fmt.Printf("\taddress: %s\n", i.HardwareAddr)
	}
	addrs, err := i.Addrs()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		fmt.Printf("\tinet %s\n", a)
	}
	return nil
}

// configure obeys the words behind the interface's name.
func configure(name string, words []string) error {
	var prefix netip.Prefix
	up, down, remove := false, false, false
	for i := 0; i < len(words); i++ {
		switch w := words[i]; w {
		case "inet", "alias":
		case "up":
			up = true
		case "down":
			down = true
		case "delete", "-alias":
			remove = true
		case "netmask":
			i++
			if i == len(words) {
				return errors.New("netmask: a mask is missing")
			}
			mask, err := netip.ParseAddr(words[i])
			if err != nil {
				return err
			}
			ones, _ := net.IPMask(mask.AsSlice()).Size()
			prefix = netip.PrefixFrom(prefix.Addr(), ones)
		default:
			var err error
			if prefix, err = parsePrefix(w); err != nil {
				return err
			}
		}
	}
	if prefix.IsValid() {
		if err := setAddress(name, prefix, remove); err != nil {
			return err
		}
	}
	if up || down {
		return setUp(name, up)
	}
	return nil
}

// parsePrefix reads an address, whose mask is its class's unless it has one.
func parsePrefix(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return netip.Prefix{}, fmt.Errorf("bad value %s", text)
	}
	ones, _ := net.IP(a.AsSlice()).DefaultMask().Size()
	return netip.PrefixFrom(a, ones), nil
}

func setAddress(name string, p netip.Prefix, remove bool) error {
	mask := [4]byte(net.CIDRMask(p.Bits(), 32))
	broadcast := p.Addr().As4()
	for i := range broadcast {
		broadcast[i] |= ^mask[i]
	}
	r := aliasReq{Addr: inet(p.Addr().As4()), Broadcast: inet(broadcast), Mask: inet(mask)}
	copy(r.Name[:15], name)
	if remove {
		return ioctlInet(syscall.SIOCDIFADDR, unsafe.Pointer(&r))
	}
	return ioctlInet(syscall.SIOCAIFADDR, unsafe.Pointer(&r))
}

func setUp(name string, up bool) error {
	var r ifReq
	copy(r.Name[:15], name)
	if err := ioctlInet(syscall.SIOCGIFFLAGS, unsafe.Pointer(&r)); err != nil {
		return err
	}
	r.Flags &^= syscall.IFF_UP
	if up {
		r.Flags |= syscall.IFF_UP
	}
	return ioctlInet(syscall.SIOCSIFFLAGS, unsafe.Pointer(&r))
}

// route is route(8): "add default GATEWAY", "add -net PREFIX GATEWAY".
func route(args []string) error {
	var words []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			words = append(words, a)
		}
	}
	if len(words) != 3 || words[0] != "add" && words[0] != "delete" {
		return errors.New("only add and delete are known, with a destination and a gateway")
	}
	to := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if words[1] != "default" {
		var err error
		if to, err = parsePrefix(words[1]); err != nil {
			return err
		}
	}
	gateway, err := netip.ParseAddr(words[2])
	if err != nil || !gateway.Is4() {
		return fmt.Errorf("bad gateway %s", words[2])
	}
	kind := uint8(syscall.RTM_ADD)
	if words[0] == "delete" {
		kind = syscall.RTM_DELETE
	}
	return sendRoute(kind, to, gateway)
}

// sendRoute writes a message of route(4) that has a destination, a gateway
// and a mask behind its header.
func sendRoute(kind uint8, to netip.Prefix, gateway netip.Addr) error {
	m := struct {
		Header             syscall.RtMsghdr
		Dst, Gateway, Mask inetAddr
	}{
		Dst: inet(to.Masked().Addr().As4()), Gateway: inet(gateway.As4()),
		Mask: inet([4]byte(net.CIDRMask(to.Bits(), 32))),
	}
	const addresses = 0x7 // RTA_DST|RTA_GATEWAY|RTA_NETMASK
	size := int(unsafe.Sizeof(m))
	m.Header = syscall.RtMsghdr{
		Msglen: uint16(size), Version: syscall.RTM_VERSION, Type: kind, Addrs: addresses, Seq: 1,
		Flags: syscall.RTF_UP | syscall.RTF_GATEWAY | syscall.RTF_STATIC,
	}
	fd, err := syscall.Socket(syscall.AF_ROUTE, syscall.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.Write(fd, unsafe.Slice((*byte)(unsafe.Pointer(&m)), size))
	return err
}

package guest

import (
	"bytes"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// ifreq is struct ifreq of linux/if.h, with a sockaddr_in as its union.
type ifreq struct {
	Name [16]byte // 0x00
	Addr inetAddr // 0x10
	_    [8]byte  // 0x20
}

// ifreqFlags is struct ifreq with the flags as its union.
type ifreqFlags struct {
	Name  [16]byte // 0x00
	Flags uint16   // 0x10
	_     [22]byte // 0x12
}

// inetAddr is struct sockaddr_in of linux/in.h.
type inetAddr struct {
	Family uint16 // host order
	Port   uint16
	Addr   [4]byte
	_      [8]byte
}

// rtentry is struct rtentry of linux/route.h.
type rtentry struct {
	_       uint64   // 0x00
	Dst     inetAddr // 0x08
	Gateway inetAddr // 0x18
	Mask    inetAddr // 0x28
	Flags   uint16   // 0x38
	_       [62]byte // 0x3a
}

func inet(a netip.Addr) inetAddr {
	return inetAddr{Family: syscall.AF_INET, Addr: a.As4()}
}

func setHostname(name string) error { return syscall.Sethostname([]byte(name)) }

// loopbackUp needs no address: the kernel gives lo 127.0.0.1/8 by itself.
func loopbackUp() error { return setUp("lo") }

func setAddress(name string, p netip.Prefix) error {
	r := ifreq{Addr: inet(p.Addr())}
	copy(r.Name[:15], name)
	if err := netControl(syscall.SIOCSIFADDR, unsafe.Pointer(&r)); err != nil {
		return err
	}
	r.Addr = inet(maskOf(p))
	if err := netControl(syscall.SIOCSIFNETMASK, unsafe.Pointer(&r)); err != nil {
		return err
	}
	if err := setUp(name); err != nil {
		return err
	}
	awaitCarrier(name)
	return nil
}

func setUp(name string) error {
	r := ifreqFlags{Flags: syscall.IFF_UP}
	copy(r.Name[:15], name)
	return netControl(syscall.SIOCSIFFLAGS, unsafe.Pointer(&r))
}

// awaitCarrier returns once frames can leave, 200 ms at most: one that is sent
// before is dropped, and its ARP request is repeated a second later only.
// IFF_RUNNING would come too late, by the kernel's once-a-second link watch.
func awaitCarrier(name string) {
	file := "/sys/class/net/" + name + "/carrier"
	for deadline := time.Now().Add(200 * time.Millisecond); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		state, err := os.ReadFile(file)
		if err != nil || bytes.HasPrefix(state, []byte("1")) {
			return
		}
	}
}

func addDefaultRoute(gateway netip.Addr) error {
	r := rtentry{
		Dst:     inet(netip.IPv4Unspecified()),
		Gateway: inet(gateway),
		Mask:    inet(netip.IPv4Unspecified()),
		Flags:   syscall.RTF_UP | syscall.RTF_GATEWAY,
	}
	return ignore(netControl(syscall.SIOCADDRT, unsafe.Pointer(&r)), syscall.EEXIST)
}

// netControl is one ioctl of netdevice(7) on a socket made for it.
func netControl(request uintptr, arg unsafe.Pointer) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

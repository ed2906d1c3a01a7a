//go:build linux || netbsd

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// network gives the guest its name and its address. A guest whose network is
// not right lives on: its console may be all its owner wants.
func (a *agent) network() {
	c := a.config
	if c.Hostname != "" {
		if err := setHostname(c.Hostname); err != nil {
			a.warn(fmt.Errorf("set the host name: %w", err))
		}
	}
	if err := loopbackUp(); err != nil {
		a.warn(fmt.Errorf("bring the loopback interface up: %w", err))
	}
	if c.Network.Address.IsValid() {
		if err := bringUp(c.Network); err != nil {
			a.warn(err)
		}
	}
	if c.Steps != nil {
		return // what the steps leave is all that may change
	}
	a.warn(writeResolvConf(c.Network.DNS))
	a.warn(writeHosts(c.Hostname))
}

// bringUp sets address and route, and says hello to the gateway so that the
// host gets a frame and knows that it can dial.
func bringUp(n wire.Network) error {
	name, err := findInterface(n.MAC)
	if err != nil {
		return err
	}
	if err := setAddress(name, n.Address); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, n.Address, err)
	}
	if !n.Gateway.IsValid() {
		return nil
	}
	if err := addDefaultRoute(n.Gateway); err != nil {
		return fmt.Errorf("route through %s: %w", n.Gateway, err)
	}
	announce(n.Gateway)
	return nil
}

// findInterface names the interface with that address, or the first that is
// not the loopback. Linux may still be probing it.
func findInterface(mac string) (string, error) {
	var want net.HardwareAddr
	if mac != "" {
		var err error
		if want, err = net.ParseMAC(mac); err != nil {
			return "", err
		}
	}
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		all, err := net.Interfaces()
		if err != nil {
			return "", fmt.Errorf("list network interfaces: %w", err)
		}
		for _, i := range all {
			if i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) == 6 &&
				(want == nil || bytes.Equal(i.HardwareAddr, want)) {
				return i.Name, nil
			}
		}
		if time.Now().After(deadline) {
			return "", noInterface(mac)
		}
	}
}

func noInterface(mac string) error {
	if mac == "" {
		return errors.New("there is no network interface: the kernel needs a virtio network driver")
	}
	return fmt.Errorf("there is no network interface with the address %s: the kernel needs a virtio network driver", mac)
}

// announce sends a datagram to the gateway's discard port (9), which makes
// the guest ask for the gateway's hardware address. That it is lost, or that
// nobody listens, does not matter.
func announce(gateway netip.Addr) {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(gateway, 9)))
	if err != nil {
		return
	}
	_, _ = c.Write([]byte{0})
	_ = c.Close()
}

// writeResolvConf makes the configured name servers the guest's.
func writeResolvConf(servers []netip.Addr) error {
	if len(servers) == 0 {
		return nil
	}
	var text strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&text, "nameserver %s\n", s)
	}
	return writeEtc("/etc/resolv.conf", text.String())
}

// writeHosts adds the guest's names to /etc/hosts where it lacks them.
func writeHosts(hostname string) error {
	old, err := os.ReadFile("/etc/hosts")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := hosts(string(old), hostname)
	if text == string(old) {
		return nil
	}
	return writeEtc("/etc/hosts", text)
}

// hosts returns hosts(5) text that has lines for localhost and hostname.
func hosts(old, hostname string) string {
	known := map[string]bool{"": true}
	for line := range strings.Lines(old) {
		line, _, _ = strings.Cut(line, "#")
		for _, name := range strings.Fields(line) {
			known[name] = true
		}
	}
	text := old
	for _, name := range []string{"localhost", hostname} {
		if known[name] {
			continue
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += "127.0.0.1\t" + name + "\n"
	}
	return text
}

// writeEtc writes a file of /etc. A root that can't be written keeps its own.
func writeEtc(name, text string) error {
	if err := os.MkdirAll("/etc", 0o755); err != nil {
		return ignore(err, syscall.EROFS)
	}
	err := os.WriteFile(name, []byte(text), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		// A link to what another init would have made.
		if err := os.Remove(name); err != nil {
			return err
		}
		err = os.WriteFile(name, []byte(text), 0o644)
	}
	return ignore(err, syscall.EROFS)
}

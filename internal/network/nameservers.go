package network

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strings"
)

// resolvConf is resolv.conf(5).
const resolvConf = "/etc/resolv.conf"

// hostNameServers returns the name servers that the host asks, first choice
// first: none where it has no file that says so. It is read each time, for a
// host moves from network to network.
func hostNameServers() []netip.AddrPort {
	text, err := os.ReadFile(resolvConf)
	if err != nil {
		return nil
	}
	return parseNameServers(text)
}

// parseNameServers returns those that a resolv.conf names.
func parseNameServers(text []byte) []netip.AddrPort {
	var all []netip.AddrPort
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			all = append(all, netip.AddrPortFrom(a.Unmap(), dnsPort))
		}
	}
	return all
}

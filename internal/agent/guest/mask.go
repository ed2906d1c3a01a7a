//go:build linux || netbsd

package guest

import (
	"encoding/binary"
	"net/netip"
)

// maskOf is the network mask of an IPv4 prefix.
func maskOf(p netip.Prefix) netip.Addr {
	var m [4]byte
	binary.BigEndian.PutUint32(m[:], ^uint32(0)<<(32-p.Bits()))
	return netip.AddrFrom4(m)
}

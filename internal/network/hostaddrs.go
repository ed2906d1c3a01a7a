package network

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// addrsAge is how long the host's addresses are taken to be what they were:
// asking for them takes the time of many packets.
const addrsAge = time.Second

// hostAddrs are the host's own addresses.
type hostAddrs struct {
	mu    sync.Mutex
	asked time.Time
	all   map[netip.Addr]bool // nil: they are not known
}

// has reports whether the address is one of them; if that can't be told, it is.
func (h *hostAddrs) has(a netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > addrsAge {
		h.all, h.asked = askHost(), time.Now()
	}
	return h.all == nil || h.all[a]
}

func askHost() map[netip.Addr]bool {
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	all := make(map[netip.Addr]bool)
	for _, n := range own {
		p, err := netip.ParsePrefix(n.String())
		if err != nil {
			return nil
		}
		all[p.Addr().Unmap().WithZone("")] = true
	}
	return all
}

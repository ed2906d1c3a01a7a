package network

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// How long a UDP flow is kept that nothing moves in. RFC 4787 wants two
// minutes at the least, and a question to a name server is answered or not
// within seconds.
const (
	flowIdle = 2 * time.Minute
	dnsIdle  = 15 * time.Second
)

// maxDatagram is the longest payload of UDP over IPv4, in bytes (RFC 768).
const maxDatagram = 65507

// datagram opens a flow for the first datagram that the guest sends from one
// port to another. It must not wait: the netstack delivers packets by it.
func (o *outlet) datagram(r *udp.ForwarderRequest) {
	to, ok := o.target(r.ID())
	if !ok || !o.begin(o.datagrams) {
		return
	}
	guest, terr := datagramConn(r)
	if terr != nil {
		o.end(o.datagrams)
		return
	}
	idle := flowIdle
	if to.Port() == dnsPort {
		idle = dnsIdle
	}
	go func() {
		defer o.end(o.datagrams)
		d := net.Dialer{Timeout: dialTime}
		host, err := d.DialContext(o.ctx, "udp", to.String())
		if err == nil && o.toHost(host, to) {
			err = errors.Join(errors.New("it is the host"), host.Close())
		}
		if err != nil {
			o.log.Debug("no datagrams for the guest", "to", to, "reason", err)
			_ = guest.Close() // what it has received is of no use
			return
		}
		o.exchange(guest, host, idle)
	}()
}

// exchange passes datagrams on in both directions until none came for so
// long.
func (o *outlet) exchange(guest, host net.Conn, idle time.Duration) {
	var last atomic.Int64 // when one was seen, for either direction
	last.Store(time.Now().UnixNano())
	closeBoth := sync.OnceFunc(func() {
		_ = guest.Close() // datagrams have no end that anyone waits for
		_ = host.Close()
	})
	var stop sync.WaitGroup
	ended := make(chan struct{})
	stop.Go(func() {
		select {
		case <-o.ctx.Done():
			closeBoth()
		case <-ended:
		}
	})
	var both sync.WaitGroup
	for _, dir := range [][2]net.Conn{{guest, host}, {host, guest}} {
		both.Go(func() {
			defer closeBoth()
			forwardDatagrams(dir[1], dir[0], idle, &last)
		})
	}
	both.Wait()
	close(ended)
	stop.Wait()
}

// forwardDatagrams copies them until nothing was seen in either direction for
// so long, or src has ended. One that can't be sent is lost, as any may be.
func forwardDatagrams(dst, src net.Conn, idle time.Duration, last *atomic.Int64) {
	buf := make([]byte, maxDatagram)
	for {
		until := time.Unix(0, last.Load()).Add(idle)
		if err := src.SetReadDeadline(until); err != nil {
			return
		}
		n, err := src.Read(buf)
		if isTimeout(err) {
			if time.Unix(0, last.Load()).Add(idle).After(time.Now()) {
				continue // the other direction is not idle
			}
			return
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			continue // said an ICMP message; the next may be taken
		}
		if err != nil {
			return
		}
		last.Store(time.Now().UnixNano())
		_, _ = dst.Write(buf[:n])
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

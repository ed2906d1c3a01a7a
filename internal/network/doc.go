// Package network is the far end of a guest's network card: a TCP/IP stack
// (gVisor's netstack) inside our own process, one for each card, with no
// privileges, no tap device and nothing of the host's network in it.
//
// QEMU hands over the guest's Ethernet frames on a stream socket
// (-netdev stream), each behind its length as a 32-bit big-endian number. On
// that wire there are two stations only, the guest and this stack, and that
// makes much simple: every frame we send goes to the guest's card, whatever
// its address, so that nothing has to be resolved before a dial and nothing
// the guest claims by ARP can lead one astray.
//
// The stack is the subnet's gateway and name server (10.0.2.2 and 10.0.2.3 of
// 10.0.2.0/24, the addresses of QEMU's own user network). The host reaches the
// guest by Stack.DialContext and by published ports; the guest reaches
// nothing: TCP to any address is reset at once, UDP is answered with ICMP port
// unreachable, the rest is dropped, and what was for others than the gateway
// is counted. No packet of the guest opens a socket of the host, so the
// host's loopback is out of its reach by construction; but with Config.Egress
// what the guest sends to addresses outside of the host does (Egress says to
// which), and the name server answers.
//
// ARP is RFC 826, and the rest of what is spoken is netstack's: RFC 791, 792,
// 768 and 9293. IPv6 is not spoken.
package network

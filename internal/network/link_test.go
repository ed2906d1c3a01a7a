package network

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"
)

func TestLinkErrors(t *testing.T) {
	tests := map[string]struct {
		send []byte
		want error
	}{
		"closed":            {nil, io.EOF},
		"closed in length":  {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"closed in a frame": {record(make([]byte, 60))[:30], io.ErrUnexpectedEOF},
		"frame too long":    {binary.BigEndian.AppendUint32(nil, maxFrame+1), errFrameLength},
		"huge length":       {[]byte{0xff, 0xff, 0xff, 0xff}, errFrameLength},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{})
			ours, qemu := net.Pipe()
			l := s.Attach(ours)
			if _, err := qemu.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			if tt.want != errFrameLength {
				if err := qemu.Close(); err != nil {
					t.Fatal(err)
				}
			}
			<-l.done
			if err := l.err; !errors.Is(err, tt.want) {
				t.Errorf("ended by %v; want %v", err, tt.want)
			}
		})
	}
}

func TestLinkClose(t *testing.T) {
	s := newStack(t, Config{})
	ours, theirs, err := Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	l := s.Attach(ours)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := l.err; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended by %v; want net.ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other, qemu := net.Pipe()
	defer qemu.Close()
	l = s.Attach(other)
	<-l.done
	if err := l.err; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a link to a closed stack ended by %v; want net.ErrClosed", err)
	}
}

// Runts and frames of other protocols are counted and do no harm; the guest
// that floods the stack with them is still served.
func TestGarbage(t *testing.T) {
	s := newStack(t, Config{GuestMAC: guestMAC})
	qemu := wire(t, s)
	frames := map[string][]byte{
		"empty":         {},
		"runt":          make([]byte, etherSize-1),
		"ARP runt":      appendEther(nil, broadcastMAC(), guestMAC, etherARP),
		"IPv4 runt":     append(appendEther(nil, s.nic.mac, guestMAC, etherIPv4), 0x45, 0),
		"IPv6":          append(appendEther(nil, s.nic.mac, guestMAC, 0x86dd), make([]byte, 40)...),
		"largest frame": append(appendEther(nil, s.nic.mac, guestMAC, 0x88cc), make([]byte, maxFrame-etherSize)...),
	}
	var all []byte
	for _, f := range frames {
		all = append(all, record(f)...)
	}
	const rounds = 200
	for range rounds {
		if _, err := qemu.Write(all); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		f := appendEther(nil, s.nic.mac, guestMAC, etherIPv4)
		for range rng.IntN(100) {
			f = append(f, byte(rng.Uint32()))
		}
		if _, err := qemu.Write(record(f)); err != nil {
			t.Fatal(err)
		}
	}
	g := newGuest(t, qemu, "10.0.2.15/24")
	g.http(80)
	if err := s.WaitPort(patient(t), 80); err != nil {
		t.Fatal(err)
	}
	got := s.Stats()
	if got.Runts < 4*rounds || got.Ignored < 2*rounds || got.FramesIn < 6*rounds+2000 {
		t.Errorf("stats %+v; want at least %d runts and %d ignored", got, 4*rounds, 2*rounds)
	}
}

// A guest that stops reading costs a full queue and nothing more.
func TestGuestThatDoesNotRead(t *testing.T) {
	s := newStack(t, Config{GuestMAC: guestMAC})
	ours, qemu := net.Pipe() // holds nothing
	defer qemu.Close()
	s.Attach(ours)
	big := make([]byte, mtu)
	for range 3 * maxQueued {
		s.nic.send(len(big), big)
	}
	got := s.Stats()
	if got.Dropped < maxQueued || got.FramesOut+got.Dropped != 3*maxQueued {
		t.Errorf("%d sent and %d dropped; want %d together, at least a third dropped", got.FramesOut, got.Dropped, 3*maxQueued)
	}
}

// When QEMU is gone and another comes, the stack goes on, and so does a
// connection whose peer is still there.
func TestAttachAgain(t *testing.T) {
	s := newStack(t, Config{GuestMAC: guestMAC})
	g := newGuest(t, wire(t, s), "10.0.2.15/24")
	g.http(80)
	if err := s.WaitPort(patient(t), 80); err != nil {
		t.Fatal(err)
	}
	g.close()
	g = newGuest(t, wire(t, s), "10.0.2.15/24")
	g.http(81)
	if err := s.WaitPort(patient(t), 81); err != nil {
		t.Fatal(err)
	}
	// And without the first one's end: the newer link takes its place.
	g = newGuest(t, wire(t, s), "10.0.2.15/24")
	g.http(82)
	if err := s.WaitPort(patient(t), 82); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionOutlivesLink(t *testing.T) {
	s := newStack(t, Config{GuestMAC: guestMAC})
	relayed, inner := net.Pipe() // the guest's own end, which stays
	g := newGuest(t, inner, "10.0.2.15/24")
	g.echo(7)
	splice := func() (cut func()) {
		qemu := wire(t, s)
		done := make(chan struct{})
		go func() { _, _ = io.Copy(relayed, qemu); close(done) }()
		go func() { _, _ = io.Copy(qemu, relayed) }()
		return func() { _ = qemu.Close(); <-done }
	}
	cut := splice()
	conn, err := s.DialContext(patient(t), "tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	echo := func(msg string) {
		t.Helper()
		if _, err := io.WriteString(conn, msg); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(msg))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != msg {
			t.Fatalf("echo %q, %v; want %q", got, err, msg)
		}
	}
	echo("before")
	cut()
	splice()
	echo("after")
}

// Close ends every goroutine, whatever is going on.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		closeUnderLoad(t)
	}
	for range 500 { // the runtime's own take a moment to end
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

// closeUnderLoad runs a stack and closes it while connections copy, dial,
// wait and are held.
func closeUnderLoad(t *testing.T) {
	s, err := New(Config{GuestMAC: guestMAC})
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	s.Attach(ours)
	g := newGuest(t, theirs, "10.0.2.15/24")
	g.echo(7)
	f, held := publish(t, s, 7), publish(t, s, 8)
	copying := make(chan struct{})
	for _, fw := range []*Forward{f, f, held} {
		conn := connect(t, fw)
		go func() { _, _ = conn.Write(bytes.Repeat([]byte("x"), 1<<20)); copying <- struct{}{} }()
	}
	waiting := make(chan error)
	go func() { waiting <- s.WaitPort(patient(t), 9) }()
	if err := s.WaitPort(patient(t), 7); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-copying
	}
	if err := <-waiting; err == nil {
		t.Error("WaitPort on a closed stack: no error")
	}
	g.close()
}

package network

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

// publish forwards a free port of the loopback to the guest's port.
func publish(t testing.TB, s *Stack, port uint16) *Forward {
	t.Helper()
	f, err := s.Serve(listenFor(t, port))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listenFor takes a free port of the loopback for the guest's port.
func listenFor(t testing.TB, port uint16) *Listener {
	t.Helper()
	ls, err := Listen(patient(t), Publish{Host: netip.MustParseAddrPort("127.0.0.1:0"), Guest: port})
	if err != nil {
		t.Fatal(err)
	}
	return ls[0]
}

// connect makes a client's connection to a published port.
func connect(t testing.TB, f *Forward) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// wantReset checks that a client's connection ends with a reset.
func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Read = %d, %v; want ECONNRESET", n, err)
	}
}

// wantRefused checks that a new client of a published port is reset, be it
// that early that its connect fails.
func wantRefused(t *testing.T, f *Forward) {
	t.Helper()
	conn, err := net.Dial("tcp", f.Addr().String())
	if err == nil {
		wantReset(t, conn)
		_ = conn.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

func TestPublish(t *testing.T) {
	s, g := pair(t)
	g.http(80)
	f := publish(t, s, 80)
	resp, err := http.Get("http://" + f.Addr().String() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if got, want := string(body), "guest /x"; got != want || err != nil {
		t.Errorf("GET = %q, %v; want %q", got, err, want)
	}
	if got, want := f.String(), f.Addr().String()+"->80/tcp"; got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
}

// A client that ends its side still gets the answer, in full.
func TestHalfClose(t *testing.T) {
	s, g := pair(t)
	g.serve(7, func(conn net.Conn) {
		all, _ := io.ReadAll(conn) // ends only with the client's end
		_, _ = fmt.Fprintf(conn, "%x", sha256.Sum256(all))
		_ = conn.Close()
	})
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	client := connect(t, publish(t, s, 7))
	if _, err := client.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(client)
	if want := fmt.Sprintf("%x", sha256.Sum256(data)); string(got) != want || err != nil {
		t.Errorf("answer = %q, %v; want %q", got, err, want)
	}
}

// A guest that ends its side still gets what the client sends.
func TestHalfCloseByGuest(t *testing.T) {
	s, g := pair(t)
	heard := make(chan string, 1)
	g.serve(7, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "banner")
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("guest: %v", err)
		}
		heard <- string(all)
	})
	s.MarkReady()
	client := connect(t, publish(t, s, 7))
	if got, err := io.ReadAll(client); string(got) != "banner" || err != nil {
		t.Fatalf("read %q, %v; want the banner and its end", got, err)
	}
	if _, err := io.WriteString(client, "late"); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "late" {
		t.Errorf("guest heard %q; want %q", got, "late")
	}
}

func TestHeldUntilGuestListens(t *testing.T) {
	s := newStack(t, Config{GuestMAC: guestMAC})
	f := publish(t, s, 7) // before there is a guest
	var clients []*net.TCPConn
	for i := range 20 {
		c := connect(t, f)
		if _, err := fmt.Fprintf(c, "client %d", i); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	g := newGuest(t, wire(t, s), "10.0.2.15/24")
	time.Sleep(20 * time.Millisecond) // refusals meanwhile
	g.echo(7)
	for i, c := range clients {
		got, err := io.ReadAll(c)
		if want := fmt.Sprintf("client %d", i); string(got) != want || err != nil {
			t.Errorf("client %d got %q, %v", i, got, err)
		}
	}
}

func TestRefusedWhenReady(t *testing.T) {
	s, _ := pair(t)
	f := publish(t, s, 7)
	held := connect(t, f)
	s.MarkReady()
	s.MarkReady()
	wantReset(t, held)
	wantRefused(t, f)
	if got := s.Stats(); got.Accepted != 2 || got.Failed != 2 {
		t.Errorf("accepted %d, failed %d; want 2 and 2", got.Accepted, got.Failed)
	}
}

func TestRefusedAfterServiceEnds(t *testing.T) {
	s, g := pair(t)
	l := g.listen(7)
	f := publish(t, s, 7)
	client := connect(t, f)
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_ = conn.Close()
		}
	}()
	if got, err := io.ReadAll(client); len(got) != 0 || err != nil {
		t.Errorf("first client read %q, %v; want its end", got, err)
	}
	_ = l.Close()
	wantRefused(t, f)
}

func TestHoldEnds(t *testing.T) {
	s := newStack(t, Config{Hold: 20 * time.Millisecond})
	f := publish(t, s, 7)
	wantRefused(t, f)
}

func TestResetBothWays(t *testing.T) {
	s, g := pair(t)
	g.serve(7, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		// Closing with data unread resets, as it does everywhere.
		_ = conn.Close()
	})
	client := connect(t, publish(t, s, 7))
	if _, err := client.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	wantReset(t, client)

	broken := make(chan error, 1)
	g.serve(8, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "x")
		_, err := io.Copy(io.Discard, conn)
		broken <- err
	})
	client = connect(t, publish(t, s, 8))
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	reset(client)
	if err := <-broken; err == nil {
		t.Error("guest saw an orderly end; want a reset")
	}
}

func TestManyConnections(t *testing.T) {
	const clients = 500
	s, g := pair(t)
	g.echo(7)
	f := publish(t, s, 7)
	var all sync.WaitGroup
	barrier := make(chan struct{}) // all are open at the same time
	var open sync.WaitGroup
	open.Add(clients)
	for i := range clients {
		c := connect(t, f)
		all.Go(func() {
			msg := bytes.Repeat([]byte{byte(i)}, 1+i*37%9000)
			got := make([]byte, len(msg))
			for range 2 {
				if _, err := c.Write(msg); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, msg) {
					t.Errorf("client %d: a wrong echo, %v", i, err)
				}
				if msg[0] == byte(i) {
					open.Done()
					<-barrier
				}
				msg[0]++
			}
		})
	}
	open.Wait()
	if got := s.Stats().Active; got != clients {
		t.Errorf("%d connections active; want %d", got, clients)
	}
	close(barrier)
	all.Wait()
}

func TestForwardClose(t *testing.T) {
	s, g := pair(t)
	g.echo(7)
	f := publish(t, s, 7)
	busy := connect(t, f)
	if _, err := busy.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := busy.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantReset(t, busy)
	if conn, err := net.Dial("tcp", f.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
	if got := s.Stats().Active; got != 0 {
		t.Errorf("%d connections active; want none", got)
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestServeOnClosedStack(t *testing.T) {
	s := newStack(t, Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l := listenFor(t, 80)
	if _, err := s.Serve(l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed stack: %v; want net.ErrClosed", err)
	}
	if conn, err := net.Dial("tcp", l.Host.String()); err == nil {
		_ = conn.Close()
		t.Error("the port is still taken")
	}
}

// A signalWriter tells of each write.
type signalWriter chan []byte

func (w signalWriter) Write(p []byte) (int, error) {
	select {
	case w <- bytes.Clone(p):
	default:
	}
	return len(p), nil
}

// TestAcceptFails has Accept fail for a while, by a deadline that has passed.
func TestAcceptFails(t *testing.T) {
	logged := make(signalWriter, 1)
	s := newStack(t, Config{GuestMAC: guestMAC, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	newGuest(t, wire(t, s), "10.0.2.15/24").echo(7)
	l := listenFor(t, 7)
	if err := l.tcp.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	f, err := s.Serve(l)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if line := <-logged; !bytes.Contains(line, []byte("level=WARN")) || !bytes.Contains(line, []byte(f.String())) {
			t.Errorf("logged %q; want a warning about %s", line, f)
		}
	}
	if err := l.tcp.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, f)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 1 {
		t.Errorf("Read = %d, %v; want the echo", n, err)
	}
}

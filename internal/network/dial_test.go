package network

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDial(t *testing.T) {
	s, g := pair(t)
	g.http(80)
	client := &http.Client{Transport: &http.Transport{DialContext: s.DialContext}}
	defer client.CloseIdleConnections()
	for _, url := range []string{"http://10.0.2.15/a", "http://:80/b"} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(body), "guest "+url[len(url)-2:]; got != want {
			t.Errorf("GET %s = %q; want %q", url, got, want)
		}
	}
}

func TestDialRefused(t *testing.T) {
	s, _ := pair(t)
	_, err := s.DialContext(patient(t), "tcp", ":81")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial of a closed port: %v; want ECONNREFUSED", err)
	}
}

func TestDialBadAddress(t *testing.T) {
	s := newStack(t, Config{})
	for name, addr := range map[string]string{
		"no port":      "10.0.2.15",
		"port name":    ":http",
		"port zero":    ":0",
		"host name":    "localhost:80",
		"loopback":     "127.0.0.1:80",
		"gateway":      "10.0.2.2:80",
		"other subnet": "192.168.2.101:80",
		"broadcast":    "10.0.2.255:80",
		"IPv6":         "[::1]:80",
	} {
		if conn, err := s.DialContext(patient(t), "tcp", addr); err == nil {
			t.Errorf("%s: dial %s = %v; want an error", name, addr, conn)
		}
	}
	if _, err := s.DialContext(patient(t), "udp", ":53"); err == nil {
		t.Error("dial udp: no error")
	}
}

func TestDialEndsWithContextAndStack(t *testing.T) {
	s := newStack(t, Config{})
	wire(t, s) // nobody behind it
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.DialContext(ctx, "tcp", ":80"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial of nobody: %v; want the context's error", err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.DialContext(patient(t), "tcp", ":80")
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("dial on a closed stack: no error")
	}
}

func TestWaitPortListening(t *testing.T) {
	s, g := pair(t)
	g.http(80)
	if err := s.WaitPort(patient(t), 80); err != nil {
		t.Error(err)
	}
}

func TestWaitPort(t *testing.T) {
	tests := map[string]struct {
		guestAfter, listenAfter time.Duration
	}{
		"guest there":            {listenAfter: 50 * time.Millisecond},
		"guest later":            {guestAfter: 50 * time.Millisecond},
		"guest later, then port": {guestAfter: 50 * time.Millisecond, listenAfter: 50 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{GuestMAC: guestMAC})
			qemu := wire(t, s)
			ready := make(chan error)
			go func() { ready <- s.WaitPort(patient(t), 80) }()
			time.Sleep(tt.guestAfter)
			g := newGuest(t, qemu, "10.0.2.15/24")
			time.Sleep(tt.listenAfter)
			select {
			case err := <-ready:
				t.Fatalf("WaitPort before anything listens: %v", err)
			default:
			}
			g.http(80)
			if err := <-ready; err != nil {
				t.Error(err)
			}
			<-s.FirstFrame()
		})
	}
}

func TestWaitPortSaysWhy(t *testing.T) {
	short := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), 100*time.Millisecond)
	}
	tests := map[string]struct {
		guest string // its address, "" for none
		want  string
	}{
		"no guest":      {"", "the guest has not used its network"},
		"not listening": {"10.0.2.15/24", "nothing listens on it"},
		"other address": {"10.0.2.99/24", "no answer; the guest uses 10.0.2.99"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Config{GuestMAC: guestMAC})
			qemu := wire(t, s)
			if tt.guest != "" {
				g := newGuest(t, qemu, tt.guest)
				_, _ = g.dial(patient(t), "10.0.2.2:1") // makes itself known
			}
			ctx, cancel := short()
			defer cancel()
			err := s.WaitPort(ctx, 80)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("WaitPort: %v; want %q and the context's error", err, tt.want)
			}
		})
	}
}

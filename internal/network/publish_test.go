package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

func TestParsePublish(t *testing.T) {
	tests := []struct{ in, want string }{
		{"8080:80", "127.0.0.1:8080->80/tcp"},
		{"8080:80/tcp", "127.0.0.1:8080->80/tcp"},
		{"127.0.0.1:8080:80", "127.0.0.1:8080->80/tcp"},
		{"0.0.0.0:80:80", "0.0.0.0:80->80/tcp"},
		{"[::1]:8080:80", "[::1]:8080->80/tcp"},
		{"[::]:8080:80", "[::]:8080->80/tcp"},
		{"80", "127.0.0.1:0->80/tcp"},
		{"0:80", "127.0.0.1:0->80/tcp"},
		{":80", "127.0.0.1:0->80/tcp"},
		{"192.0.2.1::80", "192.0.2.1:0->80/tcp"},
		{"[::1]::80", "[::1]:0->80/tcp"},
		{"[::1]:80", "[::1]:0->80/tcp"},
		{"65535:65535", "127.0.0.1:65535->65535/tcp"},
	}
	for _, tt := range tests {
		p, err := ParsePublish(tt.in)
		if err != nil || p.String() != tt.want {
			t.Errorf("ParsePublish(%q) = %v, %v; want %s", tt.in, p, err, tt.want)
		}
	}
}

func TestParsePublishErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "is not a port number"},
		{"80:", "is not a port number"},
		{"http:80", "is not a port number"},
		{"+80:80", "is not a port number"},
		{"65536:80", "is not a port number"},
		{"-1:80", "can't be published"},
		{"8080:0", "guest's port can't be 0"},
		{"8000-8010:80", "name each port"},
		{"53:53/udp", "only tcp"},
		{"8080:80/", "only tcp"},
		{"localhost:8080:80", "not an IP address"},
		{"::1:8080:80", "in brackets"},
		{"[::1]8080:80", "want [ADDRESS]"},
		{"[::1", "want [ADDRESS]"},
		{"1:2:3:4", "in brackets"},
		{"8080: 80", "is not a port number"},
	}
	for _, tt := range tests {
		p, err := ParsePublish(tt.in)
		if err == nil {
			t.Errorf("ParsePublish(%q) = %v; want an error", tt.in, p)
			continue
		}
		if got := err.Error(); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("ParsePublish(%q): %q; want one line with %q", tt.in, got, tt.want)
		}
	}
}

func FuzzParsePublish(f *testing.F) {
	for _, s := range []string{"8080:80", "[::1]:8080:80/tcp", "80", "0.0.0.0::80", "a:b:c", "[fe80::1%eth0]:1:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePublish(s)
		if err != nil {
			return
		}
		if p.Guest == 0 || !p.Host.IsValid() {
			t.Fatalf("ParsePublish(%q) = %v, which can't be listened on", s, p)
		}
		again, err := ParsePublish(fmt.Sprintf("%s:%d", p.Host, p.Guest))
		if err != nil || again != p {
			t.Fatalf("ParsePublish(%q) = %v, and its own text %v, %v", s, p, again, err)
		}
	})
}

func TestListenAllOrNone(t *testing.T) {
	any4 := netip.MustParseAddrPort("127.0.0.1:0")
	taken, err := Listen(patient(t), Publish{Host: any4, Guest: 80})
	if err != nil {
		t.Fatal(err)
	}
	free, err := Listen(patient(t), Publish{Host: any4, Guest: 80})
	if err != nil {
		t.Fatal(err)
	}
	if err := free[0].Close(); err != nil {
		t.Fatal(err)
	}
	if taken[0].Host.Port() == 0 {
		t.Errorf("a free port was taken, but Host = %s", taken[0].Host)
	}
	_, err = Listen(patient(t), free[0].Publish, taken[0].Publish)
	if !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("Listen on a taken port: %v; want one line that is EADDRINUSE", err)
	}
	want := fmt.Sprintf("publish %s: address already in use: end the program that listens there, or choose another port, such as -p %d:80",
		taken[0].Host, otherPort(taken[0].Host.Port()))
	if got := err.Error(); got != want {
		t.Errorf("error %q; want %q", got, want)
	}
	if err := taken[0].Close(); err != nil {
		t.Fatal(err)
	}
	both, err := Listen(patient(t), free[0].Publish, taken[0].Publish)
	if err != nil {
		t.Fatalf("the first port was not given back: %v", err)
	}
	for _, l := range both {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	at := func(s string) Publish { return Publish{Host: netip.MustParseAddrPort(s), Guest: 80} }
	tests := []struct {
		p    Publish
		err  error
		want string
	}{
		{at("127.0.0.1:80"), syscall.EACCES, "publish 127.0.0.1:80: permission denied: only root has ports under 1024 here; choose another, such as -p 8080:80, or allow it: sysctl net.ipv4.ip_unprivileged_port_start=80"},
		{at("127.0.0.1:65535"), syscall.EADDRINUSE, "publish 127.0.0.1:65535: address already in use: end the program that listens there, or choose another port, such as -p 65534:80"},
		{at("192.0.2.1:8080"), syscall.EADDRNOTAVAIL, "publish 192.0.2.1:8080: cannot assign requested address: this host has no address 192.0.2.1"},
		{at("127.0.0.1:8080"), syscall.ENOMEM, "publish 127.0.0.1:8080: cannot allocate memory"},
	}
	for _, tt := range tests {
		got := listenError(tt.p, tt.err)
		if got.Error() != tt.want || !errors.Is(got, tt.err) {
			t.Errorf("listenError = %q; want %q", got, tt.want)
		}
	}
	if _, err := Listen(patient(t), at("192.0.2.1:8080")); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("Listen on another host's address: %v; want EADDRNOTAVAIL", err)
	}
}

package buildvm

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/network"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// ownAddr returns an address of this machine, which stands for the outside.
func ownAddr(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	t.Skip("the machine has no address but its loopback")
	return ""
}

// greeter sends the text to whoever connects.
func greeter(t *testing.T, addr, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// nameServerOf answers all questions for an IPv4 address with addr, and others
// with nothing (RFC 1035).
func nameServerOf(t *testing.T, addr string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for n, from, err := c.ReadFrom(buf); err == nil; n, from, err = c.ReadFrom(buf) {
			end := bytes.IndexByte(buf[12:n], 0) + 12 // of the name, of which there is one
			if n < 12 || end < 12 || end+5 > n {
				continue
			}
			reply := append(slices.Clone(buf[:2]), 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
			reply = append(reply, buf[12:end+5]...)
			if buf[end+2] == 1 { // A
				reply[7] = 1
				a := netip.MustParseAddr(addr).As4()
				reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4), a[:]...)
			}
			_, _ = c.WriteTo(reply, from)
		}
	}()
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

// TestNetwork has steps reach a server by its name.
func TestNetwork(t *testing.T) {
	addr := ownAddr(t)
	port := greeter(t, addr, "hello from outside\n")
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			tr := g.try(t, g.base(t), "/bin/worker fetch server.test:"+port+" /got", "/bin/worker pass")
			tr.job.Network = true
			tr.runner.Egress = &network.Egress{
				Allow:       []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(addr), 32)},
				NameServers: []netip.AddrPort{nameServerOf(t, addr)},
			}
			trees, err := tr.run(t)
			if err != nil {
				t.Fatalf("%v\n%s", err, tr.output)
			}
			for i, got := range trees {
				text, err := got.ReadFile("/got", 1<<10)
				if err != nil || string(text) != "hello from outside\n" {
					t.Errorf("step %d leaves %q, %v", i, text, err)
				}
				if e, ok := got.Get(resolvConf); ok {
					t.Errorf("step %d leaves %v", i, e)
				}
			}
		})
	}
}

// TestNetworkRefuses has a step that tries the host.
func TestNetworkRefuses(t *testing.T) {
	addr := ownAddr(t)
	port := greeter(t, addr, "what is the host's\n")
	for _, g := range guests {
		for _, on := range []bool{false, true} {
			t.Run(g.name, func(t *testing.T) {
				tr := g.try(t, g.base(t), "/bin/worker fetch "+addr+":"+port+" /got")
				tr.job.Network = on
				_, err := tr.run(t)
				if out := tr.output.String(); err == nil || !strings.Contains(out, "connection refused") {
					t.Errorf("with network %t: %v\n%s", on, err, out)
				}
			})
		}
	}
}

func TestResolver(t *testing.T) {
	file := func(text string) tree.Entry { return tree.NewFile(resolvConf, 0o600, []byte(text), t0, "") }
	for _, tt := range []struct {
		name       string
		old, steps tree.Entry // what there is, and what a step leaves there
		want       string
	}{
		{"none", tree.Entry{}, tree.Entry{}, ""},
		{"a file", file("old"), tree.Entry{}, "old"},
		{"a link", tree.Entry{Path: resolvConf, Type: tree.Symlink, Link: "../run/resolv.conf", ModTime: t0}, tree.Entry{}, "../run/resolv.conf"},
		{"a step's", file("old"), file("new"), "new"},
		{"none, and a step's", tree.Entry{}, file("new"), "new"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr tree.Tree
			for _, e := range []tree.Entry{{Path: "/", Type: tree.Dir, Mode: 0o755, ModTime: t0}, {Path: "/etc", Type: tree.Dir, Mode: 0o755, ModTime: t0}, tt.old} {
				if e.Path != "" {
					if err := tr.Put(e); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := tr.Clone()
			r, err := addResolver(&tr)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := tr.ReadFile(resolvConf, 100); err != nil || string(text) != "nameserver 10.0.2.3\n" {
				t.Errorf("while steps run it is %q, %v", text, err)
			}
			if tt.steps.Path != "" {
				if err := tr.Put(tt.steps); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.takeOut(&tr); err != nil {
				t.Fatal(err)
			}
			e, _ := tr.Get(resolvConf)
			got := e.Link
			if e.Type == tree.File {
				text, err := tr.ReadFile(resolvConf, 100)
				if err != nil {
					t.Fatal(err)
				}
				got = string(text)
			}
			if got != tt.want {
				t.Errorf("it is %q then, want %q", got, tt.want)
			}
			if tt.steps.Path == "" {
				if diff := cmp.Diff(lines(&before), lines(&tr)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

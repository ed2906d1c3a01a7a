package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

var compareAddrs = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func fullConfig() wire.Config {
	return wire.Config{
		Version:  wire.ConfigVersion,
		Hostname: "harbour",
		Root:     wire.Root{Device: "/dev/ld0a", FSType: "ffs", ReadOnly: true},
		Network: wire.Network{
			MAC:     "52:54:00:12:34:56",
			Address: netip.MustParsePrefix("10.0.2.15/24"),
			Gateway: netip.MustParseAddr("10.0.2.2"),
			DNS:     []netip.Addr{netip.MustParseAddr("10.0.2.3")},
		},
		Service: wire.Service{Args: []string{"caddy", "run"}, Env: []string{"A=b=c"}, User: "www:www", Dir: "/srv"},
		Port:    1000,
		Key:     bytes.Repeat([]byte{1}, wire.KeySize),
	}
}

func TestConfigDisk(t *testing.T) {
	long := fullConfig()
	long.Service.Env = []string{"LONG=" + strings.Repeat("x", 100_000)}
	tests := []struct {
		name   string
		config wire.Config
		size   int
	}{
		{"empty", wire.Config{Version: wire.ConfigVersion}, 4096},
		{"full", fullConfig(), 4096},
		{"of many sectors", long, 100_864},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk, err := wire.EncodeConfig(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			if len(disk) != tt.size {
				t.Errorf("disk of %d bytes: want %d", len(disk), tt.size)
			}
			// A raw disk gives what it was asked for, and may go on for long.
			got, err := wire.DecodeConfig(io.MultiReader(bytes.NewReader(disk), iotest.ErrReader(errors.New("read too far"))))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.config, got, compareAddrs); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeConfigErrors(t *testing.T) {
	good, err := wire.EncodeConfig(fullConfig())
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], to)
		return b
	}
	tests := []struct {
		name string
		disk []byte
		want string
	}{
		{"empty", nil, "not a configuration disk"},
		{"short", good[:600], "not a configuration disk"},
		{"zeros", make([]byte, 8192), "not a configuration disk"},
		{"another layout", change(0x0b, 2), "layout 2"},
		{"too long", change(0x0c, 0xff), "more than 1048576"},
		{"cut off", change(0x0c, 0, 1), "to its end: EOF"},
		{"damaged", change(0x60, '!'), "is damaged"},
		{"damaged digest", change(0x10, 0, 0, 0), "is damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.DecodeConfig(bytes.NewReader(tt.disk))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v: want %q in it", err, tt.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*wire.Config)
		want   string
	}{
		{"nothing", func(*wire.Config) {}, ""},
		{"version", func(c *wire.Config) { c.Version = 2 }, "knows version 1"},
		{"short key", func(c *wire.Config) { c.Key = []byte{1} }, "key of 1 bytes"},
		{"host name", func(c *wire.Config) { c.Hostname = "a b" }, `host name "a b"`},
		{"two inits", func(c *wire.Config) { c.Init = "/sbin/init" }, "both an init and a service"},
		{"IPv6", func(c *wire.Config) { c.Network.Address = netip.MustParsePrefix("fd00::1/64") }, "only IPv4"},
		{"IPv6 gateway", func(c *wire.Config) { c.Network.Gateway = netip.MustParseAddr("fd00::1") }, "only IPv4"},
		{"no name server", func(c *wire.Config) { c.Network.DNS = make([]netip.Addr, 1) }, "not an IP address"},
		{"NUL", func(c *wire.Config) { c.Service.Args = []string{"a\x00"} }, "NUL"},
		{"environment", func(c *wire.Config) { c.Service.Env = []string{"=x"} }, "not NAME=VALUE"},
		{"too long", func(c *wire.Config) { c.Service.Args = []string{strings.Repeat("x", wire.MaxConfig)} }, "shorten the environment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := fullConfig()
			tt.change(&c)
			_, err := wire.EncodeConfig(c)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v: want %q in it", err, tt.want)
			}
		})
	}
}

func FuzzDecodeConfig(f *testing.F) {
	for _, c := range []wire.Config{{}, fullConfig()} {
		disk, err := wire.EncodeConfig(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(disk[0x30:], "\x00"))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := wire.DecodeConfig(bytes.NewReader(doc))
		if err != nil {
			// The digest keeps random bytes out: seal them.
			c, err = wire.DecodeConfig(bytes.NewReader(wire.SealConfig(doc)))
		}
		if err != nil {
			return
		}
		disk, err := wire.EncodeConfig(c)
		if err != nil {
			t.Fatalf("what was decoded can't be encoded: %v", err)
		}
		again, err := wire.DecodeConfig(bytes.NewReader(disk))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again, compareAddrs, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("second decoding (-first +second):\n%s", diff)
		}
	})
}

package network

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigComplete(t *testing.T) {
	prefix := netip.MustParsePrefix
	addr := netip.MustParseAddr
	for name, tt := range map[string]struct {
		cfg  Config
		want []string // gateway, DNS, guest
	}{
		"zero":     {Config{}, []string{"10.0.2.2", "10.0.2.3", "10.0.2.15"}},
		"subnet":   {Config{Subnet: prefix("192.168.2.0/24")}, []string{"192.168.2.2", "192.168.2.3", "192.168.2.15"}},
		"wide":     {Config{Subnet: prefix("172.16.0.0/12")}, []string{"172.16.0.2", "172.16.0.3", "172.16.0.15"}},
		"guest":    {Config{Guest: addr("10.0.2.77")}, []string{"10.0.2.2", "10.0.2.3", "10.0.2.77"}},
		"discover": {Config{Discover: true}, []string{"10.0.2.2", "10.0.2.3", "invalid IP"}},
		"small":    {Config{Subnet: prefix("10.9.9.32/27")}, []string{"10.9.9.34", "10.9.9.35", "10.9.9.47"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.cfg.complete()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, []string{got.Gateway.String(), got.DNS.String(), got.Guest.String()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	prefix := netip.MustParsePrefix
	addr := netip.MustParseAddr
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"IPv6":             {Config{Subnet: prefix("fd00::/64")}, "want an IPv4 range"},
		"too small":        {Config{Subnet: prefix("10.0.2.0/28")}, "want an IPv4 range of 32 addresses (/27)"},
		"host bits":        {Config{Subnet: prefix("10.0.2.15/24")}, "did you mean 10.0.2.0/24?"},
		"outside":          {Config{Guest: addr("10.0.3.15")}, "guest address 10.0.3.15 is not in subnet 10.0.2.0/24"},
		"guest is gateway": {Config{Guest: addr("10.0.2.2")}, "is the gateway address"},
		"broadcast":        {Config{Guest: addr("10.0.2.255")}, "is the broadcast address"},
		"network":          {Config{Gateway: addr("10.0.2.0")}, "is the network address"},
		"discover, given":  {Config{Discover: true, Guest: addr("10.0.2.15")}, "can't be given one"},
		"group MAC":        {Config{GuestMAC: net.HardwareAddr{1, 0, 0, 0, 0, 1}}, "first of them even"},
		"long MAC":         {Config{GuestMAC: make(net.HardwareAddr, 8)}, "six bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(tt.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q; want %q in it", err, tt.want)
			}
		})
	}
}

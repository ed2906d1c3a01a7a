//go:build linux || netbsd

package guest

import (
	"net/netip"
	"testing"
)

func TestHosts(t *testing.T) {
	tests := []struct{ name, old, hostname, want string }{
		{"none", "", "", "127.0.0.1\tlocalhost\n"},
		{"both missing", "", "ship", "127.0.0.1\tlocalhost\n127.0.0.1\tship\n"},
		{"both there", "::1 localhost\n10.0.0.1 ship # ours", "ship", "::1 localhost\n10.0.0.1 ship # ours"},
		{"in a comment only", "127.0.0.1 localhost\n#1.1.1.1 ship", "ship", "127.0.0.1 localhost\n#1.1.1.1 ship\n127.0.0.1\tship\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hosts(tt.old, tt.hostname); got != tt.want {
				t.Errorf("hosts = %q; want %q", got, tt.want)
			}
		})
	}
}

func TestMaskOf(t *testing.T) {
	for prefix, want := range map[string]string{
		"10.0.2.15/24": "255.255.255.0",
		"10.0.2.15/32": "255.255.255.255",
		"10.0.2.15/9":  "255.128.0.0",
		"10.0.2.15/0":  "0.0.0.0",
	} {
		if got := maskOf(netip.MustParsePrefix(prefix)).String(); got != want {
			t.Errorf("maskOf(%s) = %s; want %s", prefix, got, want)
		}
	}
}

func TestSignals(t *testing.T) {
	for name, want := range map[string]string{"": "SIGTERM", "SIGINT": "SIGINT", "int": "SIGINT", "KILL": "SIGKILL"} {
		s, err := signalNamed(name)
		if err != nil || nameOf(s) != want {
			t.Errorf("signalNamed(%q) = %v, %v; want %s", name, s, err, want)
		}
	}
	if s, err := signalNamed("SIGDANCE"); err == nil {
		t.Errorf("signalNamed(SIGDANCE) = %v; want an error", s)
	}
}

package kernel

import (
	"strings"
	"testing"
)

func TestForms(t *testing.T) {
	long := strings.Repeat("a", 64)
	tests := []struct {
		s                    string
		name, digest, prefix bool
	}{
		{"", false, false, false},
		{"a", true, false, false},
		{"abc", true, false, false},
		{"abcd", true, false, true},
		{"ABCD", true, false, false},
		{"0.1_2+3-4", true, false, false},
		{"-abcd", false, false, false},
		{".abcd", false, false, false},
		{"ab/cd", false, false, false},
		{"ab cd", false, false, false},
		{"abcd\n", false, false, false},
		{"größe", false, false, false},
		{long, true, true, true},
		{long + "a", false, false, false},
		{long[1:] + "g", true, false, false},
	}
	for _, tt := range tests {
		if name, digest, prefix := isName(tt.s), isDigest(tt.s), isPrefix(tt.s); name != tt.name || digest != tt.digest || prefix != tt.prefix {
			t.Errorf("%q: name %v, digest %v, prefix %v; want %v, %v, %v", tt.s, name, digest, prefix, tt.name, tt.digest, tt.prefix)
		}
	}
}

func TestUnvis(t *testing.T) {
	for in, want := range map[string]string{
		"plain":     "plain",
		`a\040b`:    "a b",
		`a\\b\"c`:   `a\b"c`,
		`\t\s\^A\^`: "\t \x01^",
		`\04`:       "04",
		`end\`:      `end\`,
	} {
		if got := unvis(in); got != want {
			t.Errorf("unvis(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestNetBSDNames(t *testing.T) {
	for name, want := range map[string]bool{
		"netbsd-10.1-i386":          true,
		"netbsd-10.1.2-amd64":       true,
		"netbsd-11-amd64-microvm":   true,
		"netbsd-10.1.2.3-amd64":     false,
		"netbsd-10.-amd64":          false,
		"netbsd--amd64":             false,
		"netbsd-x-amd64":            false,
		"netbsd-10.1-sparc":         false,
		"netbsd-10.1":               false,
		"netbsd-10.1-i386-small":    false,
		"netbsd-10.1-i386-microvm-": false,
		"freebsd-10.1-i386":         false,
	} {
		if got := isNetBSDName(strings.Split(name, "-")); got != want {
			t.Errorf("%s: %v; want %v", name, got, want)
		}
	}
}

func TestDropLocators(t *testing.T) {
	for in, want := range map[string]string{
		"isa {[port = -1], [irq = -1]}: a": "isa  : a",
		"a{b}c{d}":                         "a c ",
		"a{b":                              "a{b",
		"a}b{c}":                           "a}b ",
	} {
		if got := dropLocators(in); got != want {
			t.Errorf("dropLocators(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestIsKernelPath(t *testing.T) {
	for in, want := range map[string]bool{
		"/obj/GENERIC/netbsd": true,
		"/a/netbsd":           true,
		"/netbsd":             false,
		"//netbsd":            false,
		"obj/netbsd":          false,
		"/a b/netbsd":         false,
		"/a/netbsd.gdb":       false,
	} {
		if got := isKernelPath(in); got != want {
			t.Errorf("isKernelPath(%q) = %v; want %v", in, got, want)
		}
	}
}

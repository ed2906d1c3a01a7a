package spelling

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"packages", "services", "env", "expose", "netbsd-i386", "netbsd-amd64"}
	for word, want := range map[string]string{
		"packages":   "packages",
		"package":    "packages",
		"pakcages":   "packages",
		"evn":        "env",
		"exposes":    "expose",
		"netbsd-386": "netbsd-i386",
		"name":       "",
		"cmd":        "",
		"x":          "",
		"":           "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q; want %q", word, got, want)
		}
	}
	if got := Nearest("abcx", []string{"abcy", "abcz"}); got != "abcy" {
		t.Errorf("of two as like: %q; want the first", got)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "env", 3},
		{"services", "service_", 1},
		{"srvces", "services", 2},
		{"evn", "env", 1},
		{"kitten", "sitting", 3},
		{"one", "three hundred", 4}, // more than the limit
	} {
		if got := distance(tt.a, tt.b, 3); got != tt.want {
			t.Errorf("distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConsoleKeys(t *testing.T) {
	tests := []struct {
		name    string
		typed   []string // one write each
		guest   string
		actions []keyAction
	}{
		{"plain text", []string{"ls\r"}, "ls\r", nil},
		{"ctrl-c is ours", []string{"a\x03b"}, "ab", []keyAction{keyStop}},
		{"ctrl-a x ends", []string{"\x01x"}, "", []keyAction{keyKill}},
		{"prefix over two writes", []string{"\x01", "x"}, "", []keyAction{keyKill}},
		{"ctrl-a twice sends one", []string{"\x01\x01"}, "\x01", nil},
		{"ctrl-a and another key sends both", []string{"\x01b"}, "\x01b", nil},
		{"x alone is text", []string{"x"}, "x", nil},
		{"ctrl-c after the prefix goes to the guest", []string{"\x01\x03"}, "\x01\x03", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var guest bytes.Buffer
			var actions []keyAction
			k := &consoleKeys{guest: &guest, action: func(a keyAction) { actions = append(actions, a) }}
			for _, s := range tt.typed {
				if n, err := k.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatalf("Write(%q) = %d, %v", s, n, err)
				}
			}
			if guest.String() != tt.guest {
				t.Errorf("guest got %q; want %q", guest.String(), tt.guest)
			}
			if d := cmp.Diff(tt.actions, actions); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
		})
	}
}

package cli

import (
	"bytes"
	"io"
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

func TestConsoleOut(t *testing.T) {
	tests := []struct {
		name   string
		writes []string
		want   string
	}{
		{"line ends", []string{"a\r\nb\r\n"}, "a\nb\n"},
		{"over two writes", []string{"a\r", "\nb"}, "a\nb"},
		{"a CR of its own", []string{"10%\r20%\r", "30%"}, "10%\r20%\r30%"},
		{"two CR", []string{"a\r\r\n"}, "a\r\n"},
		{"nothing to do", []string{"plain\n"}, "plain\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			c := newConsoleOut(&got, func(err error) { t.Error(err) })
			for _, w := range tt.writes {
				if n, err := c.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("Write(%q) = %d, %v", w, n, err)
				}
			}
			if got.String() != tt.want {
				t.Errorf("wrote %q; want %q", got.String(), tt.want)
			}
		})
	}
}

func TestConsoleOutTellsOfAClosedPipe(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	var told error
	if _, err := newConsoleOut(w, func(err error) { told = err }).Write([]byte("x")); err == nil || told == nil {
		t.Errorf("Write: %v, told %v; want errors", err, told)
	}
}

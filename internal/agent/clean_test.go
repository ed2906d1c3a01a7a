package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

func TestClean(t *testing.T) {
	noCode := func(n string) wire.Error {
		return wire.Error{Text: "the agent told of an exit code that there is not: " + n}
	}
	noSignal := wire.Error{Text: "the agent told of a signal that there is not"}
	tests := []struct {
		name     string
		in, want wire.Message
	}{
		{"an error", wire.Error{Text: "mount /tmp: größer"}, wire.Error{Text: "mount /tmp: größer"}},
		{"controls", wire.Error{Text: "a\x1b[2J\r\nb\tc\x00d"}, wire.Error{Text: "a [2J  b c d"}},
		{"eight-bit controls", wire.Error{Text: "a\u009b2Jb"}, wire.Error{Text: "a 2Jb"}},
		{"writing backwards", wire.Error{Text: "a\u202eb"}, wire.Error{Text: "a b"}},
		{"no UTF-8", wire.Error{Text: "a\xff"}, wire.Error{Text: "a\ufffd"}},
		{"just short enough", wire.Error{Text: strings.Repeat("x", 300)}, wire.Error{Text: strings.Repeat("x", 300)}},
		{"too long", wire.Error{Text: strings.Repeat("x", 301)}, wire.Error{Text: strings.Repeat("x", 297) + "…"}},
		{"too long, cut in a letter", wire.Error{Text: strings.Repeat("ü", 151)}, wire.Error{Text: strings.Repeat("ü", 148) + "…"}},
		{"an end", wire.Exited{Code: 255}, wire.Exited{Code: 255}},
		{"killed", wire.Exited{Code: 137, Signal: "SIGKILL"}, wire.Exited{Code: 137, Signal: "SIGKILL"}},
		{"killed by a number", wire.Exited{Code: 163, Signal: "signal 35"}, wire.Exited{Code: 163, Signal: "signal 35"}},
		{"too large a code", wire.Exited{Code: 256}, noCode("256")},
		{"a negative code", wire.Exited{Code: -1}, noCode("-1")},
		{"a long signal", wire.Exited{Signal: strings.Repeat("x", 33)}, noSignal},
		{"a signal with controls", wire.Exited{Signal: "SIG\x1b[2J"}, noSignal},
		{"a step's end", wire.StepEnded{ID: 1, Code: 126, Text: "a\x1bb"}, wire.StepEnded{ID: 1, Code: 126, Text: "a b"}},
		{"a step's impossible end", wire.StepEnded{Code: 300}, noCode("300")},
		{"a step's impossible signal", wire.StepEnded{Signal: "\n"}, noSignal},
		{"a sync", wire.Synced{ID: 1, Text: "a\nb"}, wire.Synced{ID: 1, Text: "a b"}},
		{"output", wire.StepOutput{ID: 1, Data: []byte("a\x1b")}, wire.StepOutput{ID: 1, Data: []byte("a\x1b")}},
		{"others", wire.Pong{ID: 3}, wire.Pong{ID: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, clean(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCleanHello(t *testing.T) {
	got := cleanHello(wire.Hello{Source: "a\nb", OS: "net\x1bbsd", Arch: "\r", Times: wire.Times{Init: 1}})
	want := wire.Hello{Source: "a b", OS: "net bsd", Arch: " ", Times: wire.Times{Init: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

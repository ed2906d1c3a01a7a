package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

func messages() []wire.Message {
	return []wire.Message{
		wire.Hello{Source: "abc", OS: "netbsd", Arch: "386", Times: wire.Times{Init: 1, Root: 2, Network: 3}},
		wire.Started{PID: 7, Time: time.Second},
		wire.Settled{},
		wire.Exited{Code: 137, Signal: "SIGKILL"},
		wire.Error{Text: "no\nroute <&>"},
		wire.Pong{ID: 1 << 63},
		wire.Stop{Signal: "SIGINT", Timeout: time.Minute},
		wire.Seen{},
		wire.Ping{ID: 4},
		wire.RunStep{ID: 5, Service: wire.Service{Args: []string{"sh", "-c", "a\n<b>"}, Env: []string{"A=B"}, User: "u:g", Dir: "/d"}},
		wire.SyncPoint{ID: 6, First: true},
		wire.StepOutput{ID: 5, Stream: 2, Data: []byte{0, 0xff, '\n'}},
		wire.StepEnded{ID: 5, Code: 137, Signal: "SIGKILL", Text: "killed", Left: true},
		wire.Synced{ID: 6, Text: "busy"},
	}
}

func TestMessages(t *testing.T) {
	var line bytes.Buffer
	for _, m := range messages() {
		if err := wire.WriteMessage(&line, m); err != nil {
			t.Fatal(err)
		}
	}
	var got []wire.Message
	for {
		m, err := wire.ReadMessage(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(messages(), got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// TestMessageText holds the format, which other versions must read.
func TestMessageText(t *testing.T) {
	var line bytes.Buffer
	if err := wire.WriteMessage(&line, wire.Started{PID: 7, Time: 5}); err != nil {
		t.Fatal(err)
	}
	want := "\x00\x00\x00\x2c" + `{"type":"started","body":{"pid":7,"time":5}}`
	if diff := cmp.Diff(want, line.String()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func frame(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

func TestReadMessage(t *testing.T) {
	tests := []struct {
		name, line string
		want       wire.Message
		err        string
	}{
		{"a later type", frame(`{"type":"dance","body":[1]}`), wire.Unknown{Type: "dance"}, ""},
		{"a later member", frame(`{"type":"ping","body":{"id":1,"tune":2},"to":3}`), wire.Ping{ID: 1}, ""},
		{"no body", frame(`{"type":"seen"}`), wire.Seen{}, ""},
		{"nothing", "", nil, "EOF"},
		{"too long", "\x00\x10\x00\x01", nil, "at most 1048576"},
		{"cut short", frame(`{"type":"seen"}`)[:9], nil, "cut short"},
		{"no JSON", frame("hello"), nil, "decode a message"},
		{"another body", frame(`{"type":"ping","body":"x"}`), nil, "decode ping"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.ReadMessage(strings.NewReader(tt.line))
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v: want %q in it", err, tt.err)
			}
			if tt.err == "" && err != nil {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteMessageLimit(t *testing.T) {
	var line bytes.Buffer
	err := wire.WriteMessage(&line, wire.Error{Text: strings.Repeat("x", wire.MaxMessage)})
	if err == nil || line.Len() != 0 {
		t.Errorf("error %v, %d bytes written: want an error and none", err, line.Len())
	}
}

// FuzzReadMessage covers both directions: all messages are read by one
// function.
func FuzzReadMessage(f *testing.F) {
	for _, m := range messages() {
		var line bytes.Buffer
		if err := wire.WriteMessage(&line, m); err != nil {
			f.Fatal(err)
		}
		f.Add(line.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wire.ReadMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		if _, unknown := m.(wire.Unknown); unknown {
			return
		}
		var line bytes.Buffer
		if err := wire.WriteMessage(&line, m); err != nil {
			t.Fatal(err)
		}
		again, err := wire.ReadMessage(&line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("second reading (-first +second):\n%s", diff)
		}
	})
}

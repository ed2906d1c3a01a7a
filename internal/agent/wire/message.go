package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// MaxMessage is the largest message, in bytes of JSON.
const MaxMessage = 1 << 20

// A Message is what one side tells the other once the handshake is done: one
// of the structs below. On the line it is a 32-bit length and that many bytes
// of JSON, {"type":"started","body":{…}}.
//
// Types and members can be added without a new LineVersion: a reader gets
// Unknown for a type that it does not know, and passes over it, and it
// ignores members that it does not know.
type Message interface{ kind() string }

// Messages from the guest. The first is always a Hello; those after it retell
// what happened before the line was opened, in order.
type (
	// Hello says who answers.
	Hello struct {
		Source string `json:"source,omitempty"` // hash of the agent's source; "" when built by hand
		OS     string `json:"os"`               // as GOOS
		Arch   string `json:"arch"`             // as GOARCH
		Times  Times  `json:"times"`
	}
	// Started says that the service's process runs.
	Started struct {
		PID  int           `json:"pid"`
		Time time.Duration `json:"time"` // since the kernel's clock started
	}
	// Exited says that the service has ended. The guest ends once the host
	// has answered Seen, or a moment later.
	Exited struct {
		Code   int    `json:"code"`             // as a shell has it: 128 and the signal's number when killed
		Signal string `json:"signal,omitempty"` // "SIGKILL"
	}
	// Settled says that the guest has nothing more to write: its processes
	// are gone and its root is read-only. It resets now, which takes some
	// kernels seconds; the host may end it at once.
	Settled struct{}
	// Error is something in the guest that its owner should know, one line.
	Error struct {
		Text string `json:"text"`
	}
	// Pong answers the Ping with the same ID.
	Pong struct {
		ID uint64 `json:"id"`
	}
)

// Messages from the host.
type (
	// Stop asks for the clean end of the guest: the signal to the service,
	// SIGKILL when it has not ended after Timeout, then the guest's end.
	Stop struct {
		Signal  string        `json:"signal,omitempty"` // "SIGINT"; "": SIGTERM
		Timeout time.Duration `json:"timeout"`          // nanoseconds
	}
	// Seen acknowledges Exited.
	Seen struct{}
	// Ping asks for a Pong.
	Ping struct {
		ID uint64 `json:"id"`
	}
)

// Unknown stands for a message of a type that this package does not know.
type Unknown struct{ Type string }

// Times are moments of the boot, since the kernel's monotonic clock started,
// in nanoseconds on the line. What has not happened yet is 0.
type Times struct {
	Init    time.Duration `json:"init"`              // the agent's first instruction
	Root    time.Duration `json:"root,omitempty"`    // configuration read, root mounted
	Network time.Duration `json:"network,omitempty"` // address set
}

func (Hello) kind() string     { return "hello" }
func (Started) kind() string   { return "started" }
func (Exited) kind() string    { return "exited" }
func (Settled) kind() string   { return "settled" }
func (Error) kind() string     { return "error" }
func (Pong) kind() string      { return "pong" }
func (Stop) kind() string      { return "stop" }
func (Seen) kind() string      { return "seen" }
func (Ping) kind() string      { return "ping" }
func (u Unknown) kind() string { return u.Type }

// envelope is a message as it is on the line.
type envelope struct {
	Type string          `json:"type"`
	Body json.RawMessage `json:"body,omitempty"`
}

// WriteMessage writes m with one call of w.Write.
func WriteMessage(w io.Writer, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("send %s: %w", m.kind(), err)
	}
	text, err := json.Marshal(envelope{m.kind(), body})
	if err != nil {
		return fmt.Errorf("send %s: %w", m.kind(), err)
	}
	if len(text) > MaxMessage {
		return fmt.Errorf("send %s: message of %d bytes, at most %d are allowed", m.kind(), len(text), MaxMessage)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text)))
	if _, err := w.Write(append(frame, text...)); err != nil {
		return fmt.Errorf("send %s: %w", m.kind(), err)
	}
	return nil
}

// ReadMessage reads the next message. It returns io.EOF where the line ended
// between two messages, and reads no byte beyond the message.
func ReadMessage(r io.Reader) (Message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxMessage {
		return nil, fmt.Errorf("message of %d bytes: at most %d are allowed", n, MaxMessage)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("message cut short: %w", err)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("decode a message: %w", err)
	}
	return e.open()
}

func (e envelope) open() (Message, error) {
	switch e.Type {
	case "hello":
		return body[Hello](e)
	case "started":
		return body[Started](e)
	case "exited":
		return body[Exited](e)
	case "settled":
		return body[Settled](e)
	case "error":
		return body[Error](e)
	case "pong":
		return body[Pong](e)
	case "stop":
		return body[Stop](e)
	case "seen":
		return body[Seen](e)
	case "ping":
		return body[Ping](e)
	}
	return e.openStep()
}

func body[M Message](e envelope) (Message, error) {
	var m M
	if len(e.Body) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(e.Body, &m); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return m, nil
}

package qemu

import (
	"net"
	"strings"
	"sync"
	"time"
)

// keptConsole is how much of the end of the console is remembered at least, in
// bytes.
const keptConsole = 64 << 10

// A Console is a machine's serial port. What the guest writes goes to
// Options.Console; here is what is needed to answer and to look back.
type Console struct {
	conn net.Conn

	mu    sync.Mutex
	tail  tail
	first time.Time
	last  time.Time // when the last byte came
}

// Write types p into the guest. It waits while the guest doesn't read.
func (c *Console) Write(p []byte) (int, error) { return c.conn.Write(p) }

// Bytes returns the end of what the guest wrote: all of it, or the last 64 to
// 128 KiB.
func (c *Console) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tail.bytes()
}

// Lines returns the last lines of text, at most n, oldest first, without
// escape sequences, carriage returns and empty lines.
func (c *Console) Lines(n int) []string {
	var p plain
	var lines []string
	for line := range strings.Lines(string(p.filter(c.Bytes()))) {
		if line = strings.TrimRight(line, " \t\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

// First returns when the first byte came, or zero.
func (c *Console) First() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// Last returns when the last byte came so far, or zero.
func (c *Console) Last() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func (c *Console) keep(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now()
	if c.first.IsZero() {
		c.first = c.last
	}
	c.tail.write(p, keptConsole)
}

// A tail is the end of a stream.
type tail struct {
	buf []byte
}

// write appends p and keeps between limit and twice as many bytes, so that
// what is kept is moved once in a while only.
func (t *tail) write(p []byte, limit int) {
	if len(p) > limit {
		p = p[len(p)-limit:]
	}
	if len(t.buf)+len(p) > 2*limit {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-limit:]...)
	}
	t.buf = append(t.buf, p...)
}

func (t *tail) bytes() []byte { return append([]byte(nil), t.buf...) }

// A plain strips control characters and escape sequences (ECMA-48, 5.4 and
// 8.3) from a stream that comes in pieces.
type plain struct {
	state byte // 0: text, else the kind of sequence it is in
}

const (
	inEscape = 'e' // after ESC
	inCSI    = '[' // until a byte from 0x40 to 0x7e
	inString = ']' // until BEL or ESC
)

func (p *plain) filter(in []byte) []byte {
	out := make([]byte, 0, len(in))
	for _, b := range in {
		if p.step(b) {
			out = append(out, b)
		}
	}
	return out
}

// step takes the next byte and says whether it is text, a newline or a tab.
func (p *plain) step(b byte) bool {
	switch {
	case b == 0x1b:
		p.state = inEscape
	case p.state == inEscape:
		p.state = 0
		if b == '[' {
			p.state = inCSI
		} else if b == ']' || b == 'P' || b == '_' || b == '^' {
			p.state = inString
		}
	case b == '\n': // no sequence goes beyond its line
		p.state = 0
		return true
	case p.state == inCSI:
		if b >= 0x40 && b <= 0x7e {
			p.state = 0
		}
	case p.state == inString:
		if b == 0x07 {
			p.state = 0
		}
	default:
		return b >= ' ' && b != 0x7f || b == '\t'
	}
	return false
}

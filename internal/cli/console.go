package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Keys of the interactive console. Ctrl-A is its prefix, as it is QEMU's.
const (
	ctrlA = 0x01
	ctrlC = 0x03
)

// A keyAction is what the user asked for at the console.
type keyAction int

const (
	keyStop keyAction = iota // Ctrl-C: stop the guest cleanly; again: end it
	keyKill                  // Ctrl-A x: end it at once
)

// consoleKeys passes what is typed to a guest, and takes out the keys that
// are meant for us. Ctrl-A twice sends one Ctrl-A.
type consoleKeys struct {
	guest  io.Writer
	action func(keyAction)
	prefix bool // the last byte was Ctrl-A
}

// Write takes typed bytes. It returns the guest's error, if there is one.
func (k *consoleKeys) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for _, b := range p {
		switch {
		case k.prefix:
			k.prefix = false
			out = k.afterPrefix(out, b)
		case b == ctrlA:
			k.prefix = true
		case b == ctrlC:
			k.action(keyStop)
		default:
			out = append(out, b)
		}
	}
	if len(out) > 0 {
		if _, err := k.guest.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// afterPrefix handles the byte after Ctrl-A, and returns what goes to the guest.
func (k *consoleKeys) afterPrefix(out []byte, b byte) []byte {
	switch b {
	case 'x', 'X':
		k.action(keyKill)
		return out
	case ctrlA:
		return append(out, ctrlA)
	default:
		return append(out, ctrlA, b)
	}
}

// A consoleOut passes on what the guest writes, to a file or a pipe with plain
// line ends. When it is not taken any more, as by a pipe whose reader has
// gone, the user is taken to want the end.
type consoleOut struct {
	w    io.Writer
	gone func(error)

	plain bool // lines end with LF alone
	cr    bool // a CR is held back, which the next byte decides on
}

func newConsoleOut(w io.Writer, gone func(error)) *consoleOut {
	return &consoleOut{w: w, gone: gone, plain: !isTerminal(w)}
}

func (c *consoleOut) Write(p []byte) (int, error) {
	out := p
	if c.plain {
		out = c.convert(p)
	}
	if _, err := c.w.Write(out); err != nil {
		c.gone(err)
		return 0, err
	}
	return len(p), nil
}

// convert takes the CR out of each CR LF.
func (c *consoleOut) convert(p []byte) []byte {
	out := make([]byte, 0, len(p)+1)
	for _, b := range p {
		if c.cr && b != '\n' {
			out = append(out, '\r')
		}
		if c.cr = b == '\r'; !c.cr {
			out = append(out, b)
		}
	}
	return out
}

// A terminal is the user's terminal in raw mode.
type terminal struct {
	fd    int
	state *term.State
}

// rawTerminal puts the terminal that r is into raw mode. It returns nil where
// r is no terminal, or one whose foreground is another job: then there is
// nothing to restore and nothing typed.
func rawTerminal(r io.Reader) (*terminal, error) {
	f, ok := r.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	if job, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP); err != nil || job != unix.Getpgrp() {
		return nil, nil
	}
	state, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	return &terminal{int(f.Fd()), state}, nil
}

// restore gives the terminal back as it was. It may be called on nil.
func (t *terminal) restore() error {
	if t == nil {
		return nil
	}
	if err := term.Restore(t.fd, t.state); err != nil {
		return fmt.Errorf("restore the terminal: %w", err)
	}
	return nil
}

// copyInput passes what comes from f to w until ctx ends, the file does, or
// the guest takes no more. It waits with poll(2), so that a read never
// takes a byte that the shell after us should have.
func copyInput(ctx context.Context, f *os.File, w io.Writer) error {
	wake, waker, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("read the terminal: %w", err)
	}
	defer wake.Close()
	stop := context.AfterFunc(ctx, func() { waker.Close() })
	defer func() {
		if stop() {
			waker.Close()
		}
	}()
	buf := make([]byte, 4096)
	for {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return fmt.Errorf("wait for the terminal: %w", err)
		}
		if fds[1].Revents != 0 {
			return nil
		}
		n, err := f.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil // the guest is gone, which is told elsewhere
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the terminal: %w", err)
		}
	}
}

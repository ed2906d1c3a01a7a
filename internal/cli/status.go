package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// A status writes the lines that tell how a command gets on: a word, and what
// there is to say of it.
type status struct {
	mu    sync.Mutex
	w     io.Writer
	quiet bool
	raw   bool   // the terminal is in raw mode: a line ends with CR and LF
	shown bool   // a passing line stands on the terminal
	stage string // of the last passing line
}

// line writes one line: "disk     FFSv2 18 MB".
func (s *status) line(word, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quiet {
		return
	}
	end := "\n"
	if s.raw {
		end = "\r\n"
	}
	s.wipe()
	text := strings.TrimRight(fmt.Sprintf("%-8s %s", word, fmt.Sprintf(format, args...)), " ")
	fmt.Fprint(s.w, text+end)
}

// pass shows what goes on just now, such as "unpack libc6". On a terminal the
// next line takes its place; elsewhere only its first word is written, once
// until another comes.
func (s *status) pass(word, text string) {
	stage, _, _ := strings.Cut(text, " ")
	s.mu.Lock()
	terminal := isTerminal(s.w)
	again := stage == s.stage
	s.stage = stage
	s.mu.Unlock()
	switch {
	case !terminal && !again:
		s.line(word, "%s", stage)
	case terminal && !s.quiet:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wipe()
		fmt.Fprintf(s.w, "%-8s %.68s", word, text)
		s.shown = true
	}
}

// step shows what is done from now on, such as "RUN make": as pass does on a
// terminal, in a line of its own elsewhere.
func (s *status) step(word, text string) {
	if isTerminal(s.w) {
		s.pass(word, text)
		return
	}
	s.line(word, "%s", text)
}

// wipe takes a passing line away. The lock is held.
func (s *status) wipe() {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// setRaw says whether the terminal is in raw mode from now on.
func (s *status) setRaw(raw bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = raw
}

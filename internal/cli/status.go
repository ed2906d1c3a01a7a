package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// A status writes the lines that tell how a command gets on: a word, and what
// there is to say of it.
type status struct {
	mu    sync.Mutex
	w     io.Writer
	quiet bool
	raw   bool // the terminal is in raw mode: a line ends with CR and LF
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
	text := strings.TrimRight(fmt.Sprintf("%-8s %s", word, fmt.Sprintf(format, args...)), " ")
	fmt.Fprint(s.w, text+end)
}

// setRaw says whether the terminal is in raw mode from now on.
func (s *status) setRaw(raw bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = raw
}

package agent

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// What a guest may say, in bytes. It ends up on people's terminals.
const (
	maxText   = 300
	maxSignal = 32
)

// clean makes what a guest sent safe to pass on. An end that no process can
// have becomes an Error, as the service may still run.
func clean(m wire.Message) wire.Message {
	switch m := m.(type) {
	case wire.Error:
		return wire.Error{Text: oneLine(m.Text)}
	case wire.Exited:
		if wrong := wrongEnd(m.Code, m.Signal); wrong != nil {
			return wrong
		}
	case wire.StepEnded:
		if wrong := wrongEnd(m.Code, m.Signal); wrong != nil {
			return wrong
		}
		m.Text = oneLine(m.Text)
		return m
	case wire.Synced:
		m.Text = oneLine(m.Text)
		return m
	}
	return m
}

// wrongEnd says what no process can have ended with, or returns nil.
func wrongEnd(code int, signal string) wire.Message {
	if code < 0 || code > 255 {
		return wire.Error{Text: fmt.Sprintf("the agent told of an exit code that there is not: %d", code)}
	}
	if len(signal) > maxSignal || signal != oneLine(signal) {
		return wire.Error{Text: "the agent told of a signal that there is not"}
	}
	return nil
}

func cleanHello(h wire.Hello) wire.Hello {
	h.Source, h.OS, h.Arch = oneLine(h.Source), oneLine(h.OS), oneLine(h.Arch)
	return h
}

// oneLine replaces by spaces what would move a terminal's cursor or hide
// text, and cuts what is too long.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	const more = "…"
	if len(text) <= maxText {
		return text
	}
	cut := maxText - len(more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

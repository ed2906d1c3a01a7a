package qemu

import (
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// longestLine is how much of a console line is looked at, in bytes.
const longestLine = 512

// A watch reads a console and says what its last lines would mean if nothing
// more came: kernels print what they have to say and then reset the machine,
// or wait for ever in one that looks alive from outside.
//
// A service may print the same, so that each of these holds:
//   - Words count in the order in which a kernel prints them, and only until a
//     line follows that isn't the kernel's.
//   - Where the kernel marks its lines with a time stamp, the words of lines
//     without one aren't its own. (What NetBSD's debugger prints never has one.)
//   - Until a kernel has been seen to stamp its lines, a bare "panic:", as Go
//     programs print it too, must be followed by what a kernel does then.
//
// A service that imitates all of it, stamps included, and then is silent
// can't be told from a kernel here. That is left to the judge.
type watch struct {
	netbsd, linux bool
	text          plain
	line          []byte // the current line, without its end

	stamps   bool   // the kernel stamps its lines
	suspect  string // what may have been a panic
	halted   bool   // the system said that it halted
	debug    bool   // the debugger said where it stopped
	hint     string // why there is no root or no init
	rootless int    // how often the root device was unknown

	found  machine.Reason // by the lines until now
	detail string
}

// newWatch returns a watch for a guest system, or for all where os is "".
func newWatch(os string) *watch {
	return &watch{netbsd: os != machine.Linux, linux: os != machine.NetBSD}
}

// feed takes the next bytes of the console, in pieces of any size.
func (w *watch) feed(p []byte) {
	for _, b := range p {
		if !w.text.step(b) {
			continue
		}
		if b == '\n' {
			w.fullLine(string(w.line))
			w.line = w.line[:0]
		} else if len(w.line) < longestLine {
			w.line = append(w.line, b)
		}
	}
}

// verdict returns how the machine has ended if this was the last of its
// console; "" where that tells nothing.
func (w *watch) verdict() (machine.Reason, string) {
	text, stamped := cutStamp(string(w.line))
	if strings.TrimSpace(text) == "" {
		return w.found, w.detail
	}
	if reason, detail := w.prompt(text, stamped); reason != "" {
		return reason, detail
	}
	if w.found != "" && w.follows(text, stamped) {
		return w.found, w.detail
	}
	return "", ""
}

// forget takes back all that the lines until now have said.
func (w *watch) forget() {
	w.suspect, w.hint, w.found, w.detail = "", "", "", ""
	w.halted, w.debug, w.rootless = false, false, 0
}

func (w *watch) end(r machine.Reason, detail string) {
	w.found, w.detail = r, strings.TrimSpace(detail)
}

func (w *watch) fullLine(line string) {
	text, stamped := cutStamp(line)
	if strings.TrimSpace(text) == "" {
		return
	}
	w.stamps = w.stamps || stamped
	if !w.follows(text, stamped) {
		w.forget()
	}
	if stamped || !w.stamps {
		if w.linux {
			w.linuxLine(text)
		}
		if w.netbsd {
			w.netbsdLine(text, stamped)
		}
	}
	if w.netbsd && stopped(text) {
		w.debug = true
	}
}

// follows says whether a line may be the kernel's next one, which leaves what
// it said before in force. Nothing follows a halt.
func (w *watch) follows(text string, stamped bool) bool {
	if w.found == machine.Halted || w.found == machine.PoweredOff {
		return false
	}
	return stamped || w.netbsd && netbsdFollows(text) || w.linux && linuxFollows(text)
}

// cutStamp returns a line without the time that NetBSD since 9 and Linux print
// before a kernel's line, "[   12.345678] ", and whether it was there.
func cutStamp(line string) (text string, stamped bool) {
	inside, ok := strings.CutPrefix(line, "[")
	if !ok {
		return line, false
	}
	inside, text, ok = strings.Cut(inside, "]")
	seconds, fraction, dot := strings.Cut(strings.TrimLeft(inside, " "), ".")
	if !ok || !dot || !digits(seconds) || !digits(fraction) {
		return line, false
	}
	return strings.TrimPrefix(text, " "), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

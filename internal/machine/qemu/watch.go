package qemu

import (
	"regexp"
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// longestLine is how much of a console line is looked at, in bytes.
const longestLine = 512

// A watch reads a console and finds out that the kernel has stopped. Kernels
// print what they have to say and then wait for ever, with a machine that
// looks alive from outside.
//
// A service may print anything, so one line is enough only where it bears the
// kernel's time stamp or words nobody else uses; a bare "panic:", as Go
// programs print it too, must be followed by what a kernel does then.
type watch struct {
	netbsd, linux bool
	text          plain
	line          []byte // the current line, without its end

	suspect  string // what may have been a panic
	halted   bool   // the system said that it halted
	debug    bool   // the debugger said where it stopped
	hint     string // why there is no root or no init
	rootless int    // how often the root device was unknown

	found  machine.Reason
	detail string
}

// newWatch returns a watch for a guest system, or for all where os is "".
func newWatch(os string) *watch {
	return &watch{netbsd: os != machine.Linux, linux: os != machine.NetBSD}
}

// ended says whether the kernel has stopped; found and detail then say how.
func (w *watch) ended() bool { return w.found != "" }

// feed takes the next bytes of the console, in pieces of any size.
func (w *watch) feed(p []byte) {
	for _, b := range p {
		if w.found != "" {
			return
		}
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
	if w.found == "" && w.netbsd && len(w.line) > 0 {
		w.prompt(string(w.line))
	}
}

func (w *watch) end(r machine.Reason, detail string) {
	w.found, w.detail = r, strings.TrimSpace(detail)
}

// stamp is what NetBSD since 9 and Linux print before a kernel's line.
var stamp = regexp.MustCompile(`^\[ *[0-9]+\.[0-9]+\] ?`)

func (w *watch) fullLine(line string) {
	text := stamp.ReplaceAllString(line, "")
	stamped := text != line
	if w.linux {
		w.linuxLine(text)
	}
	if w.netbsd && w.found == "" {
		w.netbsdLine(text, stamped)
	}
}

// linuxLine knows kernel/panic.c, init/main.c and kernel/reboot.c.
func (w *watch) linuxLine(text string) {
	if why, ok := strings.CutPrefix(text, "Kernel panic - not syncing: "); ok {
		switch {
		case strings.Contains(why, "Unable to mount root fs"):
			w.end(machine.NoRoot, why)
		case strings.Contains(why, "No working init found"), strings.HasPrefix(why, "Requested init"):
			w.end(machine.NoInit, why)
		default:
			w.end(machine.Panicked, why)
		}
	}
	switch text {
	case "reboot: System halted":
		w.end(machine.Halted, "")
	case "reboot: Power down":
		w.end(machine.PoweredOff, "")
	}
}

// netbsdLine knows sys/kern/subr_prf.c, kern_subr.c, init_main.c, and
// sys/arch/x86's and i386's machdep.c, trap.c and db_interface.c.
func (w *watch) netbsdLine(text string, stamped bool) {
	why, panicked := strings.CutPrefix(text, "panic: ")
	switch {
	case panicked && stamped:
		w.panicked(why)
	case panicked:
		w.suspect = why
	case strings.HasPrefix(text, "fatal ") && strings.HasSuffix(text, " in supervisor mode"):
		w.fatal(text, stamped)
	case w.suspect != "" && confirms(text):
		w.panicked(w.suspect)
	case strings.HasPrefix(text, "Stopped in pid "):
		w.debug = true
	case text == "The operating system has halted.":
		w.halted = true
	case w.halted && text == "Please press any key to reboot.":
		w.end(machine.Halted, "")
	default:
		w.rootLine(text)
	}
}

// fatal takes the line that a trap of the kernel begins with. What follows is
// a panic or the debugger. A panic's own breakpoint trap tells nothing new.
func (w *watch) fatal(text string, stamped bool) {
	switch {
	case w.suspect != "":
		w.panicked(w.suspect)
	case stamped:
		w.suspect = text
	}
}

func (w *watch) panicked(why string) {
	if why == "no init" || strings.HasPrefix(why, "init: not found") {
		w.end(machine.NoInit, why)
		return
	}
	if why == "trap" && strings.HasPrefix(w.suspect, "fatal ") {
		why = w.suspect
	}
	w.end(machine.Panicked, why)
}

// confirms says whether a line is what a kernel prints after its panic.
func confirms(text string) bool {
	for _, s := range []string{"dumping to dev ", "Stopped in pid ", "rebooting...", "syncing disks: "} {
		if strings.HasPrefix(text, s) {
			return true
		}
	}
	return strings.HasPrefix(text, "cpu") && strings.HasSuffix(text, ": Begin traceback...")
}

// rootLine remembers why there is no root, and knows the kernel that was told
// of a root device it can't find and asks for it again and again.
func (w *watch) rootLine(text string) {
	switch {
	case strings.HasPrefix(text, "cannot mount root, error = "), strings.HasPrefix(text, "exec "), strings.HasPrefix(text, "boot device: "):
		w.hint = text
	case text == "unknown device major 0xffffffffffffffff", text == "unknown device major 0xffffffff":
		if w.rootless++; w.rootless == 3 {
			w.end(machine.NoRoot, text)
		}
	}
}

// NetBSD's prompts: sys/ddb/db_input.c, kern_subr.c and init_main.c.
var (
	debuggerPrompt = regexp.MustCompile(`^db\{[0-9]+\}> $`)
	rootPrompt     = regexp.MustCompile(`^root device( \(default [^)]*\))?: $`)
	initPrompt     = regexp.MustCompile(`^init path( \(default [^)]*\))?: $`)
)

// prompt looks at a line that has not ended yet.
func (w *watch) prompt(line string) {
	text := stamp.ReplaceAllString(line, "")
	switch {
	case debuggerPrompt.MatchString(text), w.debug && text == "db> ":
		if w.suspect != "" {
			w.panicked(w.suspect)
			return
		}
		w.end(machine.InDebugger, "")
	case rootPrompt.MatchString(text):
		w.end(machine.NoRoot, w.hint)
	case initPrompt.MatchString(text):
		w.end(machine.NoInit, w.hint)
	}
}

package qemu

import (
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// netbsdLine knows sys/kern/subr_prf.c, kern_subr.c, init_main.c, and
// sys/arch/x86's and i386's machdep.c and trap.c.
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
	case w.found == machine.Panicked:
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

// confirms says whether a line is what a kernel prints after its panic, and
// nobody else.
func confirms(text string) bool {
	return hasAnyPrefix(text, "dumping to dev ", "rebooting...", "syncing disks: ") || stopped(text) ||
		strings.HasPrefix(text, "cpu") && strings.HasSuffix(text, ": Begin traceback...")
}

// stopped says whether a line is where the debugger says what it stopped:
// db_print_loc_and_inst's caller in sys/ddb/db_trap.c.
func stopped(text string) bool { return hasAnyPrefix(text, "Stopped in pid ", "Stopped at ") }

// netbsdFollows knows the lines without stamps of a kernel that goes down:
// all of NetBSD 8 and before, and what the debugger prints.
func netbsdFollows(text string) bool {
	return confirms(text) || strings.Contains(text, " at netbsd:") || strings.Contains(text, " at 0x") ||
		hasAnyPrefix(text, "panic: ", "fatal ", "trap type ", "curlwp ", "cpu0: ", "dump", "syncing disks",
			"boot device: ", "no file system for ", "cannot mount root, error = ", "unknown device major ", "use one of: ",
			"exec ", "init: trying ", "The operating system has halted.", "Please press any key to reboot.")
}

// rootLine remembers why there is no root, and knows the kernel that was told
// of a root device it can't find and asks for it again and again.
func (w *watch) rootLine(text string) {
	switch {
	case hasAnyPrefix(text, "cannot mount root, error = ", "exec ", "boot device: "):
		w.hint = text
	case text == "unknown device major 0xffffffffffffffff", text == "unknown device major 0xffffffff":
		if w.rootless++; w.rootless >= 3 {
			w.end(machine.NoRoot, text)
		}
	}
}

// prompt looks at a line that has not ended: NetBSD's prompts of
// sys/ddb/db_input.c, kern_subr.c and init_main.c. Each has its words before
// it, which say why the kernel asks.
func (w *watch) prompt(text string, stamped bool) (machine.Reason, string) {
	if !w.netbsd || !strings.HasSuffix(text, "> ") && !strings.HasSuffix(text, ": ") && text != "--db_more--" {
		return "", ""
	}
	switch {
	case w.debug && debuggerPrompt(text):
		return w.inDebugger()
	case w.hint == "" || w.stamps && !stamped:
	case question(text, "root device"):
		return machine.NoRoot, w.hint
	case question(text, "init path"):
		return machine.NoInit, w.hint
	}
	return "", ""
}

// inDebugger tells a debugger that was entered by a panic from others.
func (w *watch) inDebugger() (machine.Reason, string) {
	switch {
	case w.found != "":
		return w.found, w.detail
	case w.suspect != "":
		return machine.Panicked, strings.TrimSpace(w.suspect)
	}
	return machine.InDebugger, ""
}

// debuggerPrompt knows "db> ", "db{3}> " and what stands below a full screen.
func debuggerPrompt(text string) bool {
	if text == "db> " || text == "--db_more--" {
		return true
	}
	cpu, ok := strings.CutPrefix(text, "db{")
	cpu, end := strings.CutSuffix(cpu, "}> ")
	return ok && end && digits(cpu)
}

// question knows "what: " and "what (default x): ".
func question(text, what string) bool {
	rest, ok := strings.CutPrefix(text, what)
	if !ok || rest == ": " {
		return ok
	}
	inside, ok := strings.CutPrefix(rest, " (default ")
	inside, end := strings.CutSuffix(inside, "): ")
	return ok && end && !strings.Contains(inside, ")")
}

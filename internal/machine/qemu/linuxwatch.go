package qemu

import (
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

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
	case "reboot: Restarting system": // what a panic does isn't called that
		w.forget()
	}
}

// linuxFollows knows what a kernel without stamps prints after its panic:
// kernel/panic.c, lib/dump_stack.c, arch/x86/kernel/dumpstack.c.
func linuxFollows(text string) bool {
	return hasAnyPrefix(text, "Kernel panic - not syncing: ", "CPU: ", "Hardware name: ", "Call Trace:", " ",
		"RIP: ", "Code: ", "Kernel Offset: ", "Rebooting in ", "---[ end ")
}

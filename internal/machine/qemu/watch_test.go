package qemu

import (
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/machine"
)

var transcripts = []struct {
	name, os, text string
	reason         machine.Reason
	detail         string
}{
	{"running", machine.NetBSD, "[   1.0000030] com0: console\r\nready\r\n# ", "", ""},
	{"panic", machine.NetBSD, "[   5.2100000] panic: init died (signal 0, exit 1)\r\n", machine.Panicked, "init died (signal 0, exit 1)"},
	{"panic of old kernels", machine.NetBSD, "panic: ffs_valloc: dup alloc\r\ncpu0: Begin traceback...\r\n", machine.Panicked, "ffs_valloc: dup alloc"},
	{
		"panic with debugger", machine.NetBSD,
		"panic: oh\r\nfatal breakpoint trap in supervisor mode\r\ntrap type 1 code 0\r\nStopped in pid 0.1 (system) at  netbsd:breakpoint+0x5:  leave\r\ndb> ",
		machine.Panicked, "oh",
	},
	{
		"trap", machine.NetBSD,
		"[   1.4908877] fatal privileged instruction fault in supervisor mode\r\n[   1.4908877] trap type 0 code 0 rip 0xffffffff802763c4 cs 0x8\r\n[   1.4979722] panic: trap\r\n",
		machine.Panicked, "fatal privileged instruction fault in supervisor mode",
	},
	{
		"trap into the debugger", machine.NetBSD,
		"[ 3.1] fatal page fault in supervisor mode\r\n[ 3.1] trap type 6\r\nStopped in pid 0.1 (system) at netbsd:x\r\ndb{0}> ",
		machine.Panicked, "fatal page fault in supervisor mode",
	},
	{"debugger asked for", machine.NetBSD, "Stopped in pid 3.1 (sh) at netbsd:y\r\ndb{1}> ", machine.InDebugger, ""},
	{"a database's prompt", machine.NetBSD, "welcome\r\ndb> ", "", ""},
	{
		"Go's panic", machine.NetBSD,
		"panic: runtime error: index out of range [5] with length 3\r\n\r\ngoroutine 1 [running]:\r\nmain.main()\r\n\t/x.go:5 +0x1d\r\nexit status 2\r\n",
		"", "",
	},
	{
		"Go's panic and a later halt", machine.NetBSD,
		"panic: x\r\n\r\ngoroutine 1 [running]:\r\n[ 9.1] syncing disks... done\r\n[ 9.2] The operating system has halted.\r\n[ 9.2] Please press any key to reboot.\r\n\r\n",
		machine.Halted, "",
	},
	{"halt", machine.NetBSD, "\r\nThe operating system has halted.\r\nPlease press any key to reboot.\r\n\r\n", machine.Halted, ""},
	{"half a halt", machine.NetBSD, "The operating system has halted.\r\n", "", ""},
	{
		"no root", machine.NetBSD,
		"[ 1.05] boot device: ld0\r\n[ 1.06] no file system for ld0 (dev 0x1300)\r\n[ 1.06] cannot mount root, error = 79\r\n[ 1.07] root device (default ld0a): ",
		machine.NoRoot, "cannot mount root, error = 79",
	},
	{"no disk", machine.NetBSD, "boot device: <unknown>\r\nroot device: ", machine.NoRoot, "boot device: <unknown>"},
	{
		"no such root", machine.NetBSD,
		"[ 1.0] boot device: <unknown>\r\n" + strings.Repeat("[ 2.0] unknown device major 0xffffffffffffffff\r\n", 3),
		machine.NoRoot, "unknown device major 0xffffffffffffffff",
	},
	{"a root that comes late", machine.NetBSD, strings.Repeat("[ 2.0] unknown device major 0xffffffff\r\n", 2), "", ""},
	{"no init", machine.NetBSD, "[ 2.0] exec /sbin/init: error 2\r\n[ 2.0] init path (default /sbin/init): ", machine.NoInit, "exec /sbin/init: error 2"},
	{"escape sequences", machine.NetBSD, "\x1b[1;31m[ 1.5] \x1b]0;title\x07pan\x1b[0mic: red\r\r\n", machine.Panicked, "red"},
	{"a long line", machine.NetBSD, strings.Repeat("x", 1<<16) + "\r\n[ 1.5] panic: after\r\n", machine.Panicked, "after"},
	{"NetBSD's words under Linux", machine.Linux, "[ 1.5] panic: no\r\nroot device: ", "", ""},

	{"Linux panic", machine.Linux, "[    1.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n", machine.Panicked, "Attempted to kill init! exitcode=0x00000100"},
	{"Linux without root", machine.Linux, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n", machine.NoRoot, "VFS: Unable to mount root fs on unknown-block(0,0)"},
	{"Linux without init", machine.Linux, "[    2.0] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.\r\n", machine.NoInit, "No working init found.  Try passing init= option to kernel."},
	{"Linux halts", machine.Linux, "[   10.1] reboot: System halted\r\n", machine.Halted, ""},
	{"Linux powers off", machine.Linux, "[   10.1] reboot: Power down\r\n", machine.PoweredOff, ""},
	{"Linux's words in a log", machine.Linux, "app: saw Kernel panic - not syncing: in a book\r\n", "", ""},

	// Services that print what kernels print, and go on.
	{"a service's panic", machine.NetBSD, "[ 1.0] panic: x\r\nGET / 200\r\n", "", ""},
	{"a shell after a service's panic", machine.NetBSD, "[ 1.0] panic: x\r\n# ", "", ""},
	{"a bare panic and a reboot", machine.NetBSD, "[ 1.0] root on ld0a\r\npanic: x\r\n[ 9.0] rebooting...\r\n", "", ""},
	{"a service asks for a root device", machine.NetBSD, "[ 1.0] boot device: ld0\r\n[ 1.1] root on ld0a\r\nstarting\r\nroot device: ", "", ""},
	{"a question without a stamp", machine.NetBSD, "[ 1.0] boot device: ld0\r\nroot device: ", "", ""},
	{"a service asks for an init", machine.NetBSD, "exec me\r\ninstaller\r\ninit path: ", "", ""},
	{"a service's debugger", machine.NetBSD, "ready\r\ndb{0}> ", "", ""},
	{"a debugger that goes on", machine.NetBSD, "Stopped in pid 3.1 (sh) at netbsd:y\r\ndb{0}> c\r\nready\r\n", "", ""},
	{"a debugger's page", machine.NetBSD, "Stopped in pid 3.1 (sh) at netbsd:y\r\n--db_more--", machine.InDebugger, ""},
	{"a service halts", machine.NetBSD, "The operating system has halted.\r\nNot.\r\nPlease press any key to reboot.\r\n", "", ""},
	{"life after a halt", machine.NetBSD, "The operating system has halted.\r\nPlease press any key to reboot.\r\n[ 9.9] wm0: link up\r\n", "", ""},
	{
		"a panic's own lines", machine.NetBSD,
		"[ 5.2] panic: oh\r\n[ 5.2] cpu0: Begin traceback...\r\n[ 5.2] vpanic() at netbsd:vpanic+0x173\r\n[ 5.2] cpu0: End traceback...\r\n\r\n[ 5.3] dump device not configured\r\n[ 5.4] rebooting...",
		machine.Panicked, "oh",
	},
	{"a Linux service's panic", machine.Linux, "[ 1.0] Kernel panic - not syncing: x\r\nGET / 200\r\n", "", ""},
	{"a bare Linux panic", machine.Linux, "[ 1.0] virtio_net: up\r\nKernel panic - not syncing: x\r\n", "", ""},
	{"a Linux service's panic and a reboot", machine.Linux, "Kernel panic - not syncing: x\r\n[ 9.0] reboot: Restarting system\r\n", "", ""},
	{"life after a Linux halt", machine.Linux, "[ 9.0] reboot: System halted\r\n[ 9.1] usb 1-1: new device\r\n", "", ""},
	{
		"a Linux panic's own lines", machine.Linux,
		"[ 1.2] Kernel panic - not syncing: oh\r\n[ 1.2] CPU: 0 PID: 1 Comm: init Not tainted\r\n[ 1.2] Call Trace:\r\n[ 1.2]  <TASK>\r\n[ 1.2]  panic+0x1/0x2\r\n[ 1.3] ---[ end Kernel panic - not syncing: oh ]---\r\n",
		machine.Panicked, "oh",
	},
	{
		"a Linux panic without stamps", machine.Linux,
		"Kernel panic - not syncing: oh\r\nCPU: 0 PID: 1 Comm: init\r\nCall Trace:\r\n <TASK>\r\n---[ end Kernel panic - not syncing: oh ]---\r\n",
		machine.Panicked, "oh",
	},
	{"any system", "", "[ 1.5] panic: yes\r\n", machine.Panicked, "yes"},
}

// The answer is the same however the bytes come in.
func TestWatch(t *testing.T) {
	for _, tt := range transcripts {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 7, len(tt.text)} {
				w := newWatch(tt.os)
				for rest := tt.text; rest != ""; {
					n := min(size, len(rest))
					w.feed([]byte(rest[:n]))
					rest = rest[n:]
				}
				if reason, detail := w.verdict(); reason != tt.reason || detail != tt.detail {
					t.Errorf("%d bytes at once: %q, %q; want %q, %q", size, reason, detail, tt.reason, tt.detail)
				}
			}
		})
	}
}

func FuzzWatch(f *testing.F) {
	for _, tt := range transcripts {
		f.Add([]byte(tt.text), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		w := newWatch("")
		size = max(1, size%64)
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			w.feed(rest[:n])
			rest = rest[n:]
		}
		_, detail := w.verdict()
		if len(w.line) > longestLine || len(detail) > longestLine {
			t.Errorf("a line of %d bytes, a detail of %d", len(w.line), len(detail))
		}
		if strings.ContainsAny(detail, "\x1b\r\n\x00") {
			t.Errorf("detail %q has control characters", detail)
		}
	})
}

func TestConsoleLines(t *testing.T) {
	var c Console
	c.keep([]byte("one\r\n\r\n\x1b[2Jtwo\r\n\tthree  \r\nfou"))
	got := strings.Join(c.Lines(3), "|")
	if want := "two|\tthree|fou"; got != want {
		t.Errorf("lines %q; want %q", got, want)
	}
}

func TestConsoleKeepsTheEnd(t *testing.T) {
	var c Console
	for range 100 {
		c.keep([]byte(strings.Repeat("x", 4999) + "\n"))
	}
	c.keep([]byte("end"))
	got := c.Bytes()
	if len(got) < keptConsole || len(got) > 2*keptConsole || !strings.HasSuffix(string(got), "\nend") {
		t.Errorf("%d bytes are kept, ending in %q", len(got), got[max(0, len(got)-5):])
	}
	c.keep(make([]byte, 3*keptConsole))
	if got := len(c.Bytes()); got > 2*keptConsole {
		t.Errorf("%d bytes are kept of a large piece", got)
	}
}

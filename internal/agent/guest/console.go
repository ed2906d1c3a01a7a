//go:build linux || netbsd

package guest

import (
	"os"
	"strings"
	"syscall"
)

const consoleDevice = "/dev/console"

// openConsole makes the console the standard input, output and error. NetBSD
// starts PID 1 with none, and Go's runtime puts /dev/null in their place.
func openConsole() {
	fd, err := syscall.Open(consoleDevice, syscall.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return // there is no place to say it
	}
	for i := range 3 {
		if err := syscall.Dup2(fd, i); err != nil {
			return
		}
	}
	if fd > 2 {
		_ = syscall.Close(fd)
	}
}

// say writes text to the console, each line marked as ours. It opens the
// console anew: NetBSD revokes open ones when the service, whose controlling
// terminal it is, ends.
func say(text string) {
	out := os.Stderr
	if f, err := os.OpenFile(consoleDevice, os.O_WRONLY|syscall.O_NOCTTY, 0); err == nil {
		defer f.Close()
		out = f
	}
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		// Nothing can be done about a console that can't be written.
		_, _ = out.WriteString("fakecracker: " + strings.TrimRight(line, "\n") + "\n")
	}
}

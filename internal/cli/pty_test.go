//go:build linux

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a pseudo-terminal.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func isRaw(t *testing.T, f *os.File) bool {
	t.Helper()
	attr, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return attr.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == 0
}

// A terminal that another job has is left alone: changing it would stop us.
func TestRawTerminalLeavesOtherJobsAlone(t *testing.T) {
	_, slave := openPTY(t)
	tty, err := rawTerminal(slave)
	if err != nil || tty != nil || isRaw(t, slave) {
		t.Errorf("rawTerminal of another job's terminal = %v, %v; raw %v", tty, err, isRaw(t, slave))
	}
}

// TestTerminalHelper is not a test: it is what TestRawTerminalInForeground
// starts with a terminal of its own.
func TestTerminalHelper(t *testing.T) {
	if os.Getenv("FAKECRACKER_TERMINAL_HELPER") == "" {
		t.Skip("started by TestRawTerminalInForeground only")
	}
	before := isRaw(t, os.Stdin)
	tty, err := rawTerminal(os.Stdin)
	during := isRaw(t, os.Stdin)
	if err := tty.restore(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nfound=%v err=%v before=%v during=%v after=%v\n", tty != nil, err, before, during, isRaw(t, os.Stdin))
}

func TestRawTerminalInForeground(t *testing.T) {
	master, slave := openPTY(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestTerminalHelper$", "-test.v")
	cmd.Env = append(os.Environ(), "FAKECRACKER_TERMINAL_HELPER=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	output, _ := io.ReadAll(master) // ends with EIO when the helper has gone
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if want := "found=true err=<nil> before=false during=true after=false"; !strings.Contains(string(output), want) {
		t.Errorf("got:\n%s\nwant %s", output, want)
	}
}

// A guest that does not read must not keep its user from Ctrl-A x.
func TestKeysReachUsThoughTheGuestIsDeaf(t *testing.T) {
	deaf, end := io.Pipe()
	killed := make(chan struct{})
	ahead := newTypeahead(end)
	keys := &consoleKeys{guest: ahead, action: func(a keyAction) {
		if a == keyKill {
			close(killed)
		}
	}}
	master, slave := openPTY(t)
	attr, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	attr.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, attr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	copied := make(chan error, 1)
	go func() { copied <- copyInput(ctx, slave, keys) }()
	if _, err := master.WriteString(strings.Repeat("paste ", 200_000) + "\x01x"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-killed:
	case <-time.After(20 * time.Second):
		t.Error("Ctrl-A x was not heard")
	}
	cancel()
	if err := <-copied; err != nil {
		t.Error(err)
	}
	deaf.Close() // the guest ends
	ahead.close()
}

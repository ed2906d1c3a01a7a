//go:build unix

package qmp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/qmp"
)

// startQEMU runs a QEMU without a machine worth the name, and connects to it.
func startQEMU(t *testing.T) (*qmp.Client, *exec.Cmd) {
	t.Helper()
	program, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("qemu-system-x86_64 is not installed")
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	cmd := exec.Command(program, "-M", "none", "-nodefaults", "-display", "none",
		"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control")
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := qmp.New(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, cmd
}

func TestQEMU(t *testing.T) {
	c, cmd := startQEMU(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if c.Version().Major < 5 {
		t.Errorf("version %s", c.Version())
	}
	var status struct{ Status string }
	if err := c.Execute(ctx, "query-status", nil, &status); err != nil || status.Status == "" {
		t.Errorf("query-status = %+v, %v", status, err)
	}
	var schema []any // the longest reply there is
	if err := c.Execute(ctx, "query-qmp-schema", nil, &schema); err != nil || len(schema) < 100 {
		t.Errorf("query-qmp-schema has %d entries, %v", len(schema), err)
	}
	var refusal *qmp.Error
	if err := c.Execute(ctx, "make-coffee", nil, nil); !errors.As(err, &refusal) || refusal.Class != "CommandNotFound" {
		t.Errorf("make-coffee: %v; want CommandNotFound", err)
	}
	sub := c.Subscribe()
	if err := c.Execute(ctx, "quit", nil, nil); err != nil {
		t.Errorf("quit: %v", err)
	}
	var last qmp.Event
	for e := range sub.Events() {
		last = e
	}
	if last.Name != "SHUTDOWN" || last.Time.IsZero() {
		t.Errorf("last event %+v; want SHUTDOWN with its time", last)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("QEMU: %v", err)
	}
	if err := c.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("Err = %v; want EOF", err)
	}
}

// A file travels beside its command: QEMU can use it under its new name.
func TestQEMUGetfd(t *testing.T) {
	c, _ := startQEMU(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	f, err := os.CreateTemp(t.TempDir(), "sent")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := map[string]string{"fdname": "sent"}
	if err := c.Execute(ctx, "closefd", name, nil); err == nil {
		t.Error("QEMU has the file before it was sent")
	}
	if err := c.ExecuteFD(ctx, "getfd", name, f, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Execute(ctx, "closefd", name, nil); err != nil {
		t.Errorf("QEMU doesn't have the file: %v", err)
	}
}

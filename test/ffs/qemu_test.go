package ffs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// A guest is a system that does jobs.
type guest struct {
	qemu string
	args []string // machine, kernel, and what it starts from
}

// writeOrders writes the guest's orders into dir, and returns their path.
func writeOrders(t *testing.T, dir string, o trial.Orders) string {
	t.Helper()
	b, err := trial.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "orders")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// outputBytes is the size of the disk that the reports come back on.
const outputBytes = 256 << 20

// boot runs the guest with those disks, and returns its reports.
func (g guest) boot(t *testing.T, disks []string, limit time.Duration) []trial.Report {
	t.Helper()
	out := filepath.Join(t.TempDir(), "reports")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(outputBytes); err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-m", "384", "-serial", "stdio",
	}, g.args...)
	for i, disk := range append(disks, out) {
		args = append(args,
			"-drive", fmt.Sprintf("if=none,id=disk%d,format=raw,cache=unsafe,discard=ignore,file=%s", i, disk),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	start := time.Now()
	console := run(t, limit, g.qemu, args...)
	t.Logf("the guest took %.1f s", time.Since(start).Seconds())
	var reports []trial.Report
	if err := trial.Decode(f, &reports); err != nil {
		t.Fatalf("the guest's report: %v; the console's end:\n%s", err, tail(console))
	}
	return reports
}

// run runs QEMU until it ends, for so long at most, and returns its console.
func run(t *testing.T, limit time.Duration, qemu string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var console bytes.Buffer
	c := exec.CommandContext(ctx, qemu, args...)
	c.Stdout, c.Stderr = &console, &console
	defer dieTogether(c)()
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v (%v); the console's end:\n%s", qemu, err, context.Cause(ctx), tail(console.Bytes()))
	}
	return console.Bytes()
}

// tail is the last part of a console.
func tail(console []byte) []byte { return console[max(len(console)-3000, 0):] }

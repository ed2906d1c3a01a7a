package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxBuildMemory is what a build of a tree of 1 GiB may hold at once, in
// bytes, whatever comes out of it.
const maxBuildMemory = 200 << 20

// TestBuildMemory builds a large tree with the product as it is: the race
// detector, which these tests may run under, has its own memory.
func TestBuildMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc to read a process's memory from")
	}
	probes := os.Getenv("FAKECRACKER_TEST_PROBES")
	if probes == "" {
		t.Skip("FAKECRACKER_TEST_PROBES, which scripts/test sets, has the program")
	}
	dir := t.TempDir()
	for _, tt := range []struct{ guest, program, out string }{
		{"linux/amd64", "linux-amd64", "type=image"},
		{"netbsd/i386", "netbsd-386", "type=disk,dest=" + filepath.Join(dir, "root.img")},
	} {
		t.Run(tt.guest, func(t *testing.T) {
			dir := t.TempDir()
			writeLargeShip(t, dir, filepath.Join(probes, tt.program))
			c := exec.Command(filepath.Join(probes, "fakecracker"), "build", "--guest", tt.guest, "-o", tt.out, dir)
			c.Env = append(os.Environ(), "FAKECRACKER_HOME="+filepath.Join(dir, "home"))
			used := peakMemory(t, c)
			t.Logf("%d MiB", used>>20)
			if used > maxBuildMemory {
				t.Errorf("%d bytes of memory; want at most %d", used, maxBuildMemory)
			}
		})
	}
}

// peakMemory runs c and returns the most memory that it had, in bytes, up to
// a moment before its end. That of getrusage(2) is the test's own, where that
// is larger: it is passed on by vfork.
func peakMemory(t *testing.T, c *exec.Cmd) int {
	t.Helper()
	var text strings.Builder
	c.Stdout, c.Stderr = &text, &text
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	peak := 0
	for {
		select {
		case err := <-ended:
			if err != nil || peak == 0 {
				t.Fatalf("%v, %d bytes: %s", err, peak, text.String())
			}
			return peak
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, highWater(c.Process.Pid))
		}
	}
}

var highWaterLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// highWater is the most memory that a process had so far, 0 where it has ended
// or has not begun.
func highWater(pid int) int {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil || filepath.Base(exe) != "fakecracker" {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := highWaterLine.FindSubmatch(status)
	if m == nil {
		return 0
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return kb << 10
}

// writeLargeShip makes a ship of 1 GiB in four files, which are holes but for
// their first bytes, and of 10,000 small ones.
func writeLargeShip(t *testing.T, dir, program string) {
	t.Helper()
	over := filepath.Join(dir, "ships", "large")
	for i := range 100 {
		sub := filepath.Join(over, "small", fmt.Sprint(i))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 100 {
			writeFile(t, filepath.Join(sub, fmt.Sprint(j)), strings.Repeat(sub, j))
		}
	}
	for i := range 4 {
		name := filepath.Join(over, fmt.Sprintf("large%d", i))
		writeFile(t, name, name)
		if err := os.Truncate(name, 256<<20); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "ship.conf"), "shipname=large\nprogram="+program+":/bin/probe\ncmd=/bin/probe\n")
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

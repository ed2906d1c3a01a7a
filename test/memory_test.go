package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// maxBuildMemory is what a build of a tree of 1 GiB may hold at once, in
// bytes, whatever comes out of it.
const maxBuildMemory = 200 << 20

// TestBuildMemory builds a large tree with the product as it is: the race
// detector, which these tests may run under, has its own memory.
func TestBuildMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("getrusage counts in kilobytes on Linux only")
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
			if text, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
			if !ok {
				t.Fatal("no usage of memory is known")
			}
			used := usage.Maxrss << 10
			t.Logf("%d MiB", used>>20)
			if used > maxBuildMemory {
				t.Errorf("%d bytes of memory; want at most %d", used, maxBuildMemory)
			}
		})
	}
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

//go:build linux

package ffs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk names a folder with little room, in the process that TestGrowFull
// starts.
const smallDisk = "FFS_TEST_SMALL_DISK"

// TestGrowFull enlarges an image on a disk that gets full. It runs itself in a
// user namespace, where it may mount such a disk.
func TestGrowFull(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		testGrowFull(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGrowFull$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Skipf("no user namespaces here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "SKIP") {
		t.Skip(string(out))
	}
}

func testGrowFull(t *testing.T, dir string) {
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mount a tmpfs: %v", err)
	}
	f, err := os.Create(filepath.Join(dir, "img"))
	check(t, err)
	defer f.Close()
	l, err := Plan(nil, Options{Version: 1, BlockSize: 4096, MaxBlocksPerGroup: 400, Size: 16 << 20})
	check(t, err)
	check(t, l.Write(context.Background(), f, 0))
	before, err := os.ReadFile(f.Name())
	check(t, err)

	if err := Grow(context.Background(), f, 0, 1<<30); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Grow: %v, want %v", err, syscall.ENOSPC)
	}
	after, err := os.ReadFile(f.Name())
	check(t, err)
	if !bytes.Equal(before, after) {
		t.Error("it changed the file")
	}
	check(t, Grow(context.Background(), f, 0, 32<<20))
}

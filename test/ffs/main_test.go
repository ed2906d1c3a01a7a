// Package ffs_test has other systems' kernels read what package ffs wrote, and
// package ffs what they wrote: NetBSD's own FFS, and Linux's driver for it,
// under QEMU.
//
// $FAKECRACKER_TEST_KERNELS is where the NetBSD kernels are;
// $FAKECRACKER_TEST_FFS_LINUX a folder for Debian's Linux kernel, which is got
// where it is missing; $FAKECRACKER_TEST_PROBES where the guests' program was
// built beforehand. With $FAKECRACKER_TEST_SOAK set, all shapes of file systems
// are tried instead of a choice.
package ffs_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// soaking reports whether the long tests are asked for.
func soaking() bool { return os.Getenv("FAKECRACKER_TEST_SOAK") != "" }

// cache is a folder below the user's own for caches.
func cache(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "fakecracker", name)
}

// netbsdKernel is the path of a test kernel.
func netbsdKernel(t *testing.T, arch string) string {
	t.Helper()
	dir := os.Getenv("FAKECRACKER_TEST_KERNELS")
	path := filepath.Join(cmp.Or(dir, cache(t, "test-kernels")), "netbsd-"+arch)
	if _, err := os.Stat(path); err != nil {
		count.skip("netbsd-"+arch, "no test kernel")
		t.Skipf("no test kernel: %v", err)
	}
	return path
}

// program returns the path of the guests' program, which it builds unless
// scripts/test did.
func program(t *testing.T, goos, goarch string) string {
	t.Helper()
	if dir := os.Getenv("FAKECRACKER_TEST_PROBES"); dir != "" {
		p := filepath.Join(dir, "ffs-"+goos+"-"+goarch)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	out := filepath.Join(t.TempDir(), "guest")
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./guest")
	c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	if b, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the guests' program: %v\n%s", err, b)
	}
	return out
}

// need skips the test where a program is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		count.skip(program, "not installed")
		t.Skipf("%s is not installed", program)
	}
}

package disk

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// inside runs the calling test again in namespaces of its own, as a root who
// may mount there but nowhere else, after the shell commands of setup. It
// returns the scratch folder when it is that second run, "" in the first.
func inside(t *testing.T, setup string) string {
	t.Helper()
	if dir := os.Getenv("INSIDE"); dir != "" {
		return dir
	}
	script := setup + ` && exec "$0" -test.v -test.run "$1"`
	cmd := exec.Command("unshare", "-Urm", "sh", "-c", script, os.Args[0], "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), "INSIDE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "=== RUN") {
		t.Skipf("no namespaces to mount in: %v: %s", err, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return ""
}

// A small file system in memory stands for a disk that fills up: at once, or
// while the contents are copied.
func TestDiskFull(t *testing.T) {
	for _, size := range []string{"64k", "2m"} {
		t.Run(size, func(t *testing.T) {
			guests(t, func(t *testing.T, guest string) {
				dir := inside(t, `mount -t tmpfs -o size=`+size+` none "$INSIDE"`)
				if dir == "" {
					return
				}
				_, err := Derive(t.Context(), testImage(t, guest), Options{Dir: dir})
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room in") {
					t.Errorf("error %v; want ENOSPC with the remedy", err)
				}
				if left := names(t, dir); len(left) != 0 {
					t.Errorf("left behind: %q", left)
				}
			})
		})
	}
}

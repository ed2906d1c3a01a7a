package qemu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// testKernel returns a NetBSD kernel for tests, or skips the test.
func testKernel(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("FAKECRACKER_TEST_KERNELS")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache", "fakecracker", "test-kernels")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test kernel %s", path)
	}
	return path
}

// netbsdMachine returns a machine with a NetBSD kernel, an empty root drive as
// a layer, a read-only second drive and a network interface.
func netbsdMachine(t *testing.T, arch, typ string) (machine.Machine, Options) {
	t.Helper()
	m := machine.Machine{
		Name: "netbsd", OS: machine.NetBSD, Arch: arch, Type: typ,
		Memory: 128 << 20, CPUs: 1, Accel: "tcg",
		Kernel: testKernel(t, "netbsd-"+arch), RNG: true,
		Drives: []machine.Drive{
			{ID: "root", Format: "qcow2", Path: filepath.Join(t.TempDir(), "layer"), Backing: emptyDisk(t, 3<<20), Volatile: true},
			{ID: "config", Format: "raw", Path: emptyDisk(t, 1<<20), ReadOnly: true},
		},
		NICs: []machine.NIC{{ID: "net0", MAC: "52:54:00:12:34:56"}},
	}
	out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-b", m.Drives[0].Backing, "-F", "raw", m.Drives[0].Path).CombinedOutput()
	if err != nil {
		t.Skipf("make a layer: %v: %s", err, out)
	}
	words := append([]string{"root=ld0a"}, MMIOWords(m)...)
	m.Append = strings.Join(words, " ")
	ours, theirs, err := socketpair("net0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return m, Options{NICs: map[string]*os.File{"net0": theirs}}
}

func emptyDisk(t *testing.T, size int64) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// A real kernel finds all devices in the order in which they were given, and
// that it has no root file system is seen.
func TestNetBSD(t *testing.T) {
	for _, g := range []struct{ arch, typ string }{
		{"i386", machine.TypePC},
		{"amd64", machine.TypePC},
		{"amd64", machine.TypeMicroVM},
	} {
		t.Run(g.arch+"-"+g.typ, func(t *testing.T) {
			m, opts := netbsdMachine(t, g.arch, g.typ)
			vm := start(t, m, opts)
			end := wait(t, vm)
			text := string(vm.Console().Bytes())
			t.Logf("%s\nfirst byte %v after exec\n%s", end, vm.Times().FirstConsole.Sub(vm.Times().Exec), text)
			if end.Reason != machine.NoRoot && end.Reason != machine.Panicked {
				t.Errorf("ended: %s; want no root device", end)
			}
			for _, want := range []string{"ld0: 3072 KB", "ld1: 1024 KB", "52:54:00:12:34:56"} {
				if !strings.Contains(text, want) {
					t.Errorf("the console doesn't say %q", want)
				}
			}
		})
	}
}

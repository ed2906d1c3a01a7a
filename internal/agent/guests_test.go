package agent_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/initramfs"
	"github.com/fakecracker/fakecracker/internal/kernel"
)

// A guest is a system and a machine that the agent is tried in.
type guest struct {
	name    string
	target  agent.Target
	qemu    string
	machine string // -M
	cmdline string
	kernel  string // file in the folder of test kernels
}

// mmioDisks is where QEMU puts the three virtio devices of its microvm.
const mmioDisks = "virtio_mmio.device=512@0xfeb02e00:47 virtio_mmio.device=512@0xfeb02c00:46 virtio_mmio.device=512@0xfeb02a00:45"

// guests are those that boot reliably. Linux on a microvm is not among them:
// without the legacy timer it hangs where a busy host spoils the calibration
// of its clock, which pc's ACPI timer replaces.
func guests() []guest {
	const linux = "console=ttyS0 quiet reboot=t panic=-1"
	netbsd386 := agent.Target{OS: "netbsd", Arch: "386"}
	netbsdAMD64 := agent.Target{OS: "netbsd", Arch: "amd64"}
	linuxAMD64 := agent.Target{OS: "linux", Arch: "amd64"}
	return []guest{
		{"netbsd-i386", netbsd386, "qemu-system-i386", "pc", "root=ld0a", "netbsd-i386"},
		{"netbsd-amd64", netbsdAMD64, "qemu-system-x86_64", "pc", "root=ld0a", "netbsd-amd64"},
		{"netbsd-amd64-microvm", netbsdAMD64, "qemu-system-x86_64", "microvm", "root=ld0a " + mmioDisks, "netbsd-amd64"},
		{"linux", linuxAMD64, "qemu-system-x86_64", "pc", linux, ""},
	}
}

// oneFor returns the first guest of each kind that key tells, for what is the
// same in all of a kind.
func oneFor[K comparable](key func(guest) K) []guest {
	had := map[K]bool{}
	return slices.DeleteFunc(guests(), func(g guest) bool {
		k := key(g)
		again := had[k]
		had[k] = true
		return again
	})
}

func (g guest) system() string          { return g.target.OS }
func (g guest) forTarget() agent.Target { return g.target }

// hasProc reports whether the kernel has a process file system.
func (g guest) hasProc(t *testing.T) bool {
	t.Helper()
	info, err := kernel.Inspect(g.kernelPath(t))
	if err != nil {
		t.Fatal(err)
	}
	return info.OS == "linux" || slices.Contains(info.Filesystems, "procfs")
}

// need skips the test where the kernel or a program is not at hand.
func (g guest) need(t *testing.T) {
	t.Helper()
	programs := []string{g.qemu, "mke2fs"}
	if g.target.OS == "netbsd" {
		programs[1] = "makefs"
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
	if _, err := os.Stat(g.kernelPath(t)); err != nil {
		t.Skipf("no kernel: %v", err)
	}
}

// kernelPath is in $FAKECRACKER_TEST_KERNELS, or for Linux in
// $FAKECRACKER_TEST_LINUX, a folder with vmlinux and, anywhere below it, the
// modules.
func (g guest) kernelPath(t *testing.T) string {
	t.Helper()
	if g.target.OS == "linux" {
		dir := os.Getenv("FAKECRACKER_TEST_LINUX")
		if dir == "" {
			t.Skip("FAKECRACKER_TEST_LINUX names no folder with vmlinux and modules")
		}
		return filepath.Join(dir, "vmlinux")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := cmp.Or(os.Getenv("FAKECRACKER_TEST_KERNELS"), filepath.Join(home, ".cache/fakecracker/test-kernels"))
	return filepath.Join(dir, g.kernel)
}

// device names a virtio device for the machine.
func (g guest) device(kind string) string {
	if g.machine == "microvm" {
		return "virtio-" + kind + "-device"
	}
	return "virtio-" + kind + "-pci"
}

// arguments makes the root disk, dir/root, and returns what QEMU needs to
// boot it.
func (g guest) arguments(t *testing.T, dir string, program []byte) []string {
	t.Helper()
	tree := filepath.Join(dir, "tree")
	g.fill(t, tree)
	args := []string{"-M", g.machine, "-kernel", g.kernelPath(t), "-append", g.cmdline}
	if g.target.OS == "linux" {
		run(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, filepath.Join(dir, "root"), "32m")
		return append(args, "-initrd", g.initramfs(t, dir, program))
	}
	if err := os.WriteFile(filepath.Join(tree, "sbin/init"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	minor := 11 // 8 × unit + partition: i386 keeps the numbers of its first eight
	if g.target.Arch == "amd64" {
		minor = 19 // 16 × unit + partition (machine/disklabel.h)
	}
	spec := filepath.Join(dir, "spec")
	if err := os.WriteFile(spec, []byte(fmt.Sprintf(netbsdDevices, minor)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "makefs", "-t", "ffs", "-s", "32m", "-o", "version=2", "-F", spec, filepath.Join(dir, "root"), tree)
	return args
}

// fill makes the files of the root.
func (g guest) fill(t *testing.T, tree string) {
	t.Helper()
	for _, d := range []string{"bin", "sbin", "dev", "etc", "srv", "proc", "sys", "run", "kern", "dev/pts", "var/shm"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const passwd = "root:*:0:0:Charlie &:/root:/bin/sh\nsailor:*:1000:100::/home/sailor:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(tree, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "bin/service"), serviceFor(t, g.target), 0o755); err != nil {
		t.Fatal(err)
	}
}

// netbsdDevices is an mtree(5) specification of the nodes that the kernel and
// Go's runtime need.
const netbsdDevices = `/set type=dir uid=0 gid=0 mode=0755
. type=dir
./bin type=dir
./bin/service type=file mode=0755
./dev type=dir
./dev/console type=char device=netbsd,0,0 mode=0600
./dev/null type=char device=netbsd,2,2 mode=0666
./dev/random type=char device=netbsd,46,0 mode=0444
./dev/urandom type=char device=netbsd,46,1 mode=0644
./dev/ld0a type=block device=netbsd,19,0 mode=0640
./dev/rld0d type=char device=netbsd,69,3 mode=0640
./dev/rld1d type=char device=netbsd,69,%d mode=0640
./etc type=dir
./etc/passwd type=file mode=0644
./sbin type=dir
./sbin/init type=file mode=0755
./srv type=dir
`

var linuxModules = []string{
	"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_mmio",
	"virtio_blk", "failover", "net_failover", "virtio_net",
}

func (g guest) initramfs(t *testing.T, dir string, program []byte) string {
	t.Helper()
	var modules []string
	for _, m := range linuxModules {
		modules = append(modules, findModule(t, filepath.Dir(g.kernelPath(t)), m))
	}
	name := filepath.Join(dir, "initramfs")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := initramfs.Linux(f, program, modules); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func findModule(t *testing.T, dir, name string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.TrimSuffix(d.Name(), ".ko") == name && d.Type().IsRegular() {
			found = p
			return fs.SkipAll
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatal(fmt.Errorf("module %s: %w", name, cmp.Or(err, fs.ErrNotExist)))
	}
	return found
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// checkRoot looks whether the guest has left its root as a clean end does.
func (g guest) checkRoot(t *testing.T, disk string) {
	t.Helper()
	if g.target.OS == "linux" {
		run(t, "e2fsck", "-f", "-n", disk)
		return
	}
	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// struct fs, ufs/ffs/fs.h: it is at one of two places.
	const fsClean, fsMagic, ufs2 = 209, 1372, 0x19540119
	block := make([]byte, fsMagic+4)
	for _, place := range []int64{8192, 65536} {
		if _, err := f.ReadAt(block, place); err != nil {
			t.Fatal(err)
		}
		if binary.LittleEndian.Uint32(block[fsMagic:]) != ufs2 {
			continue
		}
		if block[fsClean] != 1 {
			t.Errorf("fs_clean is %d: the root was not unmounted", block[fsClean])
		}
		return
	}
	t.Error("the root has no superblock any more")
}

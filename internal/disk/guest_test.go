package disk

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// bootTime is what a guest may take under software emulation on a busy host.
const bootTime = 3 * time.Minute

// guestLayouts are what NetBSD boots from: all schemes and versions.
var guestLayouts = []Layout{
	{},
	{Version: 1},
	{Scheme: partition.Disklabel},
	{Scheme: partition.Disklabel, Label: "web", Version: 1, BlockSize: 8192},
	{Scheme: partition.GPT},
	{Scheme: partition.GPT, Label: "web", Version: 1},
}

// NetBSD finds its root in each layout, reads all of it, and writes it full;
// our reader then finds what it wrote.
func TestNetBSDBoots(t *testing.T) {
	for arch, qemu := range map[string]string{"i386": "qemu-system-i386", "amd64": "qemu-system-x86_64"} {
		t.Run(arch, func(t *testing.T) {
			if testing.Short() {
				t.Skip("boots guests")
			}
			if _, err := exec.LookPath(qemu); err != nil {
				t.Skipf("no %s here", qemu)
			}
			kernel := testKernel(t, "netbsd-"+arch)
			program := initFor(t, arch)
			for _, l := range guestLayouts {
				t.Run(fmt.Sprintf("%s v%d %d", cmp.Or(l.Scheme, partition.Bare), cmp.Or(l.Version, 2), cmp.Or(l.BlockSize, 16384)), func(t *testing.T) {
					bootFrom(t, qemu, kernel, guestImage(t, arch, program), l)
				})
			}
		})
	}
}

func testKernel(t *testing.T, name string) string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	kernel := filepath.Join(cmp.Or(os.Getenv("FAKECRACKER_TEST_KERNELS"), filepath.Join(home, ".cache/fakecracker/test-kernels")), name)
	if _, err := os.Stat(kernel); err != nil {
		t.Skipf("no kernel: %v", err)
	}
	return kernel
}

// initFor builds testdata/init.
func initFor(t *testing.T, arch string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/init")
	build.Env = append(os.Environ(), "GOOS=netbsd", "CGO_ENABLED=0", "GOARCH="+map[string]string{"i386": "386", "amd64": "amd64"}[arch])
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// guestImage is testImage with program 1 and what it is told.
func guestImage(t *testing.T, arch string, program []byte) image.Image {
	t.Helper()
	img := testImage(t, "netbsd")
	img.Guest.Arch = arch
	put(t, &img,
		data(t, "/bin/init", 0o755, program), // /sbin leads to /bin
		data(t, "/removed/large", 0o644, random(2<<20)),
		data(t, "/removed/small", 0o644, []byte("small")),
	)
	var sums strings.Builder
	for _, e := range img.Tree.All() {
		if e.Type == tree.File {
			fmt.Fprintln(&sums, e.Digest, e.Path)
		}
	}
	put(t, &img, data(t, "/etc/sums", 0o644, []byte(sums.String())))
	return img
}

// bootFrom boots a copy of the image's disk, and looks at what the guest did.
func bootFrom(t *testing.T, qemu, kernel string, img image.Image, l Layout) {
	t.Helper()
	d := derived(t, img, Options{Dir: t.TempDir(), Layout: l, Free: Free{Bytes: 8 << 20}})
	raw := scratch(t, d.Path)
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu, "-M", "pc", "-accel", "tcg", "-m", "128",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", kernel, "-append", "root="+d.Root,
		"-drive", "if=none,id=root,format=raw,file="+raw, "-device", "virtio-blk-pci,drive=root")
	console, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", cmp.Or(ctx.Err(), err), console)
	}
	for _, step := range []string{"read", "mount", "write", "fill"} {
		if !bytes.Contains(console, []byte("init: "+step+" is done")) {
			t.Fatalf("the guest did not come through %s:\n%s", step, console)
		}
	}
	d.Path = raw
	checkWritten(t, d, img)
}

// scratch copies a disk, for a guest to write to.
func scratch(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "disk.raw")
	if out, err := exec.Command("cp", "--sparse=always", path, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(to, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// checkWritten compares a disk that the guest has left with what it was asked
// to leave.
func checkWritten(t *testing.T, d Disk, img image.Image) {
	t.Helper()
	checkClean(t, d)
	fsys, _ := openFFS(t, d)
	if sb := fsys.Superblock(); sb.Clean != 1 {
		t.Errorf("fs_clean is %d: the guest did not unmount", sb.Clean)
	}
	for p, want := range map[string][]byte{
		"written/small":       []byte("by the guest\n"),
		"written/below/large": bytes.Repeat([]byte("0123456789abcdef"), 3<<16),
	} {
		f, err := fsys.Open(p)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := io.ReadAll(f)
		_ = f.Close() // only read from
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, error %v; want %d others", p, len(got), err, len(want))
		}
	}
	has := holds(t, fsys)
	for p, want := range wanted(t, img) {
		got, ok := has[p]
		if removed := strings.HasPrefix(p, "/removed"); removed == ok {
			t.Errorf("%s is there: %v", p, ok)
		}
		if ok && got.Digest != want.Digest {
			t.Errorf("%s changed from %+v to %+v", p, want, got)
		}
	}
}

package kernel

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func inspectBytes(t *testing.T, b []byte) Info {
	t.Helper()
	i, err := InspectReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInspectNetBSD(t *testing.T) {
	i386, amd64 := netbsdI386().build(), netbsdAMD64().build()
	tests := []struct {
		name string
		file []byte
		want Info
	}{
		{"i386 multiboot by symbols", i386, Info{
			Format: "elf32", OS: "netbsd", Arch: "i386", Version: "10.99.12", Config: "FIRECRACKER",
			Boot: []string{BootMultiboot}, DriversFrom: "symbols",
			Drivers:     []string{ComISA, VirtioDisk, MPBIOS, VirtioNIC, VirtioRNG, VirtioPCI},
			Filesystems: []string{"ffs", "tmpfs"}, Consoles: []string{"com"}, Machines: []string{"pc"},
		}},
		{"amd64 pvh with mmio and acpi", amd64, Info{
			Format: "elf64", OS: "netbsd", Arch: "amd64", Version: "11.0_BETA", Config: "MICROVM",
			Boot: []string{BootPVH}, DriversFrom: "symbols", ACPI: true,
			Drivers:     []string{ACPI, ComISA, VirtioDisk, MPBIOS, VirtioNIC, VirtioRNG, VirtioPCI, VirtioMMIO},
			Filesystems: []string{"ffs", "tmpfs"}, Consoles: []string{"com"}, Machines: []string{"pc", "microvm"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Size = int64(len(tt.file))
			if diff := cmp.Diff(tt.want, inspectBytes(t, tt.file)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			if _, err := w.Write(tt.file); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			tt.want.Compression, tt.want.Size = "gzip", int64(z.Len())
			if diff := cmp.Diff(tt.want, inspectBytes(t, z.Bytes())); diff != "" {
				t.Errorf("gzipped: -want +got\n%s", diff)
			}
		})
	}
}

// config embeds lines as config(1) does.
func embed(lines ...string) string {
	s := "\x00" + configMark + "### START CONFIG FILE \"GENERIC\"\n"
	for _, l := range lines {
		s += configMark + l + "\n"
	}
	return s + "\x00rest"
}

func TestInspectEmbeddedConfig(t *testing.T) {
	k := netbsdI386()
	k.symbols = nil
	k.data += embed(
		`options \011MPBIOS # with \011 a comment`,
		`options CONSDEVNAME="\\"com\\""`,
		`file-system FFS, KERNFS`,
		`#file-system NFS`,
		`no viomb* at virtio?`,
		`ld*\011at virtio?`,
		`com0\011at isa? port 0x3f8 irq 4`,
		`no file-system KERNFS`,
		`###> virtio* at pci? dev ? function ?`,
		`###> viomb* at virtio?`,
		`###> vioif* at virtio?`,
		`wsdisplay* at vga? console ?`,
	)
	i := inspectBytes(t, k.build())
	want := Info{
		Format: "elf32", OS: "netbsd", Arch: "i386", Version: "10.99.12", Config: "FIRECRACKER", Size: i.Size,
		Boot: []string{BootMultiboot}, DriversFrom: "config",
		Drivers:     []string{ComISA, VirtioDisk, MPBIOS, VirtioNIC, VirtioPCI},
		Filesystems: []string{"ffs"}, Consoles: []string{"com", "pc"}, Console: "com", Machines: []string{"pc"},
	}
	if diff := cmp.Diff(want, i); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestInspectDefaultConsole(t *testing.T) {
	k := netbsdI386()
	k.data = strings.Repeat("\x00", 8) + "viocon" + strings.Repeat("\x00", 10) + k.data
	k.symbols = append(k.symbols, "default_consinfo", "viocon_earlyinit")
	i := inspectBytes(t, k.build())
	if i.Console != "viocon" {
		t.Errorf("Console = %q, want viocon", i.Console)
	}
	if diff := cmp.Diff([]string{"com", "viocon"}, i.Consoles); diff != "" {
		t.Errorf("Consoles: -want +got\n%s", diff)
	}
}

func TestCanBoot(t *testing.T) {
	without := func(k testELF, names ...string) testELF {
		var kept []string
		for _, s := range k.symbols {
			if !strings.Contains(strings.Join(names, " "), s) {
				kept = append(kept, s)
			}
		}
		k.symbols = kept
		return k
	}
	change := func(k testELF, f func(*testELF)) testELF { f(&k); return k }
	tests := []struct {
		name    string
		kernel  testELF
		machine string
		want    string
	}{
		{"i386 on pc", netbsdI386(), "pc", ""},
		{"amd64 on pc", netbsdAMD64(), "pc", ""},
		{"amd64 on microvm", netbsdAMD64(), "microvm", ""},
		{"stripped", change(netbsdAMD64(), func(k *testELF) { k.symbols = nil }), "microvm", ""},
		{
			"no multiboot", change(netbsdI386(), func(k *testELF) { k.header = nil; k.data = "\x00NetBSD 10.1 (GENERIC)\x00" }), "pc",
			`NetBSD/i386 10.1 without MULTIBOOT: QEMU can't start it directly (add "options MULTIBOOT", or: fakecracker kernel fetch netbsd-10.1-i386)`,
		},
		{
			"bad multiboot checksum", change(netbsdI386(), func(k *testELF) { k.header = []uint32{multibootMagic, 2, 7} }), "pc",
			`NetBSD/i386 10.99.12 without MULTIBOOT: QEMU can't start it directly (add "options MULTIBOOT", or: fakecracker kernel fetch netbsd-10.1-i386)`,
		},
		{
			"xen only by symbol", change(without(netbsdAMD64(), "start_pvh"), func(k *testELF) { k.symbols = append(k.symbols, "start_xenpvh") }), "pc",
			"NetBSD/amd64 11.0_BETA without PVH for QEMU: its PVH entry is for Xen only (NetBSD 11 and later have it: fakecracker kernel fetch netbsd-11.0-amd64)",
		},
		{
			"xen only by version", change(netbsdAMD64(), func(k *testELF) { k.symbols = nil; k.data = "\x00NetBSD 10.1 (GENERIC)\x00" }), "pc",
			"NetBSD/amd64 10.1 without PVH for QEMU: its PVH entry is for Xen only (NetBSD 11 and later have it: fakecracker kernel fetch netbsd-11.0-amd64)",
		},
		{
			"no disk driver", without(netbsdI386(), "ld_virtio_ca"), "pc",
			`NetBSD/i386 10.99.12: no virtio disk driver: "ld at virtio" is not in it (add "ld* at virtio?" to its configuration)`,
		},
		{
			"no mmio", netbsdI386(), "microvm",
			`NetBSD/i386 10.99.12: no virtio over MMIO: neither "virtio at pv" nor "virtio at acpi" is in it (it boots on pc)`,
		},
		{
			"no pci", without(netbsdAMD64(), "virtio_pci_ca"), "pc",
			`NetBSD/amd64 11.0_BETA: no virtio over PCI: "virtio at pci" is not in it (it boots on microvm)`,
		},
		{
			"another system",
			testELF{machine: elf.EM_386, header: multibootWords, data: "hello"},
			"pc",
			"unknown system/i386: neither NetBSD nor Linux by its version string (only these two are supported)",
		},
		{
			"linux without pvh",
			testELF{machine: elf.EM_X86_64, data: "Linux version 6.1.0 (x)"},
			"pc",
			"Linux/amd64 6.1.0 without PVH: QEMU can't start it directly (import its bzImage, or build it with CONFIG_PVH=y)",
		},
		{"linux vmlinux", testELF{machine: elf.EM_X86_64, notes: []testNote{pvhNote}, data: "Linux version 6.1.0 (x)"}, "pc", ""},
		{"unknown machine", netbsdI386(), "virt", "NetBSD/i386 10.99.12 can't boot on a virt machine: it boots on pc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := inspectBytes(t, tt.kernel.build()).CanBoot(tt.machine); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("CanBoot(%s)\n got %s\nwant %s", tt.machine, got, tt.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	k := netbsdI386()
	k.symbols = []string{"virtio_pci_ca", "main"}
	want := []string{
		`no virtio disk driver: "ld at virtio" is not in it`,
		"no file system for the root disk: FFS is not in it",
		`no virtio network driver: "vioif at virtio" is not in it`,
		`no console that QEMU can show: "com at isa" is not in it`,
	}
	if diff := cmp.Diff(want, inspectBytes(t, k.build()).Problems); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestInspectNoKernel(t *testing.T) {
	program := testELF{machine: elf.EM_X86_64, low: true, ident: 1000000000, data: "x"}
	tests := []struct {
		name, file, want string
	}{
		{"empty", "", "an empty file"},
		{"text", "hello, wörld\n", "a text file"},
		{"text cut in a letter", "w\xc3", "a text file"},
		{"script", "#!/bin/sh\n", "a script"},
		{"qcow2", "QFI\xfb\x00", "a qcow2 disk image"},
		{"xz", "\xfd7zXZ\x00\x00", "xz data (unpack it first)"},
		{"boot sector", strings.Repeat("\x00", 510) + "\x55\xaa", "a disk image or boot sector"},
		{"noise", "\x00\x01\x02", "data of an unknown format"},
		{"program", string(program.build()), "a program or library (EM_X86_64)"},
		{"module", string(testELF{machine: elf.EM_X86_64, typ: elf.ET_REL, data: "x"}.build()), "an object file or kernel module"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Inspect(path)
			if want := "kernel " + path + ": not a kernel: " + tt.want; !errors.Is(err, ErrNotKernel) || err.Error() != want {
				t.Errorf("Inspect = %v, want %s", err, want)
			}
		})
	}
	if _, err := Inspect(t.TempDir()); !errors.Is(err, ErrNotKernel) || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("Inspect of a folder = %v", err)
	}
	if _, err := Inspect("/no/such"); !errors.Is(err, os.ErrNotExist) || err.Error() != "kernel /no/such: no such file or directory" {
		t.Errorf("Inspect of nothing = %v", err)
	}
}

// TestInspectTestKernels looks at the real kernels that the guest tests boot.
func TestInspectTestKernels(t *testing.T) {
	tests := []struct {
		file, arch string
		machines   []string
	}{
		{"netbsd-i386", "i386", []string{"pc"}},
		{"netbsd-amd64", "amd64", []string{"pc", "microvm"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			i, err := Inspect(testKernel(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if i.OS != "netbsd" || i.Arch != tt.arch || i.Version == "" || i.DriversFrom == "" || !i.Has(VirtioDisk) || !i.Has(VirtioNIC) {
				t.Errorf("Inspect = %+v", i)
			}
			if diff := cmp.Diff(tt.machines, i.Machines); diff != "" {
				t.Errorf("Machines: -want +got\n%s", diff)
			}
		})
	}
}

func testKernel(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("FAKECRACKER_TEST_KERNELS")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Skip(err)
		}
		dir = filepath.Join(home, ".cache", "fakecracker", "test-kernels")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test kernel: %v", err)
	}
	return path
}

// BenchmarkInspect has 20 MB of data: as much as GENERIC's, and as bad as
// data can be.
func BenchmarkInspect(b *testing.B) {
	for name, data := range map[string]string{"plain": "\x00\x01kernel", "bad": "NetBSD 1"} {
		b.Run(name, func(b *testing.B) {
			k := netbsdAMD64()
			k.data = strings.Repeat(data, 20<<20/8) + k.data
			file := bytes.NewReader(k.build())
			b.SetBytes(file.Size())
			for b.Loop() {
				if _, err := InspectReader(file, file.Size()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

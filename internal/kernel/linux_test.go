package kernel

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// testBzImage packs a vmlinux as Linux's build does.
func testBzImage(compression string, vmlinux []byte) []byte {
	packed := pack(compression, vmlinux)
	b := make([]byte, 5*512)
	b[0x1f1] = 4
	copy(b[0x1fe:], "\x55\xaa")
	copy(b[0x202:], "HdrS")
	le := binary.LittleEndian
	le.PutUint16(b[0x206:], 0x20f)
	le.PutUint16(b[0x20e:], 0x300-0x200)
	b[0x236] = 1
	le.PutUint32(b[0x248:], 16)
	le.PutUint32(b[0x24c:], uint32(len(packed)))
	copy(b[0x300:], "6.1.0-1-cloud-amd64 (someone) #1\x00")
	b = append(b, make([]byte, 16)...)
	return append(append(b, packed...), "trailer"...)
}

// pack compresses b, with its length appended where Linux does that. The LZ4
// is made of literals only.
func pack(compression string, b []byte) []byte {
	var out bytes.Buffer
	switch compression {
	case "gzip":
		w := gzip.NewWriter(&out)
		mustWrite(w, b)
		return out.Bytes()
	case "zstd":
		w, err := zstd.NewWriter(&out)
		if err != nil {
			panic(err)
		}
		mustWrite(w, b)
	case "lz4":
		out.WriteString("\x02\x21\x4c\x18")
		block := lz4Literals(b)
		encode(&out, uint32(len(block)))
		out.Write(block)
	default:
		out.WriteString(compression)
		out.Write(b)
	}
	encode(&out, uint32(len(b)))
	return out.Bytes()
}

func mustWrite(w io.WriteCloser, b []byte) {
	if _, err := w.Write(b); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
}

func lz4Literals(b []byte) []byte {
	if len(b) < 15 {
		return append([]byte{byte(len(b)) << 4}, b...)
	}
	out := []byte{0xf0}
	n := len(b) - 15
	for ; n >= 255; n -= 255 {
		out = append(out, 255)
	}
	return append(append(out, byte(n)), b...)
}

func testVmlinux() []byte {
	return testELF{
		machine: elf.EM_X86_64, notes: []testNote{pvhNote},
		data: "\x00Linux version 6.1.0-1-cloud-amd64 (someone)\x00",
	}.build()
}

func TestInspectBzImage(t *testing.T) {
	b := testBzImage("zstd", testVmlinux())
	want := Info{
		Format: "bzimage", Compression: "zstd", OS: "linux", Arch: "amd64", Version: "6.1.0-1-cloud-amd64",
		Size: int64(len(b)), Boot: []string{BootLinux}, Modules: true, Machines: []string{"pc", "microvm"},
	}
	if diff := cmp.Diff(want, inspectBytes(t, b)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	short := b[:len(b)-100]
	if _, err := InspectReader(bytes.NewReader(short), int64(len(short))); err == nil || !strings.HasPrefix(err.Error(), "truncated bzImage") {
		t.Errorf("truncated: %v", err)
	}
}

func TestExtractVmlinux(t *testing.T) {
	want := testVmlinux()
	for _, c := range []string{"gzip", "zstd", "lz4"} {
		t.Run(c, func(t *testing.T) {
			b := testBzImage(c, want)
			got, err := extractVmlinux(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("unpacked to %d other bytes, want %d", len(got), len(want))
			}
		})
	}
}

// TestExtractVmlinuxXZ has a file that xz --x86 --lzma2 made, as Linux's
// build calls it.
func TestExtractVmlinuxPacked(t *testing.T) {
	for _, c := range []string{"xz", "bzip2", "lz4"} {
		t.Run(c, func(t *testing.T) {
			packed, err := os.ReadFile(filepath.Join("testdata", "payload."+c))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata", "payload"))
			if err != nil {
				t.Fatal(err)
			}
			packed = binary.LittleEndian.AppendUint32(packed, uint32(len(want)))
			got, err := unpackPayload(io.NewSectionReader(bytes.NewReader(packed), 0, int64(len(packed))))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("unpacked to %d other bytes, want %d", len(got), len(want))
			}
		})
	}
}

func TestExtractVmlinuxErrors(t *testing.T) {
	good := testBzImage("lz4", testVmlinux())
	wrongSize := bytes.Clone(good)
	wrongSize[len(good)-len("trailer")-4]++
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"lzma", testBzImage("\x5d\x00\x00\x00", nil), "compressed with lzma: not supported (gzip, xz, zstd, lz4 and bzip2 are)"},
		{"unknown", testBzImage("????????", nil), "compressed in an unknown way"},
		{"no ELF", testBzImage("lz4", []byte("hello, hello")), "damaged bzImage: no ELF kernel in it"},
		{"length", wrongSize, "damaged lz4 data: it unpacks to"},
		{"text", []byte("hello"), "not a kernel: a text file, where a bzImage was expected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := extractVmlinux(bytes.NewReader(tt.file), int64(len(tt.file)))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("extractVmlinux = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLZ4Block(t *testing.T) {
	tests := []struct {
		name, src, want string
	}{
		{"literals", "\x50hello", "hello"},
		{"match", "\x24ab\x02\x00\x10c", "ababababab" + "c"},
		{"long match", "\x1fa\x01\x00\x01\x10b", "a" + strings.Repeat("a", 20) + "b"},
		{"empty", "\x00", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lz4Block(nil, []byte(tt.src), 100)
			if err != nil || string(got) != tt.want {
				t.Errorf("lz4Block = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "\x50hell", "\x1fa\x02\x00\x01\x10b", "\x1fa\x00\x00\x01\x10b", "\x1fa\x01\x00\xff", "\x1fa\x01", "\x1fa\x01\x00\xff\xff\x00"} {
		if got, err := lz4Block(nil, []byte(bad), 100); err == nil {
			t.Errorf("lz4Block(%q) = %q without an error", bad, got)
		}
	}
}

func FuzzLZ4Block(f *testing.F) {
	f.Add([]byte("\x24ab\x02\x00\x10c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := lz4Block(nil, b, 1<<20)
		if err == nil && len(out) > 1<<20 {
			t.Errorf("unpacked %d bytes", len(out))
		}
	})
}

func FuzzUnpackPayload(f *testing.F) {
	for _, c := range []string{"gzip", "zstd", "lz4", "BZh9", "\xfd7zXZ\x00"} {
		f.Add(pack(c, []byte("hello, hello, hello")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := unpackPayload(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
		if err == nil && len(out) > maxUnpacked {
			t.Errorf("unpacked %d bytes", len(out))
		}
	})
}

// testModule is a .ko file with what a bundle's resolver reads.
func testModule(name, depends string) []byte {
	return testELF{
		machine: elf.EM_X86_64, typ: elf.ET_REL, data: name,
		modinfo: []string{"license=GPL", "depends=" + depends, "name=" + name, "vermagic=6.1.0-1-cloud-amd64 SMP preempt"},
	}.build()
}

func bundleFile(path string, b []byte) BundleFile {
	return BundleFile{Path: path, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func testBundle() Bundle {
	image := testBzImage("gzip", testVmlinux())
	zstdModule := func(b []byte) []byte { p := pack("zstd", b); return p[:len(p)-4] }
	return Bundle{
		Image:  func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(image)), nil },
		Origin: "linux-image-6.1.0-1-cloud-amd64 6.1.1-1",
		Files: []BundleFile{
			bundleFile("modules.builtin", []byte("kernel/fs/ext4/ext4.ko\nkernel/lib/crc16.ko\n")),
			bundleFile("kernel/drivers/block/virtio_blk.ko.zst", zstdModule(testModule("virtio_blk", "virtio_ring,virtio"))),
			bundleFile("kernel/drivers/net/virtio_net.ko", testModule("virtio_net", "virtio_ring,virtio,net-failover")),
			bundleFile("kernel/drivers/net/net_failover.ko", testModule("net_failover", "failover,crc16")),
			bundleFile("kernel/net/core/failover.ko", testModule("failover", "")),
			bundleFile("kernel/drivers/virtio/virtio.ko", testModule("virtio", "")),
			bundleFile("kernel/drivers/virtio/virtio_ring.ko", testModule("virtio_ring", "virtio")),
			bundleFile("kernel/drivers/virtio/virtio_mmio.ko", testModule("virtio_mmio", "virtio,virtio_ring")),
			bundleFile("kernel/drivers/char/hw_random/virtio-rng.ko", testModule("virtio_rng", "virtio_ring,virtio")),
			bundleFile("kernel/drivers/gpu/big.ko", []byte("not read")),
		},
	}
}

func moduleNames(k Kernel) []string {
	var names []string
	for _, m := range k.Modules {
		names = append(names, filepath.Base(m))
	}
	return names
}

func TestImportLinux(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "kernels")}
	k, err := s.ImportLinux(context.Background(), "linux", testBundle())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"virtio.ko", "virtio_ring.ko", "virtio_mmio.ko", "virtio_rng.ko", "virtio_blk.ko", "failover.ko", "net_failover.ko", "virtio_net.ko"}
	if diff := cmp.Diff(want, moduleNames(k)); diff != "" {
		t.Errorf("modules: -want +got\n%s", diff)
	}
	if k.Info.Format != "elf64" || k.Info.OS != "linux" || k.Info.CanBoot("microvm") != nil {
		t.Errorf("Info = %+v", k.Info)
	}
	got, err := os.ReadFile(k.Modules[4])
	if err != nil || !bytes.Equal(got, testModule("virtio_blk", "virtio_ring,virtio")) {
		t.Errorf("virtio_blk.ko is not stored unpacked: %d bytes, %v", len(got), err)
	}
	again, err := s.Get("linux")
	if diff := cmp.Diff(k, again); err != nil || diff != "" {
		t.Errorf("Get: %v, -imported +got\n%s", err, diff)
	}
}

func TestImportLinuxErrors(t *testing.T) {
	change := func(f func(*Bundle)) Bundle { b := testBundle(); f(&b); return b }
	drop := func(b *Bundle, part string) {
		var kept []BundleFile
		for _, f := range b.Files {
			if !strings.Contains(f.Path, part) {
				kept = append(kept, f)
			}
		}
		b.Files = kept
	}
	tests := []struct {
		name   string
		bundle Bundle
		want   string
	}{
		{"no disk module", change(func(b *Bundle) { drop(b, "virtio_blk") }), "no module virtio_blk, and it is not built in"},
		{"no bus", change(func(b *Bundle) { drop(b, "virtio_mmio") }), "no module virtio_pci or virtio_mmio, and none is built in"},
		{"no dependency", change(func(b *Bundle) { drop(b, "core/failover") }), "no module failover, which net_failover needs"},
		{"cycle", change(func(b *Bundle) {
			drop(b, "virtio.ko")
			b.Files = append(b.Files, bundleFile("virtio.ko", testModule("virtio", "virtio_ring")))
		}), "depend on each other"},
		{"another kernel's", change(func(b *Bundle) {
			image := testBzImage("gzip", bytes.Replace(testVmlinux(), []byte("6.1.0-1"), []byte("6.1.0-2"), 1))
			b.Image = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(image)), nil }
		}), "module virtio is for Linux 6.1.0-1-cloud-amd64, the kernel is 6.1.0-2-cloud-amd64"},
		{"module that is none", change(func(b *Bundle) {
			drop(b, "virtio_net")
			b.Files = append(b.Files, bundleFile("virtio_net.ko", testVmlinux()))
		}), "module virtio_net.ko: not a kernel module"},
		{"text for an image", change(func(b *Bundle) {
			b.Image = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }
		}), "not a kernel: a text file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Store{Dir: t.TempDir()}
			_, err := s.ImportLinux(context.Background(), "linux", tt.bundle)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "import kernel linux-image-") {
				t.Errorf("ImportLinux = %v, want %s", err, tt.want)
			}
			wantEmpty(t, s.Dir)
		})
	}
}

// TestImportLinuxReal imports an unpacked linux-image package, named by
// FAKECRACKER_LINUX_PACKAGE.
func TestImportLinuxReal(t *testing.T) {
	root := os.Getenv("FAKECRACKER_LINUX_PACKAGE")
	if root == "" {
		t.Skip("FAKECRACKER_LINUX_PACKAGE names no folder with an unpacked linux-image package")
	}
	images, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("images = %v, %v", images, err)
	}
	b := Bundle{Image: func() (io.ReadCloser, error) { return os.Open(images[0]) }, Origin: filepath.Base(images[0])}
	err = filepath.WalkDir(filepath.Join(root, "lib", "modules"), func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b.Files = append(b.Files, BundleFile{Path: p, Open: func() (io.ReadCloser, error) { return os.Open(p) }})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := Store{Dir: t.TempDir()}
	k, err := s.ImportLinux(context.Background(), "linux", b)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(k.Info, moduleNames(k))
	order := strings.Join(moduleNames(k), " ")
	for _, m := range []string{"virtio_blk.ko", "virtio_net.ko"} {
		if !strings.Contains(order, m) {
			t.Errorf("%s is missing in %s", m, order)
		}
	}
	if err := k.Info.CanBoot("microvm"); err != nil {
		t.Error(err)
	}
}

// FuzzModInfo feeds modules that nobody built.
func FuzzModInfo(f *testing.F) {
	f.Add(testModule("virtio_net", "virtio,virtio_ring"))
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	f.Add(noise)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readModInfo(b)
		for _, d := range m.depends {
			if d == "" && err == nil {
				t.Error("an empty dependency")
			}
		}
	})
}

package archive

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipWriter(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

// unpack returns all that b unpacks to.
func unpack(b []byte) ([]byte, error) {
	z, err := Decompress(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, 1<<20))
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	return out, err
}

// samples are packed forms of "hello\n", by this package's modules or by
// testdata that the programs of these names made.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"plain": []byte("hello\n"), "empty": {}}
	for _, name := range []string{"hello.bz2", "hello.xz"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	var gz, zst bytes.Buffer
	zw, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{gzipWriter(&gz), zw} {
		if _, err := io.WriteString(w, "hello\n"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all["gzip"], all["zstd"] = gz.Bytes(), zst.Bytes()
	all["zstd skipped"] = append([]byte("\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"), zst.Bytes()...)
	return all
}

func TestDecompress(t *testing.T) {
	for name, b := range samples(t) {
		t.Run(name, func(t *testing.T) {
			want := "hello\n"
			if name == "empty" {
				want = ""
			}
			if got, err := unpack(b); err != nil || string(got) != want {
				t.Errorf("%q, %v", got, err)
			}
			// What is packed in parts comes out as one.
			if got, err := unpack(append(b[:len(b):len(b)], b...)); err != nil || string(got) != want+want {
				t.Errorf("twice: %q, %v", got, err)
			}
		})
	}
}

func TestDecompressDamaged(t *testing.T) {
	for name, b := range samples(t) {
		if len(b) < 12 {
			continue
		}
		format := strings.NewReplacer("hello.", "", "bz2", "bzip2", " skipped", "").Replace(name)
		t.Run(name, func(t *testing.T) {
			for what, bad := range map[string][]byte{
				"cut":     b[:len(b)-4],
				"garbage": append(b[:8:8], "garbage, and much of it, so that it is read"...),
			} {
				_, err := unpack(bad)
				if err == nil || !strings.HasPrefix(err.Error(), "damaged "+format+" data: ") {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// TestDecompressBoundsMemory has data that asks for a dictionary of gigabytes.
func TestDecompressBoundsMemory(t *testing.T) {
	for name, b := range map[string][]byte{
		// A frame header with a window of 2^(10+31) bytes, RFC 8878 3.1.1.1.2.
		"zstd": []byte("\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"),
		"xz":   xzOfDict(t, 40), // 4 GiB - 1
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(b)
			if err == nil || !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "memory") {
				t.Errorf("unpacked, with %v", err)
			}
		})
	}
}

// xzOfDict returns xz data of that dictionary size: 40 stands for 4 GiB. The
// byte is the fifth of the block header, whose CRC32 is 8 bytes from its start.
func xzOfDict(t testing.TB, size byte) []byte {
	t.Helper()
	b := bytes.Clone(samples(t)["hello.xz"])
	const header, crc = 12, 20
	b[header+4] = size
	binary.LittleEndian.PutUint32(b[crc:], crc32.ChecksumIEEE(b[header:crc]))
	return b
}

// TestDecompressOfPrograms reads what the programs of this host write.
func TestDecompressOfPrograms(t *testing.T) {
	text := strings.Repeat("some text that is worth packing\n", 10000)
	for _, args := range [][]string{{"gzip", "-9"}, {"bzip2"}, {"xz", "-9e"}, {"xz", "--x86", "--lzma2"}, {"zstd", "-19"}, {"zstd", "--ultra", "-22", "--long=27"}, {"pigz"}, {"pbzip2"}, {"xz", "-T2"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			program, err := exec.LookPath(args[0])
			if err != nil {
				t.Skip("not on this host")
			}
			cmd := exec.Command(program, append(args[1:], "-c")...)
			cmd.Stdin = strings.NewReader(text)
			b, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := unpack(b); err != nil || string(got) != text {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(text))
			}
		})
	}
}

func FuzzDecompress(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, _ := unpack(b)
		if len(out) > 1<<20 {
			t.Errorf("%d bytes", len(out))
		}
	})
}

package partition

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One damaged copy of a GPT is made up for by the other.
func TestFindGPTBackup(t *testing.T) {
	const size = 4 << 20
	backup := func(m image) int { return len(m) - sectorSize }
	tests := []struct {
		name   string
		damage func(m image)
		backup bool
		want   string // error
	}{
		{"whole", func(image) {}, false, ""},
		{"backup gone", func(m image) { clear(m[backup(m):]) }, false, ""},
		{"no MBR", func(m image) { clear(m[:sectorSize]) }, false, ""},
		{"header's bit", func(m image) { m[sectorSize+60] ^= 1 }, true, ""},
		{"header gone", func(m image) { clear(m[sectorSize : 2*sectorSize]) }, true, ""},
		{"header's size", func(m image) { m[sectorSize+12] = 0xff; m[sectorSize+13] = 0xff }, true, ""},
		{"entry's bit", func(m image) { m[2*sectorSize+56] ^= 1 }, true, ""},
		{"header gone, no MBR", func(m image) { clear(m[:2*sectorSize]) }, false, "bare"},
		{"both headers", func(m image) { m[sectorSize+60] ^= 1; m[backup(m)+60] ^= 1 }, false, "checksum"},
		{"both headers gone", func(m image) { clear(m[sectorSize : 2*sectorSize]); clear(m[backup(m):]) }, false, "cut short"},
		{"both arrays", func(m image) { m[2*sectorSize] ^= 1; m[backup(m)-32*sectorSize] ^= 1 }, false, "checksum of the entries"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := single(t, GPT, size)
			want := m.find(t)
			tt.damage(m)
			got, err := Find(bytes.NewReader(m), int64(len(m)))
			switch {
			case tt.want == "bare":
				if err != nil || got.Scheme != Bare {
					t.Errorf("Find = %+v, %v; want a bare disk", got, err)
				}
			case tt.want != "":
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v; want one with %q", err, tt.want)
				}
			default:
				want.Backup = tt.backup
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("error %v, (-want +got):\n%s", err, diff)
				}
			}
		})
	}
}

// header signs the header at off of m again after edit.
func header(m image, off int, edit func(b []byte)) {
	b := m[off : off+gptHeaderSize]
	edit(b)
	var h gptHeader
	_, _ = binary.Decode(b, binary.LittleEndian, &h)
	copy(b, h.bytes())
}

// What a header with a right sum asks for is not believed.
func TestFindHostileGPT(t *testing.T) {
	put32 := func(off int, n uint32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], n) }
	}
	tests := []struct {
		name string
		edit func(b []byte)
		want string
	}{
		{"array of 4 GiB", put32(80, 1<<25), "too many"},
		{"entries of no size", put32(84, 0), "entries of 0 bytes"},
		{"huge entries", put32(84, 1<<31), "too many"},
		{"no entries", put32(80, 0), "0 entries"},
		{"array outside", func(b []byte) { binary.LittleEndian.PutUint64(b[72:], 1<<63) }, "outside"},
		{"elsewhere", put32(24, 7), "says that it is in 7"},
		{"revision", put32(8, 2), "revision"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := single(t, GPT, 1<<20)
			header(m, sectorSize, tt.edit)
			clear(m[len(m)-sectorSize:])
			if _, err := Find(bytes.NewReader(m), int64(len(m))); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
		})
	}
}

// label returns a disk whose label is at off, in any byte order.
func label(order binary.ByteOrder, off int) image {
	m := make(image, 1<<20)
	h := labelHead{Magic: labelMagic, Magic2: labelMagic, SectorSize: 512, Partitions: 8}
	parts := make([]labelPart, 8)
	parts[0] = labelPart{Count: 100, Start: 16, Type: labelFFS}
	parts[1] = labelPart{Count: 50, Start: 116, Type: 1}
	parts[3] = labelPart{Count: 2048}
	parts[7] = labelPart{Count: 5, Start: 200, Type: 99}
	b := m[off : off+labelLength+8*labelEntry]
	_, _ = binary.Encode(b, order, h)
	_, _ = binary.Encode(b[labelLength:], order, parts)
	order.PutUint16(b[labelChecksumAt:], swapFor(order, labelSum(b)))
	return m
}

// swapFor returns a sum of little-endian words as one of order's.
func swapFor(order binary.ByteOrder, sum uint16) uint16 {
	return order.Uint16(binary.LittleEndian.AppendUint16(nil, sum))
}

func TestFindLabel(t *testing.T) {
	want := Table{Scheme: Disklabel, Partitions: []Partition{
		{ID: "a", Type: FFS, Offset: 16 * 512, Size: 100 * 512},
		{ID: "b", Type: Swap, Offset: 116 * 512, Size: 50 * 512},
		{ID: "h", Type: "99", Offset: 200 * 512, Size: 5 * 512},
	}}
	for name, m := range map[string]image{
		"amd64":   label(binary.LittleEndian, 512),
		"alpha":   label(binary.LittleEndian, 64),
		"sparc":   label(binary.BigEndian, 128),
		"hp300":   label(binary.BigEndian, 1024),
		"mvme68k": label(binary.BigEndian, 0),
	} {
		if diff := cmp.Diff(want, m.find(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	m := label(binary.BigEndian, 64)
	m[64+200] ^= 1
	if got := m.find(t).Scheme; got != Bare {
		t.Errorf("a label with a wrong sum: %s; want no table", got)
	}
}

func TestFindCutShort(t *testing.T) {
	for _, s := range []Scheme{Disklabel, GPT} {
		m := single(t, s, 4<<20)[:2<<20]
		if _, err := Find(bytes.NewReader(m), int64(len(m))); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("%s: error %v; want one that asks whether it is cut short", s, err)
		}
	}
}

// Boot code in front of a file system ends as an MBR does.
func TestFindBootCode(t *testing.T) {
	m := make(image, 1<<20)
	for i := range 510 {
		m[i] = byte(i)
	}
	binary.LittleEndian.PutUint16(m[mbrMagicAt:], mbrMagic)
	if got := m.find(t).Scheme; got != Bare {
		t.Errorf("boot code is taken for a table: %s", got)
	}
	clear(m[:mbrMagicAt])
	if got := m.find(t).Scheme; got != Bare {
		t.Errorf("no partitions are taken for a table: %s", got)
	}
}

// What the host's programs write is read.
func TestFindOthers(t *testing.T) {
	const mib = 1 << 20
	t.Run("sgdisk", func(t *testing.T) {
		_, path := tool(t, make(image, 16*mib), "sgdisk", "-n", "1:2048:4095", "-t", "1:ef00", "-c", "1:EFI",
			"-n", "3:4096:8191", "-t", "3:a902", "-c", "3:grün", "-n", "9:8192:8199", "-t", "9:12345678-0000-0000-0000-00000000abcd")
		want := Table{Scheme: GPT, Partitions: []Partition{
			{ID: "1", Name: "EFI", Type: FAT, Offset: mib, Size: mib},
			{ID: "3", Name: "grün", Type: FFS, Offset: 2 * mib, Size: 2 * mib},
			{ID: "9", Type: "12345678-0000-0000-0000-00000000ABCD", Offset: 4 * mib, Size: 4096},
		}}
		if diff := cmp.Diff(want, read(t, path).find(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("sfdisk", func(t *testing.T) {
		_, path := tool(t, make(image, 16*mib), "sh", "-c", `printf 'label: dos\nstart=2048,size=2048,type=a9\nstart=4096,type=5\nstart=6144,size=2048,type=83\nstart=10240,size=2048,type=82\nstart=14336,size=2048,type=9f\n' | PATH=$PATH:/usr/sbin sfdisk -q "$0"`)
		want := Table{Scheme: MBR, Partitions: []Partition{
			{ID: "1", Type: FFS, Offset: mib, Size: mib},
			{ID: "5", Type: Linux, Offset: 3 * mib, Size: mib},
			{ID: "6", Type: Swap, Offset: 5 * mib, Size: mib},
			{ID: "7", Type: "0x9f", Offset: 7 * mib, Size: mib},
		}}
		if diff := cmp.Diff(want, read(t, path).find(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func read(t *testing.T, path string) image {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A chain of extended records that leads back, or outside, comes to an end.
func TestFindExtendedLoop(t *testing.T) {
	m := make(image, 1<<20)
	copy(m, putMBR(0x05, 0, 100, 100, 0))
	copy(m[100*512:], putMBR(0x05, 0, 100, 10, 0)) // to sector 200
	copy(m[200*512:], putMBR(0x05, 0, 50, 10, 0))  // back to 150
	if got := m.find(t); got.Scheme != MBR || len(got.Partitions) != 0 {
		t.Errorf("Find = %+v; want no partitions", got)
	}
}

func TestPick(t *testing.T) {
	gpt := Table{Scheme: GPT, Partitions: []Partition{{ID: "1", Name: "EFI", Type: FAT}, {ID: "2", Name: "root", Type: FFS}}}
	two := Table{Scheme: Disklabel, Partitions: []Partition{{ID: "a", Type: FFS}, {ID: "e", Type: FFS}}}
	bare := Table{Scheme: Bare, Partitions: []Partition{{}}}
	tests := []struct {
		name, want string
		t          Table
		id, err    string
	}{
		{"only FFS", "", gpt, "2", ""},
		{"name", "EFI", gpt, "1", ""},
		{"number", "1", gpt, "1", ""},
		{"letter", "e", two, "e", ""},
		{"bare", "", bare, "", ""},
		{"two", "", two, "", "2 partitions may be meant; name one of: a (ffs), e (ffs)"},
		{"none such", "x", gpt, "", `no partition "x" (there are: 1 "EFI" (msdos), 2 "root" (ffs))`},
		{"none", "", Table{Scheme: MBR}, "", "name one of: none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.t.Pick(tt.want)
			if tt.err == "" && (err != nil || got.ID != tt.id) {
				t.Errorf("Pick = %+v, %v; want %s", got, err, tt.id)
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v; want %s", err, tt.err)
			}
		})
	}
}

// A failing disk is an error, never a bare one.
func TestFindReadError(t *testing.T) {
	f, err := os.Open(t.TempDir()) // a folder can't be read from
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := Find(f, 1<<20); err == nil {
		t.Errorf("Find = %+v; want an error", got)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []Scheme{Disklabel, GPT} {
		m := single(f, s, 1<<20)
		f.Add([]byte(m[:1280]), []byte(m[1<<20:1<<20+768]), []byte(m[len(m)-512:]))
	}
	f.Add([]byte(label(binary.BigEndian, 64)[:512]), []byte{}, []byte{})
	ext := make(image, 1536)
	copy(ext, putMBR(0x05, 0, 2, 100, 0))
	copy(ext[1024:], putMBR(0x83, 0, 1, 1, 0))
	f.Add([]byte(ext), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, start, middle, end []byte) {
		m := make(image, 3<<20)
		copy(m, start)
		copy(m[1<<20:], middle)
		copy(m[max(len(m)-len(end), 0):], end)
		resign(m)
		table, err := Find(bytes.NewReader(m), int64(len(m)))
		if err != nil {
			if table.Scheme != "" {
				t.Errorf("%+v with the error %v", table, err)
			}
			return
		}
		for _, p := range table.Partitions {
			if p.Offset < 0 || p.Size < 0 || p.Offset > int64(len(m))-p.Size {
				t.Errorf("partition %+v is outside of %d bytes", p, len(m))
			}
		}
	})
}

// resign makes the sums of what may be headers right, so that a fuzzer gets
// past them.
func resign(m image) {
	for _, off := range []int{sectorSize, len(m) - sectorSize} {
		if bytes.Equal(m[off:off+8], gptSignature[:]) {
			header(m, off, func(b []byte) {
				array := binary.LittleEndian.Uint64(b[72:]) * sectorSize
				if n := uint64(binary.LittleEndian.Uint32(b[80:])) * uint64(binary.LittleEndian.Uint32(b[84:])); array < uint64(len(m)) && n <= uint64(len(m))-array {
					binary.LittleEndian.PutUint32(b[88:], crc32.ChecksumIEEE(m[array:array+n]))
				}
			})
		}
	}
}

package partition

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// An image is a disk in memory.
type image []byte

func (m image) WriteAt(b []byte, off int64) (int, error) { return copy(m[off:], b), nil }

func (m image) find(t *testing.T) Table {
	t.Helper()
	table, err := Find(bytes.NewReader(m), int64(len(m)))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// single returns a disk for a file system of size bytes.
func single(t testing.TB, s Scheme, size int64) image {
	t.Helper()
	d := Single{Scheme: s, Size: size, Name: "nginxroot", Seed: sha256.Sum256([]byte("seed")), BlockSize: 16384, FragmentSize: 2048}
	m := make(image, d.DiskSize())
	if err := d.Write(m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRecordSizes(t *testing.T) {
	for _, r := range []struct {
		name   string
		record any
		want   int
	}{
		{"mbrEntry", mbrEntry{}, 16},
		{"labelHead", labelHead{}, labelLength},
		{"labelPart", labelPart{}, labelEntry},
		{"gptHeader", gptHeader{}, gptHeaderSize},
		{"gptEntry", gptEntry{}, gptEntrySize},
	} {
		if got := binary.Size(r.record); got != r.want {
			t.Errorf("%s has %d bytes; want %d", r.name, got, r.want)
		}
	}
}

func TestSingleIsFound(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		scheme Scheme
		size   int64
		disk   int64
		want   Table
	}{
		{Bare, 5000 * 512, 5000 * 512, Table{Scheme: Bare, Partitions: []Partition{{Size: 5000 * 512}}}},
		{Disklabel, 4*mib + 512, 6 * mib, Table{Scheme: Disklabel, Partitions: []Partition{{ID: "a", Type: FFS, Offset: mib, Size: 5 * mib}}}},
		{GPT, 4 * mib, 6 * mib, Table{Scheme: GPT, Partitions: []Partition{{ID: "1", Name: "nginxroot", Type: FFS, Offset: mib, Size: 4 * mib}}}},
	}
	for _, tt := range tests {
		t.Run(string(tt.scheme), func(t *testing.T) {
			m := single(t, tt.scheme, tt.size)
			if got := int64(len(m)); got != tt.disk {
				t.Errorf("a disk of %d bytes; want %d", got, tt.disk)
			}
			if diff := cmp.Diff(tt.want, m.find(t)); diff != "" {
				t.Errorf("Find (-want +got):\n%s", diff)
			}
		})
	}
}

// The bytes of the tables are kept in golden files: they must not change
// without a reason, since disks are named by what they are made from.
func TestSingleGolden(t *testing.T) {
	var zeros [16]byte
	for _, s := range []Scheme{Disklabel, GPT} {
		var b strings.Builder
		m := single(t, s, 3<<20)
		for off := 0; off < len(m); off += 16 {
			if line := m[off : off+16]; !bytes.Equal(line, zeros[:]) {
				fmt.Fprintf(&b, "%06x %s\n", off, hex.EncodeToString(line))
			}
		}
		golden := filepath.Join("testdata", string(s)+".hex")
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestSingleErrors(t *testing.T) {
	tests := []struct {
		name string
		s    Single
		want string
	}{
		{"unknown", Single{Scheme: "bsd", Size: 1}, `scheme "bsd"`},
		{"MBR alone", Single{Scheme: MBR, Size: 1}, `scheme "mbr"`},
		{"GPT without a name", Single{Scheme: GPT, Size: 1}, "1 to 36 letters"},
		{"long name", Single{Scheme: GPT, Size: 1, Name: strings.Repeat("n", 37)}, "1 to 36 letters"},
		{"newline", Single{Scheme: GPT, Size: 1, Name: "a\nb"}, "has a character"},
		{"not UTF-8", Single{Scheme: Disklabel, Size: 1, Name: "a\xff"}, "has a character"},
		{"nothing", Single{Scheme: GPT, Name: "n"}, "of 0 bytes"},
		{"more than a disklabel holds", Single{Scheme: Disklabel, Size: 2 << 40}, "end at 2 TiB"},
		{"more than a number holds", Single{Scheme: GPT, Name: "n", Size: 1<<63 - 1}, "a partition of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.s.Write(image(nil)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
		})
	}
}

// tool runs one of the host's programs for partition tables on a disk that m
// is written to, and returns what it says and the disk's path.
func tool(t *testing.T, m image, name string, args ...string) (said, path string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Skipf("no %s here", name)
		}
	}
	path = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, m, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, append(args, path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out), path
}

func TestGPTBySgdisk(t *testing.T) {
	m := single(t, GPT, 4<<20)
	if said, _ := tool(t, m, "sgdisk", "-v"); !strings.Contains(said, "No problems found") {
		t.Errorf("sgdisk -v says:\n%s", said)
	}
	said, _ := tool(t, m, "sgdisk", "-i", "1")
	for _, want := range []string{
		"49F48D5A-B10E-11DC-B99B-0019D1879648", "'nginxroot'", "Attribute flags: 0800000000000000",
		"First sector: 2048 ", "Last sector: 10239 ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("sgdisk -i 1 doesn't say %q:\n%s", want, said)
		}
	}
}

func TestSfdisk(t *testing.T) {
	type node struct{ Start, Size int64 }
	for scheme, want := range map[Scheme]string{GPT: "gpt", Disklabel: "dos"} {
		said, _ := tool(t, single(t, scheme, 4<<20), "sfdisk", "-J")
		var got struct {
			PartitionTable struct {
				Label      string
				Partitions []node
			}
		}
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			t.Fatalf("%v:\n%s", err, said)
		}
		table := got.PartitionTable
		if diff := cmp.Diff([]node{{2048, 8192}}, table.Partitions); table.Label != want || diff != "" {
			t.Errorf("sfdisk -J: a %s; want %s (-want +got):\n%s", table.Label, want, diff)
		}
		if said, _ := tool(t, single(t, scheme, 4<<20), "sfdisk", "--verify"); !strings.Contains(said, "No errors detected") {
			t.Errorf("sfdisk --verify says:\n%s", said)
		}
	}
}

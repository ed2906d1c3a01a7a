package makefs

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/ffs"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "4096": 4096, "3b": 1536, "64k": 64 << 10, "2M": 2 << 20, "1g": 1 << 30, "2t": 2 << 40, "5w": 20,
		"2x512k": 1 << 20, "2*3x4b": 12288, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("size %s is %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "4x", "x4", "1Mk", "-1", "+1", "1.5m", "m", "9223372036854775808", "8388608t", "4294967296x4294967296"} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), "size "+`"`+in) {
			t.Errorf("size %q is %d, %v; want an error that names it", in, got, err)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("2x512k")
	f.Add("1t*8388607")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("size %q is %d", s, n)
		}
	})
}

func TestParseAmount(t *testing.T) {
	for in, want := range map[string][2]int64{"10%": {0, 10}, "0%": {0, 0}, "4k": {4096, 0}, "99%": {0, 99}} {
		n, percent, err := ParseAmount(in)
		if err != nil || n != want[0] || int64(percent) != want[1] {
			t.Errorf("%s is %d, %d %%, %v; want %v", in, n, percent, err, want)
		}
	}
	for _, in := range []string{"%", "100%", "-1%", "5k%", "x"} {
		if n, percent, err := ParseAmount(in); err == nil {
			t.Errorf("%s is %d, %d %%; want an error", in, n, percent)
		}
	}
}

func TestParseOrder(t *testing.T) {
	for in, want := range map[string]binary.ByteOrder{
		"le": binary.LittleEndian, "little": binary.LittleEndian, "1234": binary.LittleEndian,
		"be": binary.BigEndian, "big": binary.BigEndian, "4321": binary.BigEndian,
	} {
		if got, err := ParseOrder(in); err != nil || got != want {
			t.Errorf("order %s is %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := ParseOrder("middle"); err == nil {
		t.Errorf("order middle is %v", got)
	}
}

func TestParseTime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "stamp")
	when := time.Unix(1234567890, 5000).UTC()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, when, when); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]time.Time{
		name:                        when,
		"1700000000":                time.Unix(1700000000, 0).UTC(),
		"-1":                        time.Unix(-1, 0).UTC(),
		"2026-11-23":                time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		"2026-11-23 12:30":          time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC),
		"2026-11-23T12:30:01":       time.Date(2026, 11, 23, 12, 30, 1, 0, time.UTC),
		"2026-11-23T12:30:01+02:00": time.Date(2026, 11, 23, 10, 30, 1, 0, time.UTC),
	} {
		if got, err := ParseTime(in); err != nil || !got.Equal(want) {
			t.Errorf("time %s is %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := ParseTime("yesterday"); err == nil {
		t.Errorf("time yesterday is %v", got)
	}
}

func TestSetFS(t *testing.T) {
	o := Defaults()
	err := o.SetFS("version=2,bsize=16k,fsize=2k,density=4k,minfree=0,optimization=space,label=root,maxbpg=100,maxbpcg=4000," +
		"avgfilesize=8k,avgfpdir=10,extent=128k,nsectors=64,rpm=3600,softupdates=0,log=0")
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		FS: ffs.Options{
			Version: 2, BlockSize: 16 << 10, FragmentSize: 2 << 10, Density: 4 << 10, OptimizeSpace: true, Label: "root",
			MaxBlocksPerFile: 100, AvgFileSize: 8 << 10, AvgFilesPerDir: 10,
		},
		Extent: 128 << 10, GroupFragments: 4000,
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	letters := Defaults()
	if err := letters.SetFS("v=2,b=16k,f=2k,d=4k,m=0,o=space,l=root,M=100,g=4000,a=8k,n=10,x=128k"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, letters); diff != "" {
		t.Errorf("options by letters (-want +got):\n%s", diff)
	}
}

func TestSetFSErrors(t *testing.T) {
	for in, want := range map[string]string{
		"bsiz=8k":         `unknown option "bsiz" (did you mean "bsize"?)`,
		"nonsense":        `unknown option "nonsense"`,
		"bsize=8k,":       `"bsize=8k,": there is an empty option in it`,
		"version=3":       `version: 3: want 1 to 2`,
		"version":         `version: size "": want a number of bytes, such as 4096, 64k, 1g or 2x512k`,
		"minfree=100":     `minfree: 100: want 0 to 99`,
		"optimization=no": `optimization: "no": want time or space`,
		"label=":          `label: "": want 1 to 31 bytes`,
		"rpm=fast":        `rpm: size "fast": want a number of bytes, such as 4096, 64k, 1g or 2x512k`,
		"softupdates=1":   "softupdates: soft updates are FreeBSD's, and NetBSD has none: leave softupdates out",
		"log=64m":         "log: NetBSD makes a log by itself when it mounts with -o log: leave log out",
	} {
		o := Defaults()
		if err := o.SetFS(in); err == nil || err.Error() != want {
			t.Errorf("-o %s: error %v; want %s", in, err, want)
		}
	}
}

// TestPlanned holds the defaults of makefs(8).
func TestPlanned(t *testing.T) {
	entries := make([]ffs.Entry, 100)
	entries[1].Size = 500 * 2048
	for _, tt := range []struct {
		name string
		set  string
		more func(*Options)
		want ffs.Options
	}{
		{"none", "", nil, ffs.Options{Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 2048}},
		{"large blocks", "b=64k", nil, ffs.Options{Version: 1, BlockSize: 64 << 10, FragmentSize: 8 << 10, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 16 << 10}},
		{"small blocks", "b=4k,v=2", nil, ffs.Options{Version: 2, BlockSize: 4096, FragmentSize: 1024, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 1024}},
		{"small fragments", "f=512", nil, ffs.Options{Version: 1, BlockSize: 4096, FragmentSize: 512, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 1024}},
		{"large sectors", "", func(o *Options) { o.FS.SectorSize = 2048 }, ffs.Options{
			Version: 1, SectorSize: 2048, BlockSize: 8192, FragmentSize: 2048, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 2048,
		}},
		{"free files", "", func(o *Options) { o.FreeFiles, o.FreeFilesPercent = 50, 20 }, ffs.Options{
			Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Inodes: 50 + 30, MaxBlocksPerFile: 2048,
		}},
		{"density", "d=2k", nil, ffs.Options{Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Inodes: 400, MaxBlocksPerFile: 2048}},
		{"density of a size", "d=2k", func(o *Options) { o.FS.Size = 1 << 20 }, ffs.Options{
			Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Size: 1 << 20, Inodes: 512 - 100, MaxBlocksPerFile: 2048,
		}},
		{"free files beside density", "d=2k", func(o *Options) { o.FreeFiles = 500 }, ffs.Options{
			Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Inodes: 500, MaxBlocksPerFile: 2048,
		}},
		{"extent and groups", "x=256k,g=8001", nil, ffs.Options{
			Version: 1, BlockSize: 8192, FragmentSize: 1024, MinFree: 5, Inodes: 1, MaxBlocksPerFile: 2048, MaxContig: 16, MaxBlocksPerGroup: 1000,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			if tt.set != "" {
				if err := o.SetFS(tt.set); err != nil {
					t.Fatal(err)
				}
			}
			if tt.more != nil {
				tt.more(&o)
			}
			if diff := cmp.Diff(tt.want, o.planned(entries)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

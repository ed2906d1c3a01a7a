package ffs

import (
	"strings"
	"testing"
)

// TestFit holds fitted file systems to what was asked for.
func TestFit(t *testing.T) {
	for _, o := range layouts {
		for _, files := range []int64{1, 100, 50_000} {
			for _, blocks := range []int64{1, 7, 1000, 25_000} {
				base, err := o.superblock()
				if err != nil {
					t.Fatal(err)
				}
				s, err := o.fit(base, need{files, blocks, blocks * int64(base.FragsPerBlock)})
				if err != nil {
					if o.Size == 0 || !strings.Contains(err.Error(), "more than the size") {
						t.Errorf("%s, %d files in %d blocks: %v", o.name, files, blocks, err)
					}
					continue
				}
				if err := s.validate(); err != nil {
					t.Errorf("%s, %d files in %d blocks: %v", o.name, files, blocks, err)
				}
				free := (s.dataBlocks() - blocks) << s.BlockShift
				if free < o.Free || s.inodes() < rootIno+files+o.Inodes {
					t.Errorf("%s, %d files in %d blocks: %d bytes free and %d inodes", o.name, files, blocks, free, s.inodes())
				}
				if o.Size != 0 && s.Bytes() != o.Size>>s.FragmentShift<<s.FragmentShift {
					t.Errorf("%s, %d files in %d blocks: size %d", o.name, files, blocks, s.Bytes())
				}
				// A group's metadata, and 8 fragments each by which groups are rounded, may be left over.
				spare := int64(s.DataAt)<<s.FragmentShift + (8*int64(s.Groups))<<s.FragmentShift
				if o.Size == 0 && free > o.Free+spare {
					t.Errorf("%s, %d files in %d blocks: %d bytes are free, %d asked for", o.name, files, blocks, free, o.Free)
				}
			}
		}
	}
}

// TestMinFree makes room for the reserve as makefs does.
func TestMinFree(t *testing.T) {
	o := Options{MinFree: 5, Free: 10 << 20}
	base, err := o.superblock()
	if err != nil {
		t.Fatal(err)
	}
	s, err := o.fit(base, need{10, 6400, 6400 * 8})
	if err != nil {
		t.Fatal(err)
	}
	data := int64(110 << 20)
	if got := s.Bytes(); got < data/100*105 || got > data/100*106 {
		t.Errorf("%d bytes for %d and a reserve of 5 %%", got, data)
	}
}

// TestMinSize is not gone below, fragments or not.
func TestMinSize(t *testing.T) {
	l, err := Plan(nil, Options{MinSize: 1<<20 + 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Size(); got < 1<<20+1 || got > 1<<20+2048 {
		t.Errorf("%d bytes, want at least %d", got, 1<<20+1)
	}
}

// TestFitRefused is what can't be made, each with the words that say why.
func TestFitRefused(t *testing.T) {
	for _, c := range []struct {
		name          string
		o             Options
		files, blocks int64
		want          string
	}{
		{"block size", Options{BlockSize: 5000}, 1, 1, "block size 5000"},
		{"small blocks", Options{BlockSize: 2048}, 1, 1, "block size 2048: want 4096 to 65536"},
		{"fragment size", Options{BlockSize: 16384, FragmentSize: 1024}, 1, 1, "fragment size 1024"},
		{"large fragments", Options{BlockSize: 4096, FragmentSize: 8192}, 1, 1, "fragment size 8192"},
		{"version", Options{Version: 3}, 1, 1, "version 3: FFS has 1 and 2"},
		{"fragments below sectors", Options{SectorSize: 4096, BlockSize: 8192, FragmentSize: 1024}, 1, 1, "fragment size 1024: want at least the sector size, 4096"},
		{"sector size", Options{SectorSize: 1000}, 1, 1, "sector size 1000"},
		{"reserve", Options{MinFree: 100}, 1, 1, "percentage of the reserve 100"},
		{"label", Options{Label: strings.Repeat("x", 32)}, 1, 1, "length of the label 32"},
		{"too small", Options{Size: 1 << 20}, 1, 100, "more than the size of 1048576"},
		{"above the greatest", Options{MaxSize: 1 << 20}, 1, 100, "more than the greatest size of 1048576"},
		{"v1 addresses", Options{Version: 1, BlockSize: 4096, Size: 2 << 40}, 1, 1, "an FFSv1 with fragments of 512 bytes holds"},
		{"above all sizes", Options{Size: 1 << 62}, 1, 1, "size 4611686018427387904"},
		{"inodes", Options{Inodes: maxInodes}, 1000, 1, "inodes: FFS holds"},
		{"group size", Options{MaxBlocksPerGroup: 2}, 1, 1, "do not fit into an FFS with blocks of 16384 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, err := c.o.superblock()
			if err == nil {
				_, err = c.o.fit(base, need{inodes: c.files, blocks: c.blocks})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

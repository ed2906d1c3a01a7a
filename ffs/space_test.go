package ffs

import "testing"

// TestSpace compares the numbering of blocks with one made by walking through
// all groups.
func TestSpace(t *testing.T) {
	for _, o := range layouts {
		t.Run(o.name, func(t *testing.T) {
			base, err := o.superblock()
			if err != nil {
				t.Fatal(err)
			}
			s, err := o.fit(base, need{3000, 20_000, 160_000})
			if err != nil {
				t.Fatal(err)
			}
			want := dataBlocks(s)
			p := newSpace(s)
			if got := s.dataBlocks(); got != int64(len(want)) {
				t.Fatalf("%d blocks for data, want %d", got, len(want))
			}
			for k, addr := range want {
				if got := p.address(int64(k)); got != addr {
					t.Fatalf("block %d is at %d, want %d", k, got, addr)
				}
				n := p.contiguous(int64(k))
				last := min(k+int(n), len(want)) - 1
				if want[last]-addr != int64(last-k)*int64(s.FragsPerBlock) {
					t.Fatalf("the %d blocks from %d on are not contiguous", n, k)
				}
				if next := k + int(n); next < len(want) && want[next]-addr == n*int64(s.FragsPerBlock) {
					t.Fatalf("more than %d blocks from %d on are contiguous", n, k)
				}
			}
		})
	}
}

// dataBlocks lists the addresses of all blocks outside of the metadata.
func dataBlocks(s *Superblock) []int64 {
	var blocks []int64
	perBlock := int64(s.FragsPerBlock)
	for g := range s.Groups {
		for at := s.groupBase(g); at+perBlock <= s.groupBase(g)+s.groupFrags(g); at += perBlock {
			own := at >= s.copyAt(g) && at < s.dataAt(g) || g == 0 && at < s.dataAt(0)
			summary := at+perBlock > s.SummaryAt && at < s.SummaryAt+s.frags(int64(s.SummarySize))
			if !own && !summary {
				blocks = append(blocks, at)
			}
		}
	}
	return blocks
}

// layouts are file systems of all block sizes, with few and many groups.
var layouts = []struct {
	name string
	Options
}{
	{"v2", Options{}},
	{"v2 4k", Options{BlockSize: 4096}},
	{"v2 64k", Options{BlockSize: 65536}},
	{"v2 8k whole", Options{BlockSize: 8192, FragmentSize: 8192}},
	{"v2 32k half", Options{BlockSize: 32768, FragmentSize: 16384, Free: 1 << 30}},
	{"v2 many groups", Options{MaxBlocksPerGroup: 512, Inodes: 30_000}},
	{"v2 exact total", Options{Size: 400<<20 + 6144}},
	{"v1", Options{Version: 1}},
	{"v1 4k", Options{Version: 1, BlockSize: 4096, Free: 100 << 20}},
	{"v1 64k", Options{Version: 1, BlockSize: 65536}},
	{"v1 many groups", Options{Version: 1, BlockSize: 8192, MaxBlocksPerGroup: 700}},
}

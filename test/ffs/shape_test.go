package ffs_test

import (
	"encoding/binary"
	"fmt"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// A shape is a way to lay a file system out.
type shape struct {
	version         int
	block, fragment int
	big             bool   // big-endian
	group           int    // most blocks in a cylinder group, or 0
	size            int64  // of the whole, or 0
	grown           bool   // by ffs.Grow, from an exact fit
	load            string // what the guest writes on it, for which it gets room
}

func (s shape) String() string {
	name := fmt.Sprintf("v%d-%d-%d", s.version, s.block, s.fragment)
	if s.big {
		name += "-big"
	}
	if s.group > 0 {
		name += fmt.Sprintf("-groups-of-%d", s.group)
	}
	if s.grown {
		name += "-grown"
	}
	if s.size > 0 {
		name += fmt.Sprintf("-%dM", s.size>>20)
	} else if s.load != trial.Everything {
		name += "-exact"
	}
	return name
}

func (s shape) options() ffs.Options {
	o := ffs.Options{
		Version: s.version, BlockSize: s.block, FragmentSize: s.fragment, MaxBlocksPerGroup: s.group,
		Size: s.size, Label: "trial",
	}
	switch {
	case s.load == trial.Everything:
		o.Free = 4<<20 + 600*int64(s.block)
		o.Inodes = 1500
	case s.size > 0:
		o.Density = 256 << 10
	}
	if s.big {
		o.Order = binary.BigEndian
	}
	return o
}

// pointers is how many an indirect block has.
func (s shape) pointers() int64 { return int64(s.block / (4 * s.version)) }

// levels are the places in a file where the single, double and triple indirect
// blocks begin.
func (s shape) levels() []int64 {
	p := s.pointers()
	all := []int64{12, 12 + p, 12 + p + p*p}
	for i := range all {
		all[i] *= int64(s.block)
	}
	return all
}

// windows are what is read of large files: around each level, and each power
// of two.
func (s shape) windows() []trial.Range {
	b := int64(s.block)
	all := []trial.Range{{Off: 0, Len: 64 * b}}
	for _, at := range s.levels() {
		all = append(all, trial.Range{Off: max(at-2*b, 0), Len: 6 * b})
	}
	for n := 21; n < 33; n++ {
		all = append(all, trial.Range{Off: 1<<n - 2*b, Len: 4 * b})
	}
	return all
}

// job is what a guest does with a disk of this shape.
func (s shape) job(device string, files map[string]trial.Content) trial.Job {
	j := trial.Job{Name: s.String(), Device: device, Windows: s.windows(), Options: "ufstype=ufs2"}
	if s.version == 1 {
		j.Options = "ufstype=44bsd"
	}
	if s.load != "" {
		j.Load = &trial.Load{
			Kind: s.load, Seed: uint32(s.block + s.version),
			BlockSize: int64(s.block), FragmentSize: int64(s.fragment),
			Files: files, Sparse: s.levels(),
		}
	}
	return j
}

// blocks is how many units of 512 bytes a file with those data takes. The last
// byte of a file always has a block.
func (s shape) blocks(size int64, data []trial.Range) int64 {
	if size == 0 {
		return 0
	}
	b, f := int64(s.block), int64(s.fragment)
	used := map[[2]int64]bool{} // level of indirection, number within it
	for _, r := range append([]trial.Range{{Off: size - 1, Len: 1}}, data...) {
		for n := r.Off / b; n <= (r.Off+r.Len-1)/b; n++ {
			s.use(used, n)
		}
	}
	bytes := int64(len(used)) * b
	if last := (size - 1) / b; last < 12 {
		bytes += (size-last*b+f-1)/f*f - b
	}
	return bytes / 512
}

// use notes block n of a file and the indirect blocks above it.
func (s shape) use(used map[[2]int64]bool, n int64) {
	used[[2]int64{0, n}] = true
	at, span := n-12, s.pointers()
	for tree := int64(1); at >= 0; tree++ {
		if at < span {
			for per, level := s.pointers(), int64(1); level <= tree; level++ {
				used[[2]int64{tree*10 + level, at / per}] = true
				per *= s.pointers()
			}
			return
		}
		at -= span
		span *= s.pointers()
	}
}

// common are the sizes of blocks and fragments that are in use.
var common = []struct{ block, fragment int }{
	{4096, 512}, {8192, 1024}, {16384, 2048}, {32768, 4096}, {65536, 8192}, {8192, 8192},
}

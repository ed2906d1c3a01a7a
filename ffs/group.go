package ffs

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// A group is a cylinder group's block: the header, and the bitmaps and
// summaries behind it.
type group struct {
	groupHeader
	raw   []byte // GroupSize bytes; those of the header are stale until encode
	order binary.ByteOrder
}

// groupLayout returns a header for a group with the offsets that newfs gives
// it. They depend on the superblock alone.
func (s *Superblock) groupLayout() groupHeader {
	h := groupHeader{Magic: magicGroup, InodeMapOff: groupHeaderBytes}
	if s.Magic == magic1 {
		h.OldBtotOff = groupHeaderBytes
		h.OldBOff = h.OldBtotOff + s.OldCPG*4
		h.InodeMapOff = uint32(h.OldBOff + s.OldCPG*s.OldNRPos*2)
	}
	h.FreeMapOff = h.InodeMapOff + (s.InodesPerGroup+7)/8
	h.NextFreeOff = h.FreeMapOff + uint32(s.FragsPerGroup+7)/8
	if s.ContigSum <= 0 {
		return h
	}
	// Element 0 of the summary is never used, and lies over the free map's end.
	h.ClusterSumOff = (h.NextFreeOff - 4 + 3) &^ 3
	h.ClusterMapOff = h.ClusterSumOff + uint32(s.ContigSum+1)*4
	h.NextFreeOff = h.ClusterMapOff + uint32(s.FragsPerGroup/s.FragsPerBlock+7)/8
	return h
}

// newGroup returns group g of s with nothing in use and nothing free.
func newGroup(s *Superblock, g uint32, order binary.ByteOrder) *group {
	c := &group{groupHeader: s.groupLayout(), raw: make([]byte, s.GroupSize), order: order}
	c.Index = g
	c.Frags = uint32(s.groupFrags(g))
	if s.ContigSum > 0 {
		c.ClusterBlocks = c.Frags / uint32(s.FragsPerBlock)
	}
	if s.Magic == magic1 {
		c.OldNCyl, c.OldInodes, c.OldTime = int16(s.OldCPG), int16(s.InodesPerGroup), int32(s.Time)
		return c
	}
	c.Inodes, c.Time = s.InodesPerGroup, s.Time
	return c
}

// readGroup reads group g, and checks that its maps are within its block.
func readGroup(r io.ReaderAt, s *Superblock, order binary.ByteOrder, g uint32) (*group, error) {
	raw := make([]byte, s.GroupSize)
	if err := readFull(r, raw, s.offset(s.headerAt(g))); err != nil {
		return nil, fmt.Errorf("read group %d: %w", g, err)
	}
	return decodeGroup(s, order, g, raw)
}

// decodeGroup decodes group g from its bytes, which it keeps.
func decodeGroup(s *Superblock, order binary.ByteOrder, g uint32, raw []byte) (*group, error) {
	c := &group{raw: raw, order: order}
	if _, err := binary.Decode(c.raw, order, &c.groupHeader); err != nil {
		return nil, fmt.Errorf("decode group %d: %w", g, err)
	}
	if err := c.validate(s, g); err != nil {
		return nil, fmt.Errorf("group %d: %w", g, err)
	}
	return c, nil
}

// validate checks what the use of the group's maps depends on.
func (c *group) validate(s *Superblock, g uint32) error {
	if c.Magic != magicGroup {
		return fmt.Errorf("cg_magic %#x: want %#x", c.Magic, magicGroup)
	}
	if c.Index != g {
		return fmt.Errorf("cg_cgx %d: want %d", c.Index, g)
	}
	if want := uint32(s.groupFrags(g)); c.Frags != want {
		return fmt.Errorf("cg_ndblk %d: want %d", c.Frags, want)
	}
	for _, m := range []struct {
		name    string
		at, len uint32
		there   bool
	}{
		{"cg_iusedoff", c.InodeMapOff, (s.InodesPerGroup + 7) / 8, true},
		{"cg_freeoff", c.FreeMapOff, uint32(s.FragsPerGroup+7) / 8, true},
		{"cg_clustersumoff", c.ClusterSumOff, uint32(s.ContigSum+1) * 4, s.ContigSum > 0},
		{"cg_clusteroff", c.ClusterMapOff, uint32(s.FragsPerGroup/s.FragsPerBlock+7) / 8, s.ContigSum > 0},
	} {
		if m.there && (m.at < groupHeaderBytes || uint64(m.at)+uint64(m.len) > uint64(len(c.raw))) {
			return fmt.Errorf("%s %d: %d bytes from there are not within the group's %d", m.name, m.at, m.len, len(c.raw))
		}
	}
	return nil
}

// encode returns the group's bytes, which stay the group's own.
func (c *group) encode() []byte {
	if _, err := binary.Encode(c.raw, c.order, &c.groupHeader); err != nil {
		panic(err) // fixed-size fields only: see the size test
	}
	return c.raw
}

func (c *group) inodeMap() []byte   { return c.raw[c.InodeMapOff:] }
func (c *group) freeMap() []byte    { return c.raw[c.FreeMapOff:] }
func (c *group) clusterMap() []byte { return c.raw[c.ClusterMapOff:] }

// clusterSum is the number of free clusters of n blocks, or of at least n for
// the largest n.
func (c *group) clusterSum(n int) uint32 {
	return c.order.Uint32(c.raw[c.ClusterSumOff+uint32(n)*4:])
}

func (c *group) setClusterSum(n int, v uint32) {
	c.order.PutUint32(c.raw[c.ClusterSumOff+uint32(n)*4:], v)
}

// freeRange marks the n fragments from number from on free.
func (c *group) freeRange(from, n int64) { setBits(c.freeMap(), from, n) }

// summarise computes all that follows from the free and the inode map: the
// summary (but for Dirs), the fragment runs, the cluster map and its summary.
func (c *group) summarise(s *Superblock) {
	c.FragRuns = [8]uint32{}
	c.Summary.FreeBlocks, c.Summary.FreeFrags = 0, 0
	perBlock := int64(s.FragsPerBlock)
	whole := byte(0xff >> (8 - perBlock))
	free := c.freeMap()
	for at := int64(0); at < int64(c.Frags); at += perBlock {
		b := free[at/8] >> (at % 8) & whole
		switch {
		case b == whole:
			c.Summary.FreeBlocks++
		case b != 0:
			c.Summary.FreeFrags += int32(bits.OnesCount8(b))
			countRuns(b, &c.FragRuns)
		}
	}
	c.Summary.FreeInodes = int32(int64(s.InodesPerGroup) - countBits(c.inodeMap(), int64(s.InodesPerGroup)))
	if s.ContigSum > 0 {
		c.summariseClusters(s)
	}
	if s.Magic == magic1 && s.OldCPG == 1 {
		c.order.PutUint32(c.raw[c.OldBtotOff:], uint32(c.Summary.FreeBlocks))
		c.order.PutUint16(c.raw[c.OldBOff:], uint16(c.Summary.FreeBlocks))
	}
}

func (c *group) summariseClusters(s *Superblock) {
	perBlock := int64(s.FragsPerBlock)
	whole := byte(0xff >> (8 - perBlock))
	free, clusters := c.freeMap(), c.clusterMap()
	clear(clusters[:(c.ClusterBlocks+7)/8])
	sums := make([]uint32, s.ContigSum+1)
	run := 0
	for block := int64(0); block <= int64(c.ClusterBlocks); block++ {
		at := block * perBlock
		if block < int64(c.ClusterBlocks) && free[at/8]>>(at%8)&whole == whole {
			clusters[block/8] |= 1 << (block % 8)
			run++
			continue
		}
		if run > 0 {
			sums[min(run, len(sums)-1)]++
		}
		run = 0
	}
	for n := 1; n < len(sums); n++ {
		c.setClusterSum(n, sums[n])
	}
}

// countRuns counts the runs of set bits in b by their length.
func countRuns(b byte, runs *[8]uint32) {
	for b != 0 {
		b >>= bits.TrailingZeros8(b)
		n := bits.TrailingZeros8(^b)
		runs[n]++
		b >>= n
	}
}

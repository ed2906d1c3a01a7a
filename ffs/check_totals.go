package ffs

import (
	"context"
	"fmt"
)

// checkCopy compares group g's copy of the superblock with the superblock, in
// the fields that neither use nor tunefs(8) changes.
func (c *checker) checkCopy(g uint32) error {
	where := groupName(g) + ", copy of the superblock"
	at := c.s.offset(c.s.copyAt(g))
	b := make([]byte, superblockBytes)
	if ok, err := c.read(b, at, where, 0); err != nil || !ok {
		return err
	}
	s, order := decodeSuperblock(b)
	if s == nil || order != c.order {
		c.report(where, "none is there")
		return nil
	}
	s.normalise(at)
	got, want := s.fixed(), c.s.fixed()
	for n := range want {
		if got[n] != want[n] {
			c.report(where, "%s %d: want %d", want[n].name, got[n].value, want[n].value)
		}
	}
	return nil
}

// A namedValue is a field of a superblock.
type namedValue struct {
	name  string
	value int64
}

// fixed are the fields that are the same in all copies: those that fsck_ffs(8)
// compares, and the rest of those that only resize_ffs(8) changes.
func (s *Superblock) fixed() []namedValue {
	return []namedValue{
		{"fs_sblkno", int64(s.SuperblockAt)},
		{"fs_cblkno", int64(s.GroupAt)},
		{"fs_iblkno", int64(s.InodesAt)},
		{"fs_dblkno", int64(s.DataAt)},
		{"fs_ncg", int64(s.Groups)},
		{"fs_bsize", int64(s.BlockSize)},
		{"fs_fsize", int64(s.FragmentSize)},
		{"fs_frag", int64(s.FragsPerBlock)},
		{"fs_bmask", int64(s.BlockMask)},
		{"fs_fmask", int64(s.FragmentMask)},
		{"fs_bshift", int64(s.BlockShift)},
		{"fs_fshift", int64(s.FragmentShift)},
		{"fs_fragshift", int64(s.FragShift)},
		{"fs_fsbtodb", int64(s.SectorShift)},
		{"fs_sbsize", int64(s.SuperblockSize)},
		{"fs_nindir", int64(s.Pointers)},
		{"fs_inopb", int64(s.InodesPerBlock)},
		{"fs_cssize", int64(s.SummarySize)},
		{"fs_cgsize", int64(s.GroupSize)},
		{"fs_ipg", int64(s.InodesPerGroup)},
		{"fs_fpg", int64(s.FragsPerGroup)},
		{"fs_magic", int64(s.Magic)},
		{"fs_size", s.Size},
		{"fs_csaddr", s.SummaryAt},
		{"fs_contigsumsize", int64(s.ContigSum)},
		{"fs_old_cgmask", int64(s.OldGroupMask)},
		{"fs_old_cgoffset", int64(s.OldGroupOffset)},
	}
}

// checkSummary compares group g's part of the summary area.
func (c *checker) checkSummary(g uint32, want Summary) error {
	b := make([]byte, summaryBytes)
	where := fmt.Sprintf("summary of group %d", g)
	if ok, err := c.read(b, c.s.offset(c.s.SummaryAt)+int64(g)*summaryBytes, where, 0); err != nil || !ok {
		return err
	}
	word := func(n int) int32 { return int32(c.order.Uint32(b[n*4:])) }
	for _, f := range []struct {
		name      string
		got, want int32
	}{
		{"cs_ndir", word(0), want.Dirs},
		{"cs_nbfree", word(1), want.FreeBlocks},
		{"cs_nifree", word(2), want.FreeInodes},
		{"cs_nffree", word(3), want.FreeFrags},
	} {
		if f.got != f.want {
			c.report(where, "%s %d: want %d", f.name, f.got, f.want)
		}
	}
	return nil
}

// checkTotals compares the sums in the superblock, and what else it says of
// the whole.
func (c *checker) checkTotals(context.Context) error {
	got := c.s.Total
	for _, f := range []namedValue{
		{"cs_ndir", got.Dirs - c.total.Dirs},
		{"cs_nbfree", got.FreeBlocks - c.total.FreeBlocks},
		{"cs_nifree", got.FreeInodes - c.total.FreeInodes},
		{"cs_nffree", got.FreeFrags - c.total.FreeFrags},
	} {
		if f.value != 0 {
			c.report("superblock fs_cstotal", "%s is %+d from the groups' sum", f.name, f.value)
		}
	}
	for n, ino := range c.s.Snapshots {
		if ino != 0 && (int64(ino) >= c.s.inodes() || c.stateOf(ino).flags&stateSnapshot == 0) {
			c.report(fmt.Sprintf("superblock fs_snapinum[%d]", n), "inode %d is no snapshot", ino)
		}
	}
	return nil
}

package ffs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// checkGroups compares each group's copy of the superblock, header and maps,
// and its part of the summary area, with what was found in use.
func (c *checker) checkGroups(ctx context.Context) error {
	for g := range c.s.Groups {
		if err := c.next(ctx); err != nil {
			return err
		}
		if err := c.checkCopy(g); err != nil {
			return err
		}
		want := c.expectedGroup(g)
		c.total.add(want.Summary)
		if err := c.checkGroup(g, want); err != nil {
			return err
		}
		if err := c.checkSummary(g, want.Summary); err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether the maps of a group lie within it, in their order.
func (h *groupHeader) fits(s *Superblock) bool {
	offsets := []int64{groupHeaderBytes, int64(h.InodeMapOff), int64(h.FreeMapOff), int64(h.NextFreeOff), int64(s.GroupSize)}
	for n := range offsets[1:] {
		if offsets[n] > offsets[n+1] {
			return false
		}
	}
	return s.OldCPG >= 0 && s.OldCPG <= s.GroupSize && s.OldNRPos >= 0 && s.OldNRPos <= s.GroupSize
}

// expectedGroup is group g as it should be by what was found in use.
func (c *checker) expectedGroup(g uint32) *group {
	if c.claims[g] != nil || c.inodes[g] != nil || g == 0 {
		return c.usedGroup(g)
	}
	// Nearly all groups of a large file system are empty, and alike.
	if e := c.empty; e == nil || int64(e.Frags) != c.s.groupFrags(g) || c.s.groupSkew(e.Index) != c.s.groupSkew(g) {
		c.empty = c.usedGroup(g)
	}
	c.empty.Index = g
	return c.empty
}

// usedGroup is group g by the claims on its blocks and inodes.
func (c *checker) usedGroup(g uint32) *group {
	e := newGroup(c.s, g, c.order)
	claimed := c.claims[g]
	if claimed == nil {
		claimed = make([]byte, (c.s.FragsPerGroup+7)/8)
		c.claimMetadata(g, claimed)
	}
	free := e.freeMap()
	setBits(free, 0, int64(e.Frags))
	for n, b := range claimed {
		free[n] &^= b
	}
	for n, st := range c.inodes[g] {
		if st.kind == 0 {
			continue
		}
		setBits(e.inodeMap(), int64(n), 1)
		if st.kind == dirKind {
			e.Summary.Dirs++
		}
	}
	if g == 0 {
		setBits(e.inodeMap(), 0, rootIno)
	}
	e.summarise(c.s)
	return e
}

// checkGroup compares group g with what it should be.
func (c *checker) checkGroup(g uint32, want *group) error {
	if c.raw == nil {
		c.raw = make([]byte, c.s.GroupSize)
	}
	if ok, err := c.read(c.raw, c.s.offset(c.s.headerAt(g)), groupName(g), 0); err != nil || !ok {
		return err
	}
	got, err := decodeGroup(c.s, c.order, g, c.raw)
	if err != nil {
		c.report(groupName(g), "%v", errors.Unwrap(err))
		return nil
	}
	c.checkHeader(g, got, want)
	if got.InodeMapOff != want.InodeMapOff || got.FreeMapOff != want.FreeMapOff || got.ClusterMapOff != want.ClusterMapOff || got.ClusterSumOff != want.ClusterSumOff {
		return nil
	}
	if !bytes.Equal(got.raw[want.InodeMapOff:want.NextFreeOff], want.raw[want.InodeMapOff:want.NextFreeOff]) {
		c.checkMaps(g, got, want)
	}
	return nil
}

// checkHeader compares the fields of a group's header.
func (c *checker) checkHeader(g uint32, got, want *group) {
	fields := []struct {
		name      string
		got, want int64
	}{
		{"cg_firstfield", int64(got.FirstField), 0},
		{"cg_old_niblk", int64(got.OldInodes), int64(want.OldInodes)},
		{"cg_cs.cs_ndir", int64(got.Summary.Dirs), int64(want.Summary.Dirs)},
		{"cg_cs.cs_nbfree", int64(got.Summary.FreeBlocks), int64(want.Summary.FreeBlocks)},
		{"cg_cs.cs_nifree", int64(got.Summary.FreeInodes), int64(want.Summary.FreeInodes)},
		{"cg_cs.cs_nffree", int64(got.Summary.FreeFrags), int64(want.Summary.FreeFrags)},
		{"cg_old_btotoff", int64(got.OldBtotOff), int64(want.OldBtotOff)},
		{"cg_old_boff", int64(got.OldBOff), int64(want.OldBOff)},
		{"cg_iusedoff", int64(got.InodeMapOff), int64(want.InodeMapOff)},
		{"cg_freeoff", int64(got.FreeMapOff), int64(want.FreeMapOff)},
		{"cg_nextfreeoff", int64(got.NextFreeOff), int64(want.NextFreeOff)},
		{"cg_clustersumoff", int64(got.ClusterSumOff), int64(want.ClusterSumOff)},
		{"cg_clusteroff", int64(got.ClusterMapOff), int64(want.ClusterMapOff)},
		{"cg_nclusterblks", int64(got.ClusterBlocks), int64(want.ClusterBlocks)},
		{"cg_niblk", int64(got.Inodes), int64(want.Inodes)},
	}
	for _, f := range fields {
		if f.got != f.want {
			c.report(groupName(g), "%s %d: want %d", f.name, f.got, f.want)
		}
	}
	for n, v := range got.FragRuns {
		if v != want.FragRuns[n] {
			c.report(groupName(g), "cg_frsum[%d] %d: want %d", n, v, want.FragRuns[n])
		}
	}
	c.checkRotors(g, got)
	c.checkCylinders(g, got)
	if got.Spare32 != [3]int32{} || got.Spare64 != [3]int64{} {
		c.report(groupName(g), "cg_sparecon is not zero")
	}
}

// checkRotors checks where the kernel goes on searching.
func (c *checker) checkRotors(g uint32, got *group) {
	inited := c.s.InodesPerGroup
	if c.s.Version() == 1 {
		inited = 0
	}
	for _, f := range []struct {
		name string
		got  uint32
		max  uint32
	}{
		{"cg_rotor", got.BlockRotor, got.Frags - 1},
		{"cg_frotor", got.FragRotor, got.Frags - 1},
		{"cg_irotor", got.InodeRotor, c.s.InodesPerGroup - 1},
		{"cg_initediblk", got.InitedInodes, inited},
	} {
		if f.got > f.max {
			c.report(groupName(g), "%s %d: want at most %d", f.name, f.got, f.max)
		}
	}
	if got.InitedInodes%c.s.InodesPerBlock != 0 {
		c.report(groupName(g), "cg_initediblk %d: want a multiple of %d", got.InitedInodes, c.s.InodesPerBlock)
	}
}

// checkCylinders checks cg_old_ncyl, which only FFSv1 has. What the last group
// of a file system of before 2003 has varies with the newfs.
func (c *checker) checkCylinders(g uint32, got *group) {
	want := int64(0)
	if c.s.Version() == 1 {
		want = int64(c.s.OldCPG)
		if g == c.s.Groups-1 {
			if c.s.OldFlags&flagsUpdated == 0 {
				return
			}
			perCylinder := max(int64(c.s.FragsPerGroup)/max(want, 1), 1)
			want = (int64(got.Frags) + perCylinder - 1) / perCylinder
		}
	}
	if int64(got.OldNCyl) != want {
		c.report(groupName(g), "cg_old_ncyl %d: want %d", got.OldNCyl, want)
	}
}

// checkMaps compares a group's maps, and its cluster summary.
func (c *checker) checkMaps(g uint32, got, want *group) {
	name := groupName(g)
	c.checkMap(name, bitmapNames{"inode", "in use, but marked free", "marked in use, but free", int64(g) * int64(c.s.InodesPerGroup)},
		got.inodeMap()[:(c.s.InodesPerGroup+7)/8], want.inodeMap())
	c.checkMap(name, bitmapNames{"fragment", "free, but marked in use", "marked free, but in use", c.s.groupBase(g)},
		got.freeMap()[:(c.s.FragsPerGroup+7)/8], want.freeMap())
	if c.s.ContigSum <= 0 {
		return
	}
	blocks := c.s.FragsPerGroup / c.s.FragsPerBlock
	c.checkMap(name, bitmapNames{"block", "free, but not in the cluster map", "in the cluster map, but not free", c.s.groupBase(g) / int64(c.s.FragsPerBlock)},
		got.clusterMap()[:(blocks+7)/8], want.clusterMap())
	for n := 1; n <= int(c.s.ContigSum); n++ {
		if v, w := got.clusterSum(n), want.clusterSum(n); v != w {
			c.report(name, "cluster summary of %d blocks %d: want %d", n, v, w)
		}
	}
}

// bitmapNames are the words for a bitmap's faults.
type bitmapNames struct {
	unit         string
	clear, extra string // a bit that should be set, and one that should not
	base         int64  // what bit 0 stands for
}

// checkMap compares two bitmaps, and reports each kind of fault once.
func (c *checker) checkMap(where string, names bitmapNames, got, want []byte) {
	for _, f := range []struct {
		what string
		a, b []byte
	}{{names.clear, want, got}, {names.extra, got, want}} {
		var bits []int64
		count := int64(0)
		for n := range got {
			d := f.a[n] &^ f.b[n]
			for i := int64(0); d>>i != 0; i++ {
				if d>>i&1 == 0 {
					continue
				}
				if count++; count <= 3 {
					bits = append(bits, names.base+int64(n)*8+i)
				}
			}
		}
		if count > 0 {
			c.report(where, "%s: %s", someOf(names.unit, bits, count), f.what)
		}
	}
}

// someOf is "fragment 3", or "5 fragments (3, 4, 7, …)".
func someOf(unit string, first []int64, count int64) string {
	if count == 1 {
		return fmt.Sprintf("%s %d", unit, first[0])
	}
	list := ""
	for n, v := range first {
		if n > 0 {
			list += ", "
		}
		list += fmt.Sprint(v)
	}
	if count > int64(len(first)) {
		list += ", …"
	}
	return fmt.Sprintf("%d %ss (%s)", count, unit, list)
}

package ffs

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
)

// openSuperblock finds the superblock. One that is there but damaged is a
// finding, none an error.
func (c *checker) openSuperblock(context.Context) error {
	var err error
	if c.s, c.order, err = findSuperblock(c.r); err == nil {
		return nil
	}
	list := c.candidates()
	if len(list) == 0 {
		return fmt.Errorf("check: %w", err)
	}
	found := list[0]
	if invalid := found.s.validate(); invalid != nil {
		c.report("superblock", "%v; nothing else can be checked", invalid)
		return errEnough
	}
	c.report("superblock fs_sblockloc", "%d: want %d, where it is", found.s.Place, found.at)
	c.s, c.order = found.s, found.order
	c.s.Place = found.at
	return nil
}

// checkSuperblock compares each field with what follows from the others, or
// with the values that it may have.
func (c *checker) checkSuperblock(context.Context) error {
	s := c.s
	if h := s.groupLayout(); !h.fits(s) {
		c.report("superblock fs_cgsize", "%d: the maps of a group need %d; nothing else can be checked", s.GroupSize, h.NextFreeOff)
		return errEnough
	}
	c.checkDerived()
	c.checkRanges()
	if s.Version() == 1 {
		c.checkOldFields()
	}
	if n := s.Bytes(); n > c.size {
		c.report("superblock fs_size", "%d fragments are %d bytes: the image has only %d", s.Size, n, c.size)
	}
	if s.Clean&^wasCleanFlag != cleanFlag {
		c.report("superblock fs_clean", "%#x: want %#x: it was not unmounted cleanly", s.Clean, cleanFlag)
	}
	if unknown := s.Flags &^ knownFlags; unknown != 0 {
		c.report("superblock fs_flags", "%#x: the flags %#x are unknown", s.Flags, unknown)
	}
	if s.OldFlags != flagsUpdated && s.OldFlags&^flagSoftUpdates != 0 {
		c.report("superblock fs_old_flags", "%#x: want %#x", s.OldFlags, flagsUpdated)
	}
	if s.Flags&flagQuota2 != 0 && s.QuotaMagic != quotaMagic {
		c.report("superblock fs_quota_magic", "%#x: want %#x", s.QuotaMagic, quotaMagic)
	}
	return nil
}

// quotaMagic is Q2_HEAD_MAGIC of ufs/ufs/quota2.h.
const quotaMagic = 0xf1f2f3f4

// checkDerived compares what newfs(8) computes from other fields.
func (c *checker) checkDerived() {
	s := c.s
	block := int64(s.FragsPerBlock)
	sbFrags := roundUp(s.frags(superblockSize), block)
	for _, f := range []struct {
		name      string
		got, want int64
	}{
		{"fs_sblkno", int64(s.SuperblockAt), roundUp(s.frags(s.Place+superblockSize), block)},
		{"fs_cblkno", int64(s.GroupAt), int64(s.SuperblockAt) + sbFrags},
		{"fs_iblkno", int64(s.InodesAt), int64(s.GroupAt) + block},
		{"fs_dblkno", int64(s.DataAt), int64(s.InodesAt) + int64(s.InodesPerGroup/s.InodesPerBlock)*block},
		{"fs_sbsize", int64(s.SuperblockSize), min(s.fragRound(superblockBytes), superblockSize)},
		{"fs_cssize", int64(s.SummarySize), s.fragRound(int64(s.Groups) * summaryBytes)},
		{"fs_dsize", s.DataSize, s.dataFrags()},
		{"fs_pendingblocks", s.PendingBlocks, 0},
		{"fs_pendinginodes", int64(s.PendingInodes), 0},
	} {
		if f.got != f.want {
			c.report("superblock "+f.name, "%d: want %d", f.got, f.want)
		}
	}
	if s.hasNewInodes() {
		c.checkLimits()
	}
	// newfs on 32-bit machines aligns struct cg to 4 bytes.
	bytes := s.groupBytes(int64(s.InodesPerGroup), int64(s.FragsPerGroup))
	large, small := s.fragRound(bytes), s.fragRound(bytes-4)
	if size := int64(s.GroupSize); s.Version() == 1 && s.OldNRPos != 1 {
		return // groups with rotational tables have larger ones
	} else if size != large && size != small {
		c.report("superblock fs_cgsize", "%d: want %d", size, large)
	}
}

// checkLimits compares the limits that 4.4BSD's inodes have.
func (c *checker) checkLimits() {
	s := c.s
	if s.MaxInlineTarget != int32(s.inlineSize()) {
		c.report("superblock fs_maxsymlinklen", "%d: want %d", s.MaxInlineTarget, s.inlineSize())
	}
	most := s.maxFileSize()
	// An older kernel lowers it in superblocks of before 2003.
	lowered := s.Version() == 1 && s.OldFlags&flagsUpdated == 0 && s.MaxFileSize == 1<<31*uint64(s.BlockSize)-1
	if s.MaxFileSize != most && !lowered {
		c.report("superblock fs_maxfilesize", "%d: want %d", s.MaxFileSize, most)
	}
}

// checkRanges checks the fields that a user may set.
func (c *checker) checkRanges() {
	s := c.s
	sector := log2(s.FragmentSize) - log2(blockUnit)
	for _, f := range []struct {
		name            string
		got, least, max int64
	}{
		{"fs_minfree", int64(s.MinFree), 0, 99},
		{"fs_optim", int64(s.Optimize), optTime, optSpace},
		{"fs_maxcontig", int64(s.MaxContig), 1, math.MaxInt32},
		{"fs_maxbpg", int64(s.MaxPerGroup), 1, math.MaxInt32},
		{"fs_fsbtodb", int64(s.SectorShift), 0, sector},
		{"fs_cgrotor", int64(s.GroupRotor), 0, int64(s.Groups) - 1},
		{"fs_avgfilesize", int64(int32(s.AvgFileSize)), 1, math.MaxInt32},
		{"fs_avgfpdir", int64(int32(s.AvgFilesPerDir)), 1, math.MaxInt32},
	} {
		if f.got < f.least || f.got > f.max {
			c.report("superblock "+f.name, "%d: want %d to %d", f.got, f.least, f.max)
		}
	}
	if s.MaxBlockSize < s.BlockSize || !isPowerOf2(s.MaxBlockSize) {
		c.report("superblock fs_maxbsize", "%d: want a power of two of at least %d", s.MaxBlockSize, s.BlockSize)
	}
}

// checkOldFields compares what FFSv1 has for kernels of before 2003: the
// geometry of a disk, which today is one track for each group.
func (c *checker) checkOldFields() {
	s := c.s
	if s.OldFlags&flagsUpdated != 0 {
		for _, f := range []struct {
			name      string
			got, want int64
		}{
			{"fs_old_size", int64(s.OldSize), s.Size},
			{"fs_old_dsize", int64(s.OldDataSize), s.DataSize},
			{"fs_old_csaddr", int64(s.OldSummaryAt), s.SummaryAt},
		} {
			if f.got != f.want {
				c.report("superblock "+f.name, "%d: want %d as in its newer place", f.got, f.want)
			}
		}
	}
	c.checkGeometry()
	if s.OldInodeFormat != inodeFormat44 && s.OldInodeFormat > 0 {
		c.report("superblock fs_old_inodefmt", "%d: want %d", s.OldInodeFormat, inodeFormat44)
	}
	if s.OldPostblFormat != dynamicPostblFmt {
		c.report("superblock fs_old_postblformat", "%d: want %d", s.OldPostblFormat, dynamicPostblFmt)
	}
}

func (c *checker) checkGeometry() {
	s := c.s
	for _, f := range []struct {
		name            string
		got, least, max int64
	}{
		{"fs_old_nspf", int64(s.OldNSPF), 1 << min(uint32(s.SectorShift), 16), 1 << min(uint32(s.SectorShift), 16)},
		{"fs_old_cpg", int64(s.OldCPG), 1, int64(s.FragsPerGroup)},
		{"fs_old_nsect", int64(s.OldNSect), 1, int64(s.OldSPC)},
		{"fs_old_npsect", int64(s.OldNPSect), int64(s.OldNSect), 2 * int64(s.OldNSect)},
		{"fs_old_nrpos", int64(s.OldNRPos), 1, 1 << 10},
		{"fs_old_interleave", int64(s.OldInterleave), 1, int64(s.OldNSect)},
	} {
		if f.got < f.least || f.got > f.max {
			c.report("superblock "+f.name, "%d: want %d to %d", f.got, f.least, f.max)
		}
	}
	if got, want := int64(s.OldSPC)*int64(s.OldCPG), int64(s.FragsPerGroup)*int64(s.OldNSPF); got != want {
		c.report("superblock fs_old_spc", "%d: want %d sectors in the %d cylinders of a group", s.OldSPC, want, s.OldCPG)
	}
	perGroup := max(int64(s.OldCPG), 1)
	if groups := (int64(s.OldNCyl) + perGroup - 1) / perGroup; groups != int64(s.Groups) {
		c.report("superblock fs_old_ncyl", "%d: %d groups of %d cylinders are expected", s.OldNCyl, s.Groups, s.OldCPG)
	}
}

// hasNewInodes is false for the inodes and directories of before 4.4BSD.
func (s *Superblock) hasNewInodes() bool {
	return s.Version() == 2 || s.OldInodeFormat >= inodeFormat44
}

// A candidate may be a superblock.
type candidate struct {
	s     *Superblock
	order binary.ByteOrder
	at    int64
}

// candidates are the superblocks in the usual places that findSuperblock took
// for none, the most likely first: those that know where they are.
func (c *checker) candidates() []candidate {
	var known, unknown []candidate
	at := map[int64]bool{}
	for _, place := range superblockPlaces {
		b := make([]byte, superblockBytes)
		if err := readFull(c.r, b, place); err != nil {
			continue
		}
		s, order := decodeSuperblock(b)
		if s == nil {
			continue
		}
		s.normalise(place)
		at[place] = true
		if s.Place == place {
			known = append(known, candidate{s, order, place})
		} else {
			unknown = append(unknown, candidate{s, order, place})
		}
	}
	for _, u := range unknown {
		if !at[u.s.Place] { // else a copy of the one there
			known = append(known, u)
		}
	}
	return known
}

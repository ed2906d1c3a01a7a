package ffs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"time"
)

// order is the byte order asked for.
func (o *Options) order() binary.ByteOrder {
	if o.Order == nil {
		return binary.LittleEndian
	}
	return o.Order
}

// stamp is t as it is stored: in UTC, not later than NotAfter; 1970 for none.
func (o *Options) stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	if !o.NotAfter.IsZero() && t.After(o.NotAfter) {
		t = o.NotAfter
	}
	return time.Unix(t.Unix(), int64(t.Nanosecond())).UTC()
}

// superblock returns a superblock with all that does not depend on sizes, as
// mkfs() in newfs(8) fills it.
func (o *Options) superblock() (*Superblock, error) {
	bsize := cmp.Or(o.BlockSize, 16<<10)
	s := &Superblock{
		BlockSize:      int32(bsize),
		FragmentSize:   int32(cmp.Or(o.FragmentSize, max(bsize/maxFrag, cmp.Or(o.SectorSize, blockUnit)))),
		MinFree:        int32(o.MinFree),
		OldFlags:       flagsUpdated,
		Clean:          cleanFlag,
		OldInodeFormat: inodeFormat44,
		AvgFileSize:    uint32(cmp.Or(o.AvgFileSize, 16384)),
		AvgFilesPerDir: uint32(cmp.Or(o.AvgFilesPerDir, 64)),
	}
	if err := o.check(bsize); err != nil {
		return nil, err
	}
	switch cmp.Or(o.Version, 2) {
	case 1:
		s.Magic, s.Place = magic1, superblock1At
	case 2:
		s.Magic, s.Place = magic2, superblock2At
	default:
		return nil, fmt.Errorf("version %d: FFS has 1 and 2", o.Version)
	}
	s.SuperblockSize = superblockBytes
	if err := s.validateSizes(); err != nil {
		return nil, err
	}
	if o.OptimizeSpace {
		s.Optimize = optSpace
	}
	copy(s.VolumeName[:], o.Label)
	s.setShifts(cmp.Or(o.SectorSize, blockUnit))
	s.MaxContig = int32(cmp.Or(o.MaxContig, max(1, maxBlock/bsize)))
	if s.MaxContig > 1 {
		s.ContigSum = min(s.MaxContig, maxContigSum)
	}
	s.MaxPerGroup = int32(cmp.Or(o.MaxBlocksPerFile, bsize/int(s.pointerSize())))
	s.MaxBlockSize = s.BlockSize
	return s, nil
}

// check refuses numbers that are out of range.
func (o *Options) check(bsize int) error {
	for _, f := range []struct {
		name          string
		got, min, max int64
	}{
		{"block size", int64(bsize), minBlock, maxBlock},
		{"fragment size", int64(o.FragmentSize), 0, maxBlock},
		{"sector size", int64(o.SectorSize), 0, maxBlock},
		{"size", o.Size, 0, math.MaxInt64},
		{"least size", o.MinSize, 0, 1 << 60},
		{"greatest size", o.MaxSize, 0, math.MaxInt64},
		{"free space", o.Free, 0, 1 << 60},
		{"percentage of free space", int64(o.FreePercent), 0, 1 << 20},
		{"number of free inodes", o.Inodes, 0, maxInodes},
		{"density", int64(o.Density), 0, math.MaxInt32},
		{"percentage of the reserve", int64(o.MinFree), 0, 99},
		{"blocks per group", int64(o.MaxBlocksPerGroup), 0, math.MaxInt32},
		{"blocks per file in a group", int64(o.MaxBlocksPerFile), 0, math.MaxInt32},
		{"blocks in a cluster", int64(o.MaxContig), 0, math.MaxInt32},
		{"average file size", int64(o.AvgFileSize), 0, math.MaxInt32},
		{"files per folder", int64(o.AvgFilesPerDir), 0, math.MaxInt32},
		{"length of the label", int64(len(o.Label)), 0, maxVolume},
	} {
		if f.got < f.min || f.got > f.max {
			return fmt.Errorf("%s %d: want %d to %d", f.name, f.got, f.min, f.max)
		}
	}
	if o.FragmentSize != 0 && o.FragmentSize < o.SectorSize {
		return fmt.Errorf("fragment size %d: want at least the sector size, %d", o.FragmentSize, o.SectorSize)
	}
	if n := int32(o.SectorSize); n != 0 && (!isPowerOf2(n) || n < blockUnit) {
		return fmt.Errorf("sector size %d: want a power of two from %d on", n, blockUnit)
	}
	if sec := o.stamp(o.Time).Unix(); o.Version == 1 && int64(int32(sec)) != sec {
		return fmt.Errorf("time %s: FFSv1 holds times from 1901 to 2038, use version 2", o.Time.UTC().Format(time.RFC3339))
	}
	return nil
}

// setShifts derives what follows from block, fragment and sector size.
func (s *Superblock) setShifts(sector int) {
	s.FragsPerBlock = s.BlockSize / s.FragmentSize
	s.BlockMask, s.FragmentMask = ^(s.BlockSize - 1), ^(s.FragmentSize - 1)
	s.BlockOffMask, s.FragOffMask = int64(s.BlockSize-1), int64(s.FragmentSize-1)
	s.BlockShift, s.FragmentShift = int32(log2(s.BlockSize)), int32(log2(s.FragmentSize))
	s.FragShift = int32(log2(s.FragsPerBlock))
	s.SectorShift = int32(log2(max(s.FragmentSize/int32(sector), 1)))
	s.Pointers = s.BlockSize / s.pointerSize()
	s.InodesPerBlock = uint32(s.BlockSize / s.inodeSize())
	s.MaxInlineTarget = int32(s.inlineSize())
	s.SuperblockSize = int32(min(s.fragRound(superblockBytes), superblockSize))
	s.MaxFileSize = s.maxFileSize()

	round := func(bytes int64) int32 {
		return (int32(s.frags(bytes)) + s.FragsPerBlock - 1) / s.FragsPerBlock * s.FragsPerBlock
	}
	s.SuperblockAt = round(s.Place + superblockSize)
	s.GroupAt = s.SuperblockAt + round(superblockSize)
	s.InodesAt = s.GroupAt + s.FragsPerBlock
	if s.Magic != magic1 {
		return
	}
	s.OldGroupMask = -1
	s.OldRPS = 60
	s.OldNSPF = max(s.FragmentSize/int32(sector), 1)
	s.OldCPG = 1
	s.OldInterleave = 1
	s.OldPostblFormat = dynamicPostblFmt
	s.OldNRPos = 1
}

// maxFileSize is what the block tree of an inode can hold.
func (s *Superblock) maxFileSize() uint64 {
	size := uint64(s.BlockSize)*directs - 1
	span := uint64(s.BlockSize)
	for range indirects {
		span *= uint64(s.Pointers)
		size += span
	}
	return size
}

// fileLimit is how long a file may be: fsck_ffs(8) clears longer ones of an
// FFSv1, whatever fs_maxfilesize says.
func (s *Superblock) fileLimit() uint64 {
	if s.Magic == magic1 {
		return min(s.maxFileSize(), 1<<31*uint64(s.BlockSize)-1)
	}
	return s.maxFileSize()
}

// groupBytes is how long a group's header and maps are (CGSIZE() in fs.h).
func (s *Superblock) groupBytes(inodes, frags int64) int64 {
	n := groupBaseBytes + int64(s.OldCPG)*6 + (inodes+7)/8 + (frags+7)/8
	if s.ContigSum > 0 {
		n += int64(s.ContigSum)*4 + (frags/int64(s.FragsPerBlock)+7)/8
	}
	return n
}

// maxFragsPerGroup is the most fragments that a group with so many inodes can
// describe in its block, 0 or less if there is no room for any.
func (s *Superblock) maxFragsPerGroup(inodes int64) int64 {
	lo, hi := int64(0), int64(s.BlockSize) // of 8 fragments
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if s.groupBytes(inodes, mid*8) <= int64(s.BlockSize) {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo * 8
}

// shape returns a copy of s with so many groups, for at least so many inodes
// and with groups as large as they can be. ok is false if a group would have
// no room for data.
func (s *Superblock) shape(groups, inodes int64, o *Options) (shaped *Superblock, ok bool) {
	t := *s
	per := int64(s.InodesPerBlock)
	ipg := ((inodes+groups-1)/groups + per - 1) / per * per
	fpg := s.maxFragsPerGroup(ipg)
	if most := int64(o.MaxBlocksPerGroup) * int64(s.FragsPerBlock); most > 0 {
		fpg = min(fpg, roundUp(most, 8))
	}
	t.Groups, t.InodesPerGroup = uint32(groups), uint32(ipg)
	t.SummarySize = int32(min(s.fragRound(groups*summaryBytes), math.MaxInt32))
	t.DataAt = int32(min(int64(s.InodesAt)+ipg/per*int64(s.FragsPerBlock), math.MaxInt32/2))
	t.SummaryAt = int64(t.DataAt)
	if fpg < t.minFragsPerGroup() || t.SummarySize == math.MaxInt32 {
		return nil, false
	}
	t.setGroupFrags(fpg)
	return &t, true
}

// minFragsPerGroup is the least that group 0 needs: its metadata, the summary
// area and a block.
func (s *Superblock) minFragsPerGroup() int64 {
	perBlock := int64(s.FragsPerBlock)
	return roundUp(roundUp(int64(s.DataAt)+s.frags(int64(s.SummarySize)), perBlock)+perBlock, 8)
}

// setGroupFrags sets the size of groups, all of them whole.
func (s *Superblock) setGroupFrags(fpg int64) {
	s.FragsPerGroup = int32(fpg)
	s.GroupSize = int32(s.fragRound(s.groupBytes(int64(s.InodesPerGroup), fpg)))
	s.Size = int64(s.Groups) * fpg
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// A need is what a file system must have room for.
type need struct {
	inodes int64 // reserved ones included
	blocks int64 // of data, free ones included
	frags  int64 // of data, as if they could be without gaps, and without indirect blocks
}

// fit decides the sizes, for so many files in so many blocks.
func (o *Options) fit(s *Superblock, used need) (*Superblock, error) {
	used.inodes += rootIno
	wanted := o.withFree(s, used)
	least, err := s.fitBlocks(wanted, o)
	if err != nil {
		return nil, err
	}
	size := o.Size
	if size == 0 {
		size = max(roundUp(o.MinSize, int64(s.FragmentSize)), least.Bytes(), o.reserved(s, wanted))
	}
	if size < least.Bytes() {
		return nil, fmt.Errorf("the files and the free space asked for take %d bytes, %d more than the size of %d", least.Bytes(), least.Bytes()-size, size)
	}
	if o.MaxSize > 0 && size > o.MaxSize {
		return nil, fmt.Errorf("the files and the free space asked for take %d bytes, %d more than the greatest size of %d", size, size-o.MaxSize, o.MaxSize)
	}
	if size != least.Bytes() {
		least = s.fitSize(size>>s.FragmentShift, used, least, o)
	}
	if short := size>>s.FragmentShift - least.Size; short > int64(least.DataAt+2*least.FragsPerBlock) {
		return nil, fmt.Errorf("size %d: an FFS with blocks of %d bytes can't be as large: take larger ones", size, s.BlockSize)
	}
	if s.Magic == magic1 && least.Size > maxFragments {
		return nil, fmt.Errorf("%d bytes: an FFSv1 with fragments of %d bytes holds %d: take version 2 or larger fragments", least.Bytes(), s.FragmentSize, int64(maxFragments)*int64(s.FragmentSize))
	}
	return least.settle(), nil
}

// withFree adds the room that o asks for to what is used.
func (o *Options) withFree(s *Superblock, used need) need {
	free := max(o.Free, (used.blocks<<s.BlockShift)/100*int64(o.FreePercent))
	blocks := s.blocks(free)
	return need{
		inodes: used.inodes + o.spareInodes(s, free),
		blocks: used.blocks + blocks,
		frags:  used.frags + blocks*int64(s.FragsPerBlock),
	}
}

// reserved is the size with the reserve of MinFree. Like makefs(8), it takes
// the reserve from what is known before the groups are: data, inodes and two
// superblocks.
func (o *Options) reserved(s *Superblock, n need) int64 {
	if o.MinFree == 0 {
		return 0
	}
	sum := n.frags<<s.FragmentShift + n.inodes*int64(s.inodeSize()) + 2*superblockSize
	return sum / 100 * int64(100+o.MinFree) &^ int64(s.FragmentSize-1)
}

// spareInodes is how many inodes so many free bytes get.
func (o *Options) spareInodes(s *Superblock, free int64) int64 {
	if o.Inodes > 0 {
		return o.Inodes
	}
	return free / int64(cmp.Or(o.Density, int(4*s.FragmentSize)))
}

// fitBlocks returns the smallest file system for n: of as few groups as
// possible, and these of the same size.
func (s *Superblock) fitBlocks(n need, o *Options) (*Superblock, error) {
	if n.inodes > maxInodes {
		return nil, fmt.Errorf("%d inodes: FFS holds %d", n.inodes, int64(maxInodes))
	}
	t := s.fewestGroups(n.inodes, o, func(t *Superblock) bool { return newSpace(t).capacity(t.Groups) >= n.blocks })
	if t == nil {
		return nil, fmt.Errorf("%d blocks and %d inodes do not fit into an FFS with blocks of %d bytes: take larger ones", n.blocks, n.inodes, s.BlockSize)
	}
	t.shrink(n.blocks)
	return t, nil
}

// fewestGroups returns the shape with the fewest groups that is enough, or nil
// if none is. With more groups there is more room, as each has fewer inodes to
// describe.
func (s *Superblock) fewestGroups(inodes int64, o *Options, enough func(*Superblock) bool) *Superblock {
	holds := func(groups int64) bool {
		t, ok := s.shape(groups, inodes, o)
		return ok && enough(t)
	}
	hi := int64(1)
	for ; !holds(hi); hi *= 2 {
		if hi > math.MaxInt32/2 {
			return nil
		}
	}
	lo := hi/2 + 1
	groups := lo + int64(sort.Search(int(hi-lo), func(i int) bool { return holds(lo + int64(i)) }))
	t, _ := s.shape(groups, inodes, o)
	return t
}

// shrink makes the groups, and then the last one, as small as they can be for
// so many blocks of data. The last keeps its metadata and a block.
func (s *Superblock) shrink(blocks int64) {
	perBlock := int64(s.FragsPerBlock)
	lo, hi := s.minFragsPerGroup()/8, int64(s.FragsPerGroup)/8
	for lo < hi {
		mid := (lo + hi) / 2
		s.FragsPerGroup = int32(mid * 8)
		if newSpace(s).capacity(s.Groups) >= blocks {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	s.setGroupFrags(lo * 8)
	end := newSpace(s).address(max(blocks, 1)-1) + perBlock
	s.Size = max(end, s.groupBase(s.Groups-1)+int64(s.DataAt)+perBlock)
}

// fitSize returns a file system of so many fragments, or a few less where the
// last group would have only metadata; and where that goes wrong with all
// inodes that the size asks for, one with less, down to the least.
func (s *Superblock) fitSize(frags int64, used need, least *Superblock, o *Options) *Superblock {
	free := max(frags-least.Size, 0) << s.FragmentShift
	for spare := o.spareInodes(s, free); ; spare = spare * 7 / 8 {
		if t := s.shapeSize(frags, used.inodes+spare, o); t != nil && t.dataBlocks() >= used.blocks && t.Size >= least.Size {
			return t
		}
		if spare == 0 || o.Inodes > 0 {
			return least
		}
	}
}

// dataBlocks is how many blocks can have data.
func (s *Superblock) dataBlocks() int64 {
	space := newSpace(s)
	blocks := space.capacity(s.Groups - 1)
	for _, a := range space.areas(s.Groups - 1) {
		blocks += a.n
	}
	return blocks
}

// shapeSize returns a file system of so many fragments with at least so many
// inodes, or nil.
func (s *Superblock) shapeSize(frags, inodes int64, o *Options) *Superblock {
	t := s.fewestGroups(inodes, o, func(t *Superblock) bool { return t.Size >= frags })
	if t == nil || int64(t.Groups)*t.minFragsPerGroup() > frags {
		return nil
	}
	fpg := roundUp((frags+int64(t.Groups)-1)/int64(t.Groups), 8)
	t.setGroupFrags(fpg)
	t.Groups, t.Size = uint32((frags+fpg-1)/fpg), frags
	if last := t.groupFrags(t.Groups - 1); last < int64(t.DataAt)+int64(t.FragsPerBlock) && t.Groups > 1 {
		t.Groups--
		t.Size -= last
	}
	t.SummarySize = int32(s.fragRound(int64(t.Groups) * summaryBytes))
	if t.inodes() < inodes {
		return nil
	}
	return t
}

// settle fills what follows from the sizes.
func (s *Superblock) settle() *Superblock {
	s.DataSize = s.dataFrags()
	if s.Magic != magic1 {
		return s
	}
	s.OldSize, s.OldDataSize, s.OldSummaryAt = int32(s.Size), int32(s.DataSize), int32(s.SummaryAt)
	s.OldSPC = s.FragsPerGroup * s.OldNSPF
	s.OldNSect, s.OldNPSect = s.OldSPC, s.OldSPC
	s.OldNCyl = int32(s.Groups)
	return s
}

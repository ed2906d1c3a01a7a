package ffs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// errNoSuperblock says that bytes are no FFS at all, rather than a damaged one.
var errNoSuperblock = errors.New("no FFS superblock")

// Version is 1 or 2, with extended attributes (UFS2EA) or without.
func (s *Superblock) Version() int {
	if s.Magic == magic1 {
		return 1
	}
	return 2
}

// Label is the volume's name.
func (s *Superblock) Label() string { return cString(s.VolumeName[:]) }

// Bytes is the size of the whole file system.
func (s *Superblock) Bytes() int64 { return s.Size << s.FragmentShift }

// encode returns the superblock's bytes, superblockSize of them.
func (s *Superblock) encode(order binary.ByteOrder) []byte {
	b := make([]byte, superblockSize)
	if _, err := binary.Encode(b, order, s); err != nil {
		panic(err) // the struct has fixed-size fields only and fits: see the size test
	}
	return b
}

// findSuperblock reads the superblock of the file system in r from the first
// of the usual places that has a sound one.
func findSuperblock(r io.ReaderAt) (*Superblock, binary.ByteOrder, error) {
	err := errNoSuperblock
	for _, at := range superblockPlaces {
		s, order, e := readSuperblock(r, at)
		switch {
		case errors.Is(e, errNoSuperblock):
			continue
		case e != nil:
			err = e
			continue
		case s.Place != at || at == superblock2At && s.Magic == magic1:
			continue // a copy, such as the first group's at 64 KiB of an FFSv1
		}
		return s, order, nil
	}
	return nil, nil, err
}

// readSuperblock reads the superblock at the offset at, or a copy of it.
func readSuperblock(r io.ReaderAt, at int64) (*Superblock, binary.ByteOrder, error) {
	b := make([]byte, superblockBytes)
	if n, err := r.ReadAt(b, at); n < len(b) {
		if errors.Is(err, io.EOF) {
			err = errNoSuperblock
		}
		return nil, nil, fmt.Errorf("read the superblock at %d: %w", at, err)
	}
	s, order := decodeSuperblock(b)
	if s == nil {
		return nil, nil, errNoSuperblock
	}
	s.normalise(at)
	if err := s.validate(); err != nil {
		return nil, nil, fmt.Errorf("superblock at %d: %w", at, err)
	}
	return s, order, nil
}

// decodeSuperblock decodes b, in whichever byte order gives it a magic number.
// It returns nil where neither does.
func decodeSuperblock(b []byte) (*Superblock, binary.ByteOrder) {
	magic := b[superblockBytes-4 : superblockBytes]
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(magic) {
		case magic1, magic2, magic2EA:
		default:
			continue
		}
		s := new(Superblock)
		if _, err := binary.Decode(b, order, s); err != nil {
			return nil, nil
		}
		return s, order
	}
	return nil, nil
}

// normalise fills the fields that a superblock of before 2003 has elsewhere
// (ffs_oldfscompat_read() in the kernel).
func (s *Superblock) normalise(at int64) {
	if s.Magic != magic1 || s.OldFlags&flagsUpdated != 0 {
		return
	}
	s.Total = TotalSummary{}
	s.Total.add(s.OldTotal)
	s.Time = int64(s.OldTime)
	s.Size = int64(s.OldSize)
	s.DataSize = int64(s.OldDataSize)
	s.SummaryAt = int64(s.OldSummaryAt)
	s.MaxBlockSize = s.BlockSize
	s.Place = at
	s.Flags = uint32(s.OldFlags)
	if s.OldInodeFormat < inodeFormat44 {
		s.BlockOffMask, s.FragOffMask = int64(^s.BlockMask), int64(^s.FragmentMask)
		s.MaxFileSize = 1 << 39
	}
}

// validate checks all by which addresses are computed, so that what is
// computed from a valid superblock is within the file system.
// ffs_superblock_validate() in the kernel checks a part of it.
func (s *Superblock) validate() error {
	for _, check := range []func() error{s.validateSizes, s.validateShifts, s.validateGroups, s.validatePlaces} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Superblock) validateSizes() error {
	if !isPowerOf2(s.BlockSize) || s.BlockSize < minBlock || s.BlockSize > maxBlock {
		return fmt.Errorf("block size %d: want a power of two from %d to %d", s.BlockSize, minBlock, maxBlock)
	}
	if !isPowerOf2(s.FragmentSize) || s.FragmentSize < blockUnit || s.FragmentSize > s.BlockSize || s.BlockSize/s.FragmentSize > maxFrag {
		return fmt.Errorf("fragment size %d: want a half, quarter or eighth of the block size %d, or all of it", s.FragmentSize, s.BlockSize)
	}
	if s.SuperblockSize < superblockBytes || s.SuperblockSize > superblockSize {
		return fmt.Errorf("superblock size %d: want %d to %d", s.SuperblockSize, superblockBytes, superblockSize)
	}
	return nil
}

func (s *Superblock) validateShifts() error {
	for _, f := range []struct {
		name      string
		got, want int64
	}{
		{"fs_frag", int64(s.FragsPerBlock), int64(s.BlockSize / s.FragmentSize)},
		{"fs_bmask", int64(s.BlockMask), int64(^(s.BlockSize - 1))},
		{"fs_fmask", int64(s.FragmentMask), int64(^(s.FragmentSize - 1))},
		{"fs_bshift", int64(s.BlockShift), log2(s.BlockSize)},
		{"fs_fshift", int64(s.FragmentShift), log2(s.FragmentSize)},
		{"fs_fragshift", int64(s.FragShift), log2(s.BlockSize / s.FragmentSize)},
		{"fs_nindir", int64(s.Pointers), int64(s.BlockSize / s.pointerSize())},
		{"fs_inopb", int64(s.InodesPerBlock), int64(s.BlockSize / s.inodeSize())},
		{"fs_qbmask", s.BlockOffMask, int64(s.BlockSize - 1)},
		{"fs_qfmask", s.FragOffMask, int64(s.FragmentSize - 1)},
	} {
		if f.got != f.want {
			return fmt.Errorf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
	return nil
}

func (s *Superblock) validateGroups() error {
	if s.Size <= 0 || s.Size > math.MaxInt64>>s.FragmentShift || s.Version() == 1 && s.Size > maxFragments {
		return fmt.Errorf("fs_size %d: out of range", s.Size)
	}
	if s.FragsPerGroup <= 0 || s.FragsPerGroup%s.FragsPerBlock != 0 {
		return fmt.Errorf("fs_fpg %d: want a positive multiple of %d", s.FragsPerGroup, s.FragsPerBlock)
	}
	if want := (s.Size + int64(s.FragsPerGroup) - 1) / int64(s.FragsPerGroup); int64(s.Groups) != want {
		return fmt.Errorf("fs_ncg %d: %d fragments in groups of %d make %d", s.Groups, s.Size, s.FragsPerGroup, want)
	}
	if s.InodesPerGroup == 0 || s.InodesPerGroup%s.InodesPerBlock != 0 || uint64(s.InodesPerGroup)*uint64(s.Groups) > maxInodes+8 {
		return fmt.Errorf("fs_ipg %d: want a multiple of %d, and fewer than 2^31 inodes in all", s.InodesPerGroup, s.InodesPerBlock)
	}
	if s.GroupSize < groupHeaderBytes || s.GroupSize > s.BlockSize {
		return fmt.Errorf("fs_cgsize %d: want %d to %d", s.GroupSize, groupHeaderBytes, s.BlockSize)
	}
	if s.ContigSum < 0 || s.ContigSum > maxContigSum {
		return fmt.Errorf("fs_contigsumsize %d: want 0 to %d", s.ContigSum, maxContigSum)
	}
	return nil
}

// validatePlaces checks that a group's parts stand in their order and within
// even the last group, and that the summary area is within the file system.
func (s *Superblock) validatePlaces() error {
	block := int64(s.FragsPerBlock)
	last := s.Groups - 1
	places := []struct {
		name    string
		at, min int64
	}{
		{"fs_sblkno", int64(s.SuperblockAt), 0},
		{"fs_cblkno", int64(s.GroupAt), int64(s.SuperblockAt) + s.frags(int64(s.SuperblockSize))},
		{"fs_iblkno", int64(s.InodesAt), int64(s.GroupAt) + s.frags(int64(s.GroupSize))},
		{"fs_dblkno", int64(s.DataAt), int64(s.InodesAt) + int64(s.InodesPerGroup/s.InodesPerBlock)*block},
		{"the last group's end", s.groupFrags(last), s.groupSkew(last) + int64(s.DataAt)},
		{"fs_csaddr", s.SummaryAt, int64(s.DataAt)},
	}
	for _, p := range places {
		if p.at < p.min {
			return fmt.Errorf("%s %d: want at least %d", p.name, p.at, p.min)
		}
	}
	if int64(s.DataAt) > int64(s.FragsPerGroup) {
		return fmt.Errorf("fs_dblkno %d: groups have only %d fragments", s.DataAt, s.FragsPerGroup)
	}
	if most := int64(s.OldGroupOffset) * int64(min(uint32(^s.OldGroupMask), s.Groups)); s.Magic == magic1 && (most < 0 || most > int64(s.FragsPerGroup-s.DataAt)) {
		return fmt.Errorf("fs_old_cgoffset %d: want groups that keep their metadata within themselves", s.OldGroupOffset)
	}
	if want := int64(s.Groups) * summaryBytes; int64(s.SummarySize) < want {
		return fmt.Errorf("fs_cssize %d: want at least %d for %d groups", s.SummarySize, want, s.Groups)
	}
	if s.SummaryAt > s.Size-s.frags(int64(s.SummarySize)) {
		return fmt.Errorf("fs_csaddr %d: out of range", s.SummaryAt)
	}
	return nil
}

func isPowerOf2(n int32) bool { return n > 0 && n&(n-1) == 0 }

func log2(n int32) int64 { return int64(bits.Len32(uint32(n))) - 1 }

// cString returns b up to its first NUL.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

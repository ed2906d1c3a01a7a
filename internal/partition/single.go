package partition

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

// align is what the partition's start and end are multiples of, in bytes: a
// good place on any medium.
const align = 1 << 20

// A Single is a disk with one partition, for a root file system of NetBSD. It
// has the same bytes for the same fields.
type Single struct {
	Scheme Scheme // Bare, Disklabel or GPT
	// Size of the file system in bytes. The partition is that and what it
	// takes to end on 1 MiB.
	Size int64
	// Name of the GPT partition, which NetBSD gives to its wedge
	// (root=NAME=…), up to 36 UTF-16 units; or of the disklabel's disk, of
	// which 15 bytes are kept.
	Name string
	// Seed is what the GPT's GUIDs or the MBR's signature are derived from: a
	// digest of what is on the disk.
	Seed [32]byte
	// BlockSize and FragmentSize of the file system in bytes, which a
	// disklabel repeats for fsck's sake. They may be 0.
	BlockSize, FragmentSize int
}

// Check says why the disk can't be. A Size of 0 stands for one that is not
// known yet.
func (s Single) Check() error {
	switch s.Scheme {
	case Bare:
	case Disklabel:
		if s.end()/sectorSize > 1<<32-1 {
			return fmt.Errorf("a disk of %d bytes: disklabels end at 2 TiB, take a GPT", s.DiskSize())
		}
	case GPT:
		if n := len(utf16.Encode([]rune(s.Name))); n == 0 || n > gptNameLength {
			return fmt.Errorf("partition name %q: a GPT holds 1 to %d letters", s.Name, gptNameLength)
		}
	default:
		return fmt.Errorf("no disk with scheme %q can be made (known: %s, %s, %s)", s.Scheme, Bare, Disklabel, GPT)
	}
	if i := strings.IndexFunc(s.Name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }); i >= 0 {
		return fmt.Errorf("partition name %q: it has a character that no name has", s.Name)
	}
	return nil
}

// Offset returns where the partition begins, in bytes.
func (s Single) Offset() int64 {
	if s.Scheme == Bare {
		return 0
	}
	return align
}

// DiskSize returns the size of the whole disk in bytes.
func (s Single) DiskSize() int64 {
	switch s.Scheme {
	case Bare:
		return s.Size
	case GPT:
		return s.end() + align // the backup's place, and its rest
	}
	return s.end()
}

// end returns where the partition ends, in bytes.
func (s Single) end() int64 { return align + (s.Size+align-1)/align*align }

// Write writes the tables to w, which must be zeros there; for a bare disk
// there are none. A disklabel is inside of the partition, in the boot area
// that file systems leave alone, so it is written after the file system. The
// caller makes w DiskSize long.
func (s Single) Write(w io.WriterAt) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.Size <= 0 || s.DiskSize() < s.Size {
		return fmt.Errorf("a partition of %d bytes", s.Size)
	}
	switch s.Scheme {
	case Disklabel:
		return s.writeLabel(w)
	case GPT:
		return s.writeGPT(w)
	}
	return nil
}

// A piece is a part of a table, and where it is on the disk in bytes.
type piece struct {
	at int64
	b  []byte
}

func writeAll(w io.WriterAt, pieces ...piece) error {
	for _, p := range pieces {
		if _, err := w.WriteAt(p.b, p.at); err != nil {
			return fmt.Errorf("write the partition table: %w", err)
		}
	}
	return nil
}

// The geometry that NetBSD makes up for a small virtio disk (sys/dev/ld.c),
// and its type (DKTYPE_LD). Nothing is addressed by it.
const (
	ldTracks  = 16
	ldSectors = 63
	ldType    = 15
)

// writeLabel writes an MBR whose only partition is NetBSD's, and in its second
// sector a label in which a is the root, c that MBR partition and d the whole
// disk, as i386 and amd64 have it.
func (s Single) writeLabel(w io.WriterAt) error {
	start, count, all := uint32(align/sectorSize), uint32((s.end()-align)/sectorSize), uint32(s.end()/sectorSize)
	h := labelHead{
		Type: ldType, SectorSize: sectorSize, RPM: 3600, Interleave: 1,
		Sectors: ldSectors, Tracks: ldTracks, CylinderSectors: ldSectors * ldTracks,
		Cylinders: all / (ldSectors * ldTracks), DiskSectors: all,
		BootSize: 8192, SuperblockSize: 8192, // BBSIZE and SBLOCKSIZE of sys/ufs/ffs/fs.h
	}
	copy(h.TypeName[:], "ld")
	copy(h.PackName[:len(h.PackName)-1], s.Name)
	root := labelPart{Count: count, Start: start, Type: labelFFS, Fragment: uint32(s.FragmentSize)}
	if s.FragmentSize > 0 {
		root.Fragments = uint8(s.BlockSize / s.FragmentSize)
	}
	parts := []labelPart{root, {}, {Count: count, Start: start}, {Count: all}}
	mbr := putMBR(mbrNetBSD, mbrActive, uint64(start), uint64(count), binary.LittleEndian.Uint32(s.Seed[:]))
	return writeAll(w, piece{0, mbr}, piece{align + labelAt, putLabel(h, parts)})
}

// writeGPT writes both copies of the table and the MBR that guards it.
func (s Single) writeGPT(w io.WriterAt) error {
	const arraySectors = gptEntries * gptEntrySize / sectorSize
	last := uint64(s.DiskSize()/sectorSize) - 1
	e := gptEntry{
		Type: guidFFS, ID: derive(s.Seed, "partition"), Attributes: gptBootMe,
		First: align / sectorSize, Last: uint64(s.end()/sectorSize) - 1,
	}
	copy(e.Name[:], utf16.Encode([]rune(s.Name)))
	array := make([]byte, gptEntries*gptEntrySize)
	if _, err := binary.Encode(array, binary.LittleEndian, e); err != nil {
		return err
	}
	h := gptHeader{
		Signature: gptSignature, Revision: gptRevision, Size: gptHeaderSize,
		Self: 1, Other: last, First: 2 + arraySectors, Last: last - arraySectors - 1,
		Disk: derive(s.Seed, "disk"), Array: 2,
		Entries: gptEntries, EntrySize: gptEntrySize, ArrayCRC: crc32.ChecksumIEEE(array),
	}
	backup := h
	backup.Self, backup.Other, backup.Array = h.Other, h.Self, last-arraySectors
	return writeAll(w,
		piece{0, putMBR(mbrProtective, 0, 1, last, 0)},
		piece{1 * sectorSize, h.bytes()},
		piece{2 * sectorSize, array},
		piece{int64(backup.Array) * sectorSize, array},
		piece{int64(last) * sectorSize, backup.bytes()})
}

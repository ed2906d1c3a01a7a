package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// A master boot record is the disk's first sector. NetBSD's words for it are
// in sys/sys/bootblock.h; all of it is little-endian.

const (
	mbrSignatureAt = 440    // uint32, the disk's number (mbr_dsn)
	mbrEntriesAt   = 446    // mbrEntries of mbrEntry (mbr_parts)
	mbrMagicAt     = 510    // uint16 (mbr_magic)
	mbrMagic       = 0xaa55 //
	mbrEntries     = 4
	mbrActive      = 0x80 // the partition that a BIOS boots
	mbrChain       = 128  // most extended boot records that are read
)

// Partition types.
const (
	mbrUnused     = 0x00
	mbrNetBSD     = 0xa9
	mbrProtective = 0xee // all of a disk with a GPT
)

// mbrEntry is struct mbr_partition, 16 bytes.
type mbrEntry struct {
	Flag  uint8   // 0 mbrActive or 0
	First [3]byte // 1 first sector as cylinder, head and sector
	Type  uint8   // 4
	Last  [3]byte // 5 last sector, likewise
	Start uint32  // 8 sectors, from the disk's start or an extended record
	Count uint32  // 12 sectors
}

var mbrTypes = map[uint8]Type{
	0x01: FAT, 0x04: FAT, 0x06: FAT, 0x0b: FAT, 0x0c: FAT, 0x0e: FAT, 0xef: FAT,
	0x07: NTFS, 0x82: Swap, 0x83: Linux, mbrNetBSD: FFS,
}

func mbrType(n uint8) Type {
	if t, ok := mbrTypes[n]; ok {
		return t
	}
	return Type(fmt.Sprintf("%#02x", n))
}

func (e mbrEntry) extended() bool { return e.Type == 0x05 || e.Type == 0x0f || e.Type == 0x85 }

// readMBR returns the entries of the boot record at sector. Boot code of a
// file system ends with the same magic, so there must be entries, and none
// that can't be one.
func readMBR(d disk, sector uint64) ([mbrEntries]mbrEntry, error) {
	var entries [mbrEntries]mbrEntry
	b, err := d.read(int64(sector)*sectorSize, sectorSize)
	if err != nil {
		return entries, err
	}
	if binary.LittleEndian.Uint16(b[mbrMagicAt:]) != mbrMagic {
		return entries, errNone
	}
	if _, err := binary.Decode(b[mbrEntriesAt:], binary.LittleEndian, &entries); err != nil {
		return entries, err
	}
	used := false
	for _, e := range entries {
		if e.Flag&^mbrActive != 0 || e.Type != mbrUnused && (e.Start == 0 || e.Count == 0) {
			return entries, errNone
		}
		used = used || e.Type != mbrUnused
	}
	if !used {
		return entries, errNone
	}
	return entries, nil
}

// findMBR returns the partitions of a disk's boot record and the extended
// ones, or those of the first disklabel in a NetBSD partition.
func findMBR(d disk) (Table, error) {
	entries, err := readMBR(d, 0)
	if err != nil {
		return Table{}, err
	}
	t := Table{Scheme: MBR}
	var extended uint64
	for i, e := range entries {
		if e.Type == mbrUnused {
			continue
		}
		off, size, err := d.span(uint64(e.Start), uint64(e.Count), sectorSize)
		if err != nil {
			return t, fmt.Errorf("MBR partition %d: %w", i+1, err)
		}
		if e.Type == mbrNetBSD {
			if label, err := readLabel(d, off); !errors.Is(err, errNone) {
				return label, err
			}
		}
		if e.extended() {
			extended = uint64(e.Start)
			continue
		}
		t.Partitions = append(t.Partitions, Partition{ID: strconv.Itoa(i + 1), Type: mbrType(e.Type), Offset: off, Size: size})
	}
	if extended == 0 {
		return t, nil
	}
	logical, err := readLogical(d, extended)
	t.Partitions = append(t.Partitions, logical...)
	return t, err
}

// readLogical follows the chain of extended boot records that starts at the
// sector base. Each has a partition, relative to it, and a link to the next,
// relative to base.
func readLogical(d disk, base uint64) ([]Partition, error) {
	var all []Partition
	at := base
	for range mbrChain {
		entries, err := readMBR(d, at)
		if errors.Is(err, errNone) { // an empty extended partition
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		next := uint64(0)
		for _, e := range entries {
			if e.Type == mbrUnused {
				continue
			}
			if e.extended() {
				next = base + uint64(e.Start)
				continue
			}
			id := strconv.Itoa(mbrEntries + 1 + len(all))
			off, size, err := d.span(at+uint64(e.Start), uint64(e.Count), sectorSize)
			if err != nil {
				return nil, fmt.Errorf("MBR partition %s: %w", id, err)
			}
			all = append(all, Partition{ID: id, Type: mbrType(e.Type), Offset: off, Size: size})
		}
		if next <= at { // the end; a chain that goes back would have none
			return all, nil
		}
		at = next
	}
	return nil, fmt.Errorf("more than %d extended boot records", mbrChain)
}

// putMBR returns a boot record with one partition.
func putMBR(typ, flag uint8, start, count uint64, signature uint32) []byte {
	e := mbrEntry{Flag: flag, Type: typ, First: chs(start), Last: chs(start + count - 1), Start: uint32(start), Count: clamp32(count)}
	b := make([]byte, sectorSize)
	binary.LittleEndian.PutUint32(b[mbrSignatureAt:], signature)
	_, _ = binary.Encode(b[mbrEntriesAt:], binary.LittleEndian, e) // it fits
	binary.LittleEndian.PutUint16(b[mbrMagicAt:], mbrMagic)
	return b
}

func clamp32(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

// chs returns a sector's address on a disk of 255 heads and 63 sectors, or
// the highest one.
func chs(sector uint64) [3]byte {
	const heads, sectors, cylinders = 255, 63, 1024
	c, h, s := sector/(heads*sectors), sector/sectors%heads, sector%sectors+1
	if c >= cylinders {
		return [3]byte{0xff, 0xff, 0xff}
	}
	return [3]byte{byte(h), byte(s | c>>8<<6), byte(c)}
}

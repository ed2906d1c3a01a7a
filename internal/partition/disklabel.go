package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A disklabel is in the second sector of a disk or of its NetBSD partition on
// i386 and amd64, and somewhere in the first three on other machines, in the
// byte order of the machine (sys/sys/disklabel.h).

const (
	labelMagic      = 0x82564557
	labelMax        = 22               // partitions, as many as fit into a sector
	labelScan       = 3 * sectorSize   // bytes from the start where a label may be
	labelLength     = 148              // bytes of labelHead
	labelEntry      = 16               // bytes of labelPart
	labelAt         = 1 * sectorSize   // where i386 and amd64 have it
	labelChecksumAt = labelLength - 12 // uint16, see labelHead
)

// labelHead is struct disklabel up to its partitions, 148 bytes.
type labelHead struct {
	Magic           uint32    // 0 d_magic
	Type            uint16    // 4 d_type: the kind of drive
	Subtype         uint16    // 6 d_subtype
	TypeName        [16]byte  // 8 d_typename
	PackName        [16]byte  // 24 d_packname
	SectorSize      uint32    // 40 d_secsize, bytes
	Sectors         uint32    // 44 d_nsectors, in a track
	Tracks          uint32    // 48 d_ntracks, in a cylinder
	Cylinders       uint32    // 52 d_ncylinders
	CylinderSectors uint32    // 56 d_secpercyl
	DiskSectors     uint32    // 60 d_secperunit
	TrackSpares     uint16    // 64 d_sparespertrack
	CylinderSpares  uint16    // 66 d_sparespercyl
	AltCylinders    uint32    // 68 d_acylinders
	RPM             uint16    // 72 d_rpm
	Interleave      uint16    // 74 d_interleave
	TrackSkew       uint16    // 76 d_trackskew
	CylinderSkew    uint16    // 78 d_cylskew
	HeadSwitch      uint32    // 80 d_headswitch, microseconds
	TrackSeek       uint32    // 84 d_trkseek, microseconds
	Flags           uint32    // 88 d_flags
	DriveData       [5]uint32 // 92 d_drivedata
	Spare           [5]uint32 // 112 d_spare
	Magic2          uint32    // 132 d_magic2
	Checksum        uint16    // 136 d_checksum: makes the exclusive or of all 16-bit words 0
	Partitions      uint16    // 138 d_npartitions
	BootSize        uint32    // 140 d_bbsize, bytes
	SuperblockSize  uint32    // 144 d_sbsize, bytes
}

// labelPart is struct partition, 16 bytes.
type labelPart struct {
	Count     uint32 // 0 p_size, sectors
	Start     uint32 // 4 p_offset, sectors from the disk's start
	Fragment  uint32 // 8 p_fsize, bytes
	Type      uint8  // 12 p_fstype
	Fragments uint8  // 13 p_frag, in a block
	Cylinders uint16 // 14 p_cpg, in a group
}

// Values of p_fstype (FSTYPE_DEFN).
const (
	labelUnused = 0
	labelFFS    = 7
)

var labelTypes = map[uint8]Type{
	1: Swap, labelFFS: FFS, 8: FAT, 9: LFS, 17: Linux, 18: NTFS, 19: RAID, 20: CCD, 22: FFS, 28: CGD, 33: ZFS,
}

// findLabel looks for a label at the disk's start.
func findLabel(d disk) (Table, error) { return readLabel(d, 0) }

// readLabel returns the partitions of the label in the sectors from offset
// off on, or errNone.
func readLabel(d disk, off int64) (Table, error) {
	b, err := d.read(off, int(min(labelScan, max(d.size-off, 0))))
	if err != nil {
		return Table{}, err
	}
	for at := 0; at+labelLength <= len(b); at += 4 {
		h, parts, err := decodeLabel(b[at:])
		if errors.Is(err, errNone) {
			continue
		}
		if err != nil {
			return Table{}, err
		}
		return labelTable(d, h, parts)
	}
	return Table{}, errNone
}

// decodeLabel decodes the label that b starts with. Magic numbers without the
// right sum are taken for no label, as NetBSD does.
func decodeLabel(b []byte) (labelHead, []labelPart, error) {
	var order binary.ByteOrder = binary.LittleEndian
	var h labelHead
	if order.Uint32(b) != labelMagic {
		if order = binary.BigEndian; order.Uint32(b) != labelMagic {
			return h, nil, errNone
		}
	}
	if _, err := binary.Decode(b, order, &h); err != nil {
		return h, nil, err
	}
	length := labelLength + int(h.Partitions)*labelEntry
	if h.Magic2 != labelMagic || h.Partitions > labelMax || length > len(b) || labelSum(b[:length]) != 0 {
		return h, nil, errNone
	}
	parts := make([]labelPart, h.Partitions)
	_, err := binary.Decode(b[labelLength:], order, parts)
	return h, parts, err
}

// labelSum returns the exclusive or of the 16-bit words in b (dkcksum). Which
// order they are read in makes no difference to its being 0.
func labelSum(b []byte) uint16 {
	var sum uint16
	for ; len(b) >= 2; b = b[2:] {
		sum ^= binary.LittleEndian.Uint16(b)
	}
	return sum
}

func labelTable(d disk, h labelHead, parts []labelPart) (Table, error) {
	sector := int64(h.SectorSize)
	if sector < sectorSize || sector > 1<<16 || sector&(sector-1) != 0 {
		return Table{}, fmt.Errorf("disklabel with sectors of %d bytes", sector)
	}
	t := Table{Scheme: Disklabel}
	for i, p := range parts {
		if p.Type == labelUnused || p.Count == 0 {
			continue
		}
		id := string(rune('a' + i))
		off, size, err := d.span(uint64(p.Start), uint64(p.Count), sector)
		if err != nil {
			return t, fmt.Errorf("disklabel partition %s: %w", id, err)
		}
		typ, ok := labelTypes[p.Type]
		if !ok {
			typ = Type(fmt.Sprint(p.Type))
		}
		t.Partitions = append(t.Partitions, Partition{ID: id, Type: typ, Offset: off, Size: size})
	}
	return t, nil
}

// putLabel returns the sector with a little-endian label.
func putLabel(h labelHead, parts []labelPart) []byte {
	h.Magic, h.Magic2, h.Partitions, h.Checksum = labelMagic, labelMagic, uint16(len(parts)), 0
	b := make([]byte, sectorSize)
	_, _ = binary.Encode(b, binary.LittleEndian, h) // they fit
	_, _ = binary.Encode(b[labelLength:], binary.LittleEndian, parts)
	binary.LittleEndian.PutUint16(b[labelChecksumAt:], labelSum(b))
	return b
}

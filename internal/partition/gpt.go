package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"unicode/utf16"
)

// A GPT is a header in the disk's second sector and an array of entries, and
// the same once more at its end, the header last. All of it is little-endian
// (sys/sys/disklabel_gpt.h, chapter 5.3 of the UEFI specification).

const (
	gptRevision   = 0x00010000 // 1.0
	gptHeaderSize = 92         // bytes, least and usual
	gptEntrySize  = 128        // bytes, likewise
	gptCRCAt      = 16         // where the header's own sum is
	gptEntries    = 128        // as many as UEFI asks for at least
	gptMaxArray   = 1 << 20    // bytes of entries that we read
	gptBootMe     = 1 << 59    // attribute: NetBSD's boot loader takes this one
	gptNameLength = 36         // UTF-16 units
)

var gptSignature = [8]byte([]byte("EFI PART"))

// gptHeader is struct gpt_hdr, 92 bytes. Places are sectors from the disk's
// start.
type gptHeader struct {
	Signature [8]byte // 0 hdr_sig
	Revision  uint32  // 8 hdr_revision
	Size      uint32  // 12 hdr_size, bytes of the header
	CRC       uint32  // 16 hdr_crc_self, of the header with this field 0
	_         uint32  // 20 hdr__rsvd0
	Self      uint64  // 24 hdr_lba_self
	Other     uint64  // 32 hdr_lba_alt: the other copy
	First     uint64  // 40 hdr_lba_start: first sector for partitions
	Last      uint64  // 48 hdr_lba_end: last one
	Disk      guid    // 56 hdr_guid
	Array     uint64  // 72 hdr_lba_table
	Entries   uint32  // 80 hdr_entries
	EntrySize uint32  // 84 hdr_entsz, bytes
	ArrayCRC  uint32  // 88 hdr_crc_table
}

// gptEntry is struct gpt_ent, 128 bytes.
type gptEntry struct {
	Type       guid                  // 0 ent_type
	ID         guid                  // 16 ent_guid
	First      uint64                // 32 ent_lba_start
	Last       uint64                // 40 ent_lba_end
	Attributes uint64                // 48 ent_attr
	Name       [gptNameLength]uint16 // 56 ent_name
}

// findGPT looks for a table with sectors of both usual sizes. Where not even
// a header's signature is left, a backup is believed only if the MBR says that
// there was a table: it may be from what the disk was before.
func findGPT(d disk) (Table, error) {
	sizes := []int64{sectorSize, bigSector}
	for _, sector := range sizes {
		if t, err := readGPT(d, sector); !errors.Is(err, errNone) {
			return t, err
		}
	}
	if !protected(d) {
		return Table{}, errNone
	}
	for _, sector := range sizes {
		if t, err := readBackup(d, gptHeader{}, sector); !errors.Is(err, errNone) {
			return t, err
		}
	}
	return Table{}, errors.New("GPT: the MBR guards one, but it is neither at the start nor at the end of the disk: is it cut short?")
}

// readGPT reads the table by the header at the disk's start, or by the backup
// where that one or its entries are damaged.
func readGPT(d disk, sector int64) (Table, error) {
	h, err := readHeader(d, 1, sector)
	if errors.Is(err, errNone) {
		return Table{}, err
	}
	if err == nil {
		t, err := h.table(d, sector)
		if err == nil {
			return t, nil
		}
		return orBackup(d, h, sector, err)
	}
	return orBackup(d, gptHeader{}, sector, err)
}

// orBackup reads the backup because of err.
func orBackup(d disk, primary gptHeader, sector int64, err error) (Table, error) {
	t, backupErr := readBackup(d, primary, sector)
	if errors.Is(backupErr, errNone) {
		backupErr = errors.New("there is none")
	}
	if backupErr != nil {
		return Table{}, fmt.Errorf("GPT: %w (its backup: %w)", err, backupErr)
	}
	return t, nil
}

// protected says that the disk has an MBR which guards a GPT.
func protected(d disk) bool {
	entries, err := readMBR(d, 0)
	return err == nil && entries[0].Type == mbrProtective
}

// readHeader reads the header in a sector; without a signature there is
// errNone, and what is damaged is no header.
func readHeader(d disk, at uint64, sector int64) (gptHeader, error) {
	var h gptHeader
	off, _, err := d.span(at, 1, sector)
	if err != nil {
		return h, errNone
	}
	b, err := d.read(off, int(sector))
	if err != nil {
		return h, err
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &h); err != nil {
		return h, err
	}
	switch {
	case h.Signature != gptSignature:
		return gptHeader{}, errNone
	case h.Size < gptHeaderSize || int64(h.Size) > sector:
		return gptHeader{}, fmt.Errorf("a header of %d bytes", h.Size)
	}
	clear(b[gptCRCAt : gptCRCAt+4])
	if sum := crc32.ChecksumIEEE(b[:h.Size]); sum != h.CRC {
		return gptHeader{}, fmt.Errorf("the header's checksum is %#x, it says %#x", sum, h.CRC)
	}
	if err := h.check(at); err != nil {
		return gptHeader{}, err
	}
	return h, nil
}

// check looks at what a header that was found in the sector at says.
func (h gptHeader) check(at uint64) error {
	switch {
	case h.Revision != gptRevision:
		return fmt.Errorf("revision %#x is not known", h.Revision)
	case h.Self != at:
		return fmt.Errorf("the header in sector %d says that it is in %d", at, h.Self)
	case h.EntrySize < gptEntrySize || h.EntrySize%8 != 0 || h.Entries == 0:
		return fmt.Errorf("%d entries of %d bytes", h.Entries, h.EntrySize)
	case uint64(h.Entries)*uint64(h.EntrySize) > gptMaxArray:
		return fmt.Errorf("%d entries of %d bytes are too many", h.Entries, h.EntrySize)
	}
	return nil
}

// readBackup reads the copy that primary names, if it could be read, or the
// one in the disk's last sector.
func readBackup(d disk, primary gptHeader, sector int64) (Table, error) {
	at := primary.Other
	if at == 0 {
		at = uint64(max(d.size/sector-1, 0))
	}
	h, err := readHeader(d, at, sector)
	if err != nil {
		return Table{}, err
	}
	t, err := h.table(d, sector)
	if err != nil {
		return Table{}, err
	}
	t.Backup = true
	return t, nil
}

// table reads the entries.
func (h gptHeader) table(d disk, sector int64) (Table, error) {
	length := int64(h.Entries) * int64(h.EntrySize)
	off, _, err := d.span(h.Array, uint64((length+sector-1)/sector), sector)
	if err != nil {
		return Table{}, fmt.Errorf("entries: %w", err)
	}
	b, err := d.read(off, int(length))
	if err != nil {
		return Table{}, err
	}
	if sum := crc32.ChecksumIEEE(b); sum != h.ArrayCRC {
		return Table{}, fmt.Errorf("the checksum of the entries is %#x, the header says %#x", sum, h.ArrayCRC)
	}
	t := Table{Scheme: GPT}
	for i := range int(h.Entries) {
		var e gptEntry
		if _, err := binary.Decode(b[i*int(h.EntrySize):], binary.LittleEndian, &e); err != nil {
			return t, err
		}
		if e.Type == guidUnused {
			continue
		}
		p, err := e.partition(d, sector)
		if err != nil {
			return t, fmt.Errorf("partition %d: %w", i+1, err)
		}
		p.ID = strconv.Itoa(i + 1)
		t.Partitions = append(t.Partitions, p)
	}
	return t, nil
}

func (e gptEntry) partition(d disk, sector int64) (Partition, error) {
	if e.First == 0 || e.Last < e.First {
		return Partition{}, fmt.Errorf("it goes from sector %d to %d", e.First, e.Last)
	}
	off, size, err := d.span(e.First, e.Last-e.First+1, sector)
	return Partition{Name: e.name(), Type: gptType(e.Type), Offset: off, Size: size}, err
}

func (e gptEntry) name() string {
	n := 0
	for n < len(e.Name) && e.Name[n] != 0 {
		n++
	}
	return string(utf16.Decode(e.Name[:n]))
}

// bytes returns the header's sector, with its sum.
func (h gptHeader) bytes() []byte {
	h.CRC = 0
	b := make([]byte, sectorSize)
	_, _ = binary.Encode(b, binary.LittleEndian, h) // it fits
	binary.LittleEndian.PutUint32(b[gptCRCAt:], crc32.ChecksumIEEE(b[:gptHeaderSize]))
	return b
}

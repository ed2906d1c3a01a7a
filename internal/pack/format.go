package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrDamaged is wrapped by Read's error for a file that is no pack of this
// version, or not all of one. It is to be made again.
var ErrDamaged = errors.New("it is damaged, or another version's")

// A pack is the bytes of its files one after another, without anything
// between; then the entries, as tree.AppendEntries writes them, of which those
// of files have their Content.Offset in this file; then a document in JSON;
// then the trailer.
//
//	offset  bytes  what, all numbers little-endian
//	0       8      length of the entries in bytes
//	8       8      length of the document in bytes
//	16      4      CRC-32C of entries and document
//	20      4      0
//	24      8      magic
const (
	magic       = "fc-pack1"
	trailerSize = 32

	// maxIndex is the most that entries and document together may take, in
	// bytes: a million files take some 150 MB.
	maxIndex = 1 << 30
)

// trailer is the last record of a pack.
type trailer struct {
	entries uint64 // bytes
	meta    uint64 // bytes
	sum     uint32
}

func (t trailer) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, t.entries)
	b = binary.LittleEndian.AppendUint64(b, t.meta)
	b = binary.LittleEndian.AppendUint32(b, t.sum)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, magic...)
}

// decodeTrailer reads a trailer that has before bytes before it.
func decodeTrailer(b []byte, before int64) (trailer, error) {
	if string(b[24:]) != magic || binary.LittleEndian.Uint32(b[20:]) != 0 {
		return trailer{}, ErrDamaged
	}
	t := trailer{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])}
	if t.entries > maxIndex || t.meta > maxIndex || t.entries+t.meta > maxIndex || int64(t.entries+t.meta) > before {
		return trailer{}, fmt.Errorf("%w: its index would be %d bytes long", ErrDamaged, t.entries+t.meta)
	}
	return t, nil
}

func sumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

package mirror

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// storedXZ wraps data in an .xz file (the format's specification 1.1) of one
// block, whose LZMA2 chunks are stored: the same bytes on any machine, and
// made without a compressor.
func storedXZ(data []byte) []byte {
	var b bytes.Buffer
	flags := []byte{0, 1} // the check is a CRC32
	b.WriteString("\xfd7zXZ\x00")
	b.Write(flags)
	putCRC(&b, flags)

	start := b.Len()
	// One filter: LZMA2 (0x21) with one byte of properties, a dictionary of
	// 64 KiB (8).
	header := []byte{2, 0, 0x21, 1, 8, 0, 0, 0}
	b.Write(header)
	putCRC(&b, header)
	for first, rest := true, data; len(rest) > 0; first = false {
		n := min(len(rest), 1<<16)
		kind := byte(2) // a stored chunk
		if first {
			kind = 1 // that resets the dictionary
		}
		b.Write([]byte{kind, byte((n - 1) >> 8), byte(n - 1)})
		b.Write(rest[:n])
		rest = rest[n:]
	}
	b.WriteByte(0)
	unpadded := b.Len() - start + crc32.Size
	for (b.Len()-start)%4 != 0 {
		b.WriteByte(0)
	}
	putCRC(&b, data)

	index := binary.AppendUvarint([]byte{0, 1}, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(data)))
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	b.Write(index)
	putCRC(&b, index)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)+crc32.Size)/4-1)
	footer = append(footer, flags...)
	putCRC(&b, footer)
	b.Write(footer)
	b.WriteString("YZ")
	return b.Bytes()
}

func putCRC(b *bytes.Buffer, data []byte) { put(b, crc32.ChecksumIEEE(data)) }

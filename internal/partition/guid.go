package partition

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A guid is kept as a GPT has it: the first three of its five groups are
// little-endian, the rest is as it reads (appendix A of the UEFI
// specification).
type guid [16]byte

func newGUID(a uint32, b, c uint16, d [8]byte) guid {
	var g guid
	binary.LittleEndian.PutUint32(g[0:], a)
	binary.LittleEndian.PutUint16(g[4:], b)
	binary.LittleEndian.PutUint16(g[6:], c)
	copy(g[8:], d[:])
	return g
}

// derive returns the GUID of what, the same for the same seed: version 8 of
// RFC 9562, which leaves the bits to us.
func derive(seed [32]byte, what string) guid {
	sum := sha256.Sum256(append(seed[:], what...))
	var g guid
	copy(g[:], sum[:])
	g[7] = g[7]&0x0f | 0x80 // version, in the high byte of the third group
	g[8] = g[8]&0x3f | 0x80 // variant
	return g
}

func (g guid) String() string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", le.Uint32(g[0:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// Types of partitions (sys/sys/disklabel_gpt.h).
var (
	netbsdNode  = [8]byte{0xb9, 0x9b, 0x00, 0x19, 0xd1, 0x87, 0x96, 0x48}
	freebsdNode = [8]byte{0x8f, 0xf8, 0x00, 0x02, 0x2d, 0x09, 0x71, 0x2b}

	guidUnused guid
	guidFFS    = newGUID(0x49f48d5a, 0xb10e, 0x11dc, netbsdNode)
)

var gptTypes = map[guid]Type{
	guidFFS: FFS,
	newGUID(0x516e7cb6, 0x6ecf, 0x11d6, freebsdNode):                                             FFS, // FreeBSD's
	newGUID(0x49f48d32, 0xb10e, 0x11dc, netbsdNode):                                              Swap,
	newGUID(0x49f48d82, 0xb10e, 0x11dc, netbsdNode):                                              LFS,
	newGUID(0x49f48daa, 0xb10e, 0x11dc, netbsdNode):                                              RAID,
	newGUID(0x2db519c4, 0xb10f, 0x11dc, netbsdNode):                                              CCD,
	newGUID(0x2db519ec, 0xb10f, 0x11dc, netbsdNode):                                              CGD,
	newGUID(0x516e7cba, 0x6ecf, 0x11d6, freebsdNode):                                             ZFS,
	newGUID(0xc12a7328, 0xf81f, 0x11d2, [8]byte{0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}): FAT, // EFI's system partition
	newGUID(0xebd0a0a2, 0xb9e5, 0x4433, [8]byte{0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7}): NTFS,
	newGUID(0x0fc63daf, 0x8483, 0x4772, [8]byte{0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}): Linux,
	newGUID(0x0657fd6d, 0xa4ab, 0x43c4, [8]byte{0x84, 0xe5, 0x09, 0x33, 0xc8, 0x4b, 0x4f, 0x4f}): Swap, // Linux's
}

func gptType(g guid) Type {
	if t, ok := gptTypes[g]; ok {
		return t
	}
	return Type(g.String())
}

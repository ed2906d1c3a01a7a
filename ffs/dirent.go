package ffs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// A dirent is a directory entry (struct direct): inode number, length of the
// entry, type, length of the name, the name and a NUL, padded to 4 bytes.
type dirent struct {
	ino  uint32
	kind uint8 // d_type: an Inode's file type shifted by 12 (IFTODT)
	name string
}

// direntKind is d_type for an inode's mode.
func direntKind(mode uint16) uint8 { return uint8(mode & typeMask >> 12) }

// direntLen is the least length of an entry with a name of n bytes.
func direntLen(n int) int { return direntHead + (n+1+3)&^3 }

// putDirent writes d to b as an entry of length reclen.
func putDirent(b []byte, o binary.ByteOrder, d dirent, reclen int) {
	o.PutUint32(b, d.ino)
	o.PutUint16(b[4:], uint16(reclen))
	b[6], b[7] = d.kind, uint8(len(d.name))
	copy(b[direntHead:], d.name)
}

// errDirent says what is wrong with a directory's bytes.
var errDirent = errors.New("damaged directory")

// A rawDirent is what stands in a directory, used or not.
type rawDirent struct {
	dirent
	reclen int
}

// decodeDirent decodes the entry at b's beginning; b ends where the entry's
// chunk of dirChunk bytes ends. Directories of before 4.4BSD (old) have no
// types, and lengths of names in 16 bits.
func decodeDirent(b []byte, o binary.ByteOrder, old bool) (rawDirent, error) {
	if len(b) < direntLen(0) {
		return rawDirent{}, fmt.Errorf("%w: %d bytes left for an entry", errDirent, len(b))
	}
	d := rawDirent{dirent: dirent{ino: o.Uint32(b), kind: b[6]}, reclen: int(o.Uint16(b[4:]))}
	n := int(b[7])
	if old {
		d.kind, n = 0, int(o.Uint16(b[6:]))
	}
	switch {
	case d.reclen < direntLen(0) || d.reclen%4 != 0 || d.reclen > len(b):
		return d, fmt.Errorf("%w: d_reclen %d with %d bytes left", errDirent, d.reclen, len(b))
	case d.ino == 0:
		return d, nil
	case n == 0 || n > maxName || direntLen(n) > d.reclen:
		return d, fmt.Errorf("%w: d_namlen %d in an entry of %d bytes", errDirent, n, d.reclen)
	}
	d.name = string(b[direntHead : direntHead+n])
	if strings.ContainsAny(d.name, "/\x00") {
		return d, fmt.Errorf("%w: the name %q", errDirent, d.name)
	}
	return d, nil
}

package kernel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The "legacy" LZ4 frame that Linux kernels and lz4 -l have: a magic number,
// then blocks of {packed size uint32; data}, each of 8 MiB when unpacked but
// for the last (lz4_Frame_format.md, "Legacy frame").
const (
	lz4BlockSize  = 8 << 20                // bytes, unpacked
	lz4PackedSize = 8<<20 + 8<<20/255 + 16 // bytes, LZ4_compressBound of it
	lz4MinMatch   = 4                      // bytes, what a match's length is counted from
)

var errLZ4 = errors.New("not a valid LZ4 block")

type lz4Reader struct {
	r      *bufio.Reader
	packed []byte
	block  []byte // unpacked, its capacity is kept
	rest   []byte // what Read has not given yet
}

// openLZ4 reads past the magic number.
func openLZ4(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if _, err := b.Discard(4); err != nil {
		return nil, err
	}
	return &lz4Reader{r: b}, nil
}

// Read implements io.Reader.
func (z *lz4Reader) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// next unpacks a block; io.EOF where none follows.
func (z *lz4Reader) next() error {
	var size [4]byte
	if _, err := io.ReadFull(z.r, size[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n == 0 || n > lz4PackedSize {
		return errLZ4
	}
	if cap(z.packed) < int(n) {
		z.packed = make([]byte, n)
	}
	z.packed = z.packed[:n]
	if _, err := io.ReadFull(z.r, z.packed); err != nil {
		return io.ErrUnexpectedEOF
	}
	var err error
	z.block, err = lz4Block(z.block[:0], z.packed, lz4BlockSize)
	z.rest = z.block
	return err
}

// lz4Block appends what src unpacks to, at most limit bytes, to dst, which is
// empty (lz4_Block_format.md): a token holds the counts of literals and of
// matched bytes, a match is an offset back into what was unpacked.
func lz4Block(dst, src []byte, limit int) ([]byte, error) {
	for {
		if len(src) == 0 {
			return dst, errLZ4
		}
		token := src[0]
		lits, src2, ok := lz4Count(int(token>>4), src[1:])
		if !ok || lits > len(src2) || len(dst)+lits > limit {
			return dst, errLZ4
		}
		dst, src = append(dst, src2[:lits]...), src2[lits:]
		if len(src) == 0 {
			return dst, nil // the last sequence has no match
		}
		if len(src) < 2 {
			return dst, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(src))
		n, rest, ok := lz4Count(int(token&15), src[2:])
		n += lz4MinMatch
		if !ok || back == 0 || back > len(dst) || len(dst)+n > limit {
			return dst, errLZ4
		}
		dst, src = lz4Match(dst, back, n), rest
	}
}

// lz4Count reads the bytes that a count of 15 goes on in.
func lz4Count(n int, src []byte) (int, []byte, bool) {
	if n < 15 {
		return n, src, true
	}
	for len(src) > 0 {
		b := src[0]
		n, src = n+int(b), src[1:]
		if b != 255 {
			return n, src, true
		}
	}
	return n, src, false
}

// lz4Match appends n bytes from back bytes before the end. They may overlap
// what is appended.
func lz4Match(dst []byte, back, n int) []byte {
	from := len(dst) - back
	for n > 0 {
		m := min(n, len(dst)-from)
		dst = append(dst, dst[from:from+m]...)
		n -= m
	}
	return dst
}

package ffs

import (
	"fmt"
	"io"
	"math/bits"
)

// Bitmaps count from the lowest bit of the first byte, in any byte order.

func bit(m []byte, i int64) bool { return m[i/8]>>(i%8)&1 != 0 }

// setBits sets n bits from number from on.
func setBits(m []byte, from, n int64) {
	for ; n > 0 && from%8 != 0; from, n = from+1, n-1 {
		m[from/8] |= 1 << (from % 8)
	}
	for ; n >= 8; from, n = from+8, n-8 {
		m[from/8] = 0xff
	}
	for ; n > 0; from, n = from+1, n-1 {
		m[from/8] |= 1 << (from % 8)
	}
}

// countBits counts the set ones of the first n bits.
func countBits(m []byte, n int64) int64 {
	var sum int64
	for _, b := range m[:n/8] {
		sum += int64(bits.OnesCount8(b))
	}
	if n%8 != 0 {
		sum += int64(bits.OnesCount8(m[n/8] & (1<<(n%8) - 1)))
	}
	return sum
}

// readFull fills b from r at the offset at; an image that ends before is
// io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return fmt.Errorf("%d bytes at %d: %w", len(b), at, io.ErrUnexpectedEOF)
	}
	return err
}

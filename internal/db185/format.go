// Package db185 writes and reads hash files of Berkeley DB 1.85, which is what
// the C library of NetBSD has for hash(3) and dbopen(3) and keeps its password
// databases in.
//
// A file is a header and pages of one size. Pairs are spread over buckets by a
// hash of their key; a bucket is a page, and the overflow pages that it leads
// to. Pages are numbered by what they are for: the buckets of each doubling of
// the table are followed by the overflow pages of that doubling, the number of
// which the header's spares count. The header is big-endian on every machine,
// the numbers in pages are in the order that the header names.
package db185

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Numbers of the format (db.h, and hash.h and page.h in lib/libc/db/hash).
const (
	magic        = 0x061561
	version      = 2
	oldVersion   = 1 // read as well
	littleEndian = 1234
	bigEndian    = 4321

	segmentSize  = 256               // buckets in a part of the directory in memory
	segmentShift = 8                 // its logarithm
	leastHeader  = 512               // bytes that the header takes at the least
	splits       = 32                // doublings that spares and bitmaps are kept for
	splitShift   = 11                // of the doubling in an overflow address
	splitMask    = 1<<splitShift - 1 // the page's number in that doubling, from 1 on
	testKey      = "%$sniglet^&\x00" // its hash shows that the reader has the same function
	minBlock     = 64                // bytes of a page that is read, at the least
	maxBlock     = 1 << 15           // and at the most: with 64 KiB, offsets would not fit
	wordSize     = 2                 // bytes of a number in a page
	linkSize     = 2 * wordSize      // bytes of the address of the next page
	bigOverhead  = 2 * linkSize      // bytes that a part of a big pair needs besides itself
	emptyPage    = 3 * wordSize      // bytes that are not free in an empty page
)

// What the second of two numbers of a page means that is not an offset.
const (
	overflow    = 0 // the first is the address of the next page
	partialKey  = 1 // the first is where a part of a key starts that the next page continues
	fullKey     = 2 // the key, or a part of the data, ends here; data follows on the next page
	fullKeyData = 3 // key and data start here, or the last part of the data
	realKey     = 4 // this and more: the offset of a pair's data, after that of its key
)

// header is struct hashhdr, in 260 bytes.
type header struct {
	Magic     uint32         // 0
	Version   uint32         // 4
	Order     uint32         // 8 lorder: of the numbers in pages
	BlockSize uint32         // 12 bsize: bytes of a page
	Shift     uint32         // 16 bshift: logarithm of BlockSize
	DirSize   uint32         // 20 dsize: parts of the directory in memory
	SegSize   uint32         // 24 ssize: buckets of such a part
	SegShift  uint32         // 28 sshift: logarithm of SegSize
	Point     uint32         // 32 ovfl_point: doubling that overflow pages are added to
	LastFreed uint32         // 36 last_freed: overflow page from which on free ones are looked for
	MaxBucket uint32         // 40 max_bucket: the last bucket
	HighMask  uint32         // 44 high_mask: of a hash, for the buckets of this doubling
	LowMask   uint32         // 48 low_mask: for those that it doubles
	Fill      uint32         // 52 ffactor: pairs in a bucket from which on one more is made
	Keys      uint32         // 56 nkeys: pairs
	Pages     uint32         // 60 hdrpages: pages that the header takes
	TestHash  uint32         // 64 h_charkey: hash of testKey
	Spares    [splits]uint32 // 68 spares: overflow pages up to each doubling, the sum
	Bitmaps   [splits]uint16 // 196 bitmaps: addresses of the pages that say which of those are in use
}

const headerSize = 260

// encode returns the header's bytes.
func (h *header) encode() []byte {
	b, _ := binary.Append(nil, binary.BigEndian, h) // a struct of fixed size doesn't fail
	return b
}

// decode reads and checks the header of a file of this size.
func (h *header) decode(b []byte) error {
	if err := binary.Read(bytes.NewReader(b), binary.BigEndian, h); err != nil {
		return fmt.Errorf("its %d bytes are too few for a header", len(b))
	}
	switch {
	case h.Magic != magic:
		return fmt.Errorf("it begins with %#x; a hash file has %#x there", h.Magic, magic)
	case h.Version != version && h.Version != oldVersion:
		return fmt.Errorf("it is of version %d; %d and %d are known", h.Version, oldVersion, version)
	case h.Order != littleEndian && h.Order != bigEndian:
		return fmt.Errorf("byte order %d; %d and %d are known", h.Order, littleEndian, bigEndian)
	case h.Shift > 31 || h.BlockSize != 1<<h.Shift || h.BlockSize < minBlock || h.BlockSize > maxBlock:
		return fmt.Errorf("pages of %d bytes (shift %d)", h.BlockSize, h.Shift)
	case h.TestHash != hash([]byte(testKey)):
		return fmt.Errorf("another hash function wrote it (%#x)", h.TestHash)
	}
	return h.checkTable(len(b))
}

// checkTable checks what says where pages are, in a file of size bytes.
func (h *header) checkTable(size int) error {
	pages := uint32(size / int(h.BlockSize))
	point := log2(h.MaxBucket + 1)
	switch {
	case h.Pages == 0 || h.Pages > pages:
		return fmt.Errorf("a header of %d pages in %d", h.Pages, pages)
	case h.MaxBucket >= maxBuckets:
		return fmt.Errorf("%d buckets; at most %d are read", uint64(h.MaxBucket)+1, maxBuckets)
	case h.Point >= splits || h.Point < point:
		return fmt.Errorf("overflow pages of doubling %d, with %d buckets", h.Point, h.MaxBucket+1)
	case h.HighMask&(h.HighMask+1) != 0 || h.LowMask != h.HighMask>>1 || h.MaxBucket > h.HighMask || h.MaxBucket < h.LowMask:
		return fmt.Errorf("masks %#x and %#x for %d buckets", h.HighMask, h.LowMask, h.MaxBucket+1)
	}
	for i := range h.Point + 1 {
		if h.Spares[i] > pages || i > 0 && h.Spares[i] < h.Spares[i-1] {
			return fmt.Errorf("%d overflow pages up to doubling %d", h.Spares[i], i)
		}
	}
	return nil
}

// bucket returns the bucket of a key.
func (h *header) bucket(key []byte) uint32 {
	n := hash(key)
	if b := n & h.HighMask; b <= h.MaxBucket {
		return b
	}
	return n & h.LowMask
}

// bucketPage returns the number of a bucket's page.
func (h *header) bucketPage(bucket uint32) uint32 {
	page := bucket + h.Pages
	if bucket > 0 {
		page += h.Spares[log2(bucket+1)-1]
	}
	return page
}

// overflowPage returns the number of the page at an overflow address.
func (h *header) overflowPage(addr uint16) uint32 {
	return h.bucketPage(1<<(addr>>splitShift)-1) + uint32(addr&splitMask)
}

// order is that of the numbers in pages.
func (h *header) order() binary.ByteOrder {
	if h.Order == bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// hash is the function that files have unless their program brings another:
// Chris Torek's, which multiplies by 33.
func hash(key []byte) uint32 {
	var h uint32
	for _, b := range key {
		h = h*33 + uint32(b)
	}
	return h
}

// log2 returns the logarithm of the first power of two that is at least n.
func log2(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	return uint32(bits.Len32(n - 1))
}

package db185

import (
	"errors"
	"fmt"
)

// A Pair is a key and its data.
type Pair struct {
	Key, Data []byte
}

// Options say how a file is laid out. The zero value is what NetBSD's
// pwd_mkdb(8) has, on a little-endian machine.
type Options struct {
	BlockSize  int  // bytes of a page, a power of two from 512 to 32768; 0: 4096
	FillFactor int  // pairs of a bucket above which there are more buckets; 0: 32
	Elements   int  // pairs that buckets are made for from the start; 0: 256
	BigEndian  bool // byte order of the pages; the header is big-endian in any case
}

const (
	leastBlock = leastHeader
	maxBuckets = 1 << 20
	maxPairs   = 1 << 22
)

func (o Options) withDefaults() (Options, error) {
	for _, v := range []struct {
		n  *int
		to int
	}{{&o.BlockSize, 4096}, {&o.FillFactor, 32}, {&o.Elements, 256}} {
		if *v.n == 0 {
			*v.n = v.to
		}
	}
	if n := o.BlockSize; n < leastBlock || n > maxBlock || n&(n-1) != 0 {
		return o, fmt.Errorf("block size %d: it must be a power of two from %d to %d", n, leastBlock, maxBlock)
	}
	if o.FillFactor < 0 || o.FillFactor > 1<<16 {
		return o, fmt.Errorf("fill factor %d: it must be from 1 to %d", o.FillFactor, 1<<16)
	}
	if o.Elements < 0 || o.Elements > maxPairs {
		return o, fmt.Errorf("%d elements: there can be from 1 to %d", o.Elements, maxPairs)
	}
	return o, nil
}

// errFull says that all overflow addresses of a doubling are taken.
var errFull = errors.New("the overflow pages are all taken: use bigger blocks")

// Encode returns a hash file with these pairs, in the same bytes for the same
// pairs in the same order. Of pairs with the same key the first counts
// (R_NOOVERWRITE). Keys can't be empty: the format has no way to say so of a
// big pair.
func Encode(pairs []Pair, o Options) ([]byte, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("make a hash file: %w", err)
	}
	pairs, err = distinct(pairs)
	if err != nil {
		return nil, fmt.Errorf("make a hash file: %w", err)
	}
	// C's put has a bucket more whenever the others are full.
	first := 1 << max(1, log2(uint32((o.Elements-1)/o.FillFactor+1)))
	for n := max(first, len(pairs)/(o.FillFactor+1)+1); ; n *= 2 {
		w := newWriter(o, first, n)
		err := w.fill(pairs)
		if err == nil {
			return w.file(), nil
		}
		if !errors.Is(err, errFull) || n*2 > maxBuckets || n > 4*len(pairs) {
			return nil, fmt.Errorf("make a hash file of %d pairs: %w", len(pairs), err)
		}
	}
}

// distinct returns the pairs whose keys no pair before them has.
func distinct(pairs []Pair) ([]Pair, error) {
	if len(pairs) > maxPairs {
		return nil, fmt.Errorf("%d pairs are more than %d", len(pairs), maxPairs)
	}
	seen := make(map[string]bool, len(pairs))
	out := make([]Pair, 0, len(pairs))
	for i, p := range pairs {
		if len(p.Key) == 0 {
			return nil, fmt.Errorf("the key of pair %d is empty", i)
		}
		if !seen[string(p.Key)] {
			seen[string(p.Key)] = true
			out = append(out, p)
		}
	}
	return out, nil
}

// writer lays pairs out in pages.
type writer struct {
	h       header
	first   uint32           // logarithm of the number of buckets before any was added
	buckets map[uint32]*page // by number, those that are not empty
	spilled []*page          // overflow pages in order; the n-th is that of bit n+1
}

func newWriter(o Options, first, buckets int) *writer {
	h := header{
		Magic: magic, Version: version, Order: littleEndian, BlockSize: uint32(o.BlockSize),
		Shift: log2(uint32(o.BlockSize)), SegSize: segmentSize, SegShift: segmentShift,
		MaxBucket: uint32(buckets - 1), Fill: uint32(o.FillFactor), TestHash: hash([]byte(testKey)),
	}
	if o.BigEndian {
		h.Order = bigEndian
	}
	h.Pages = (leastHeader-1)>>h.Shift + 1
	h.DirSize = max(segmentSize, uint32(1)<<log2(h.MaxBucket/segmentSize+1))
	h.Point = log2(h.MaxBucket + 1)
	h.HighMask = 1<<h.Point - 1
	if buckets == first { // nothing was added: the next doubling is ahead
		h.HighMask = h.HighMask<<1 | 1
	}
	h.LowMask = h.HighMask >> 1
	w := &writer{h: h, first: log2(uint32(first)), buckets: make(map[uint32]*page)}
	w.spare()
	return w
}

// spare counts the overflow pages of each doubling. As in C's init_htab, the
// first one has as many, with the bitmap, as it is the how-many-eth; all that
// are needed beyond those belong to the last doubling.
func (w *writer) spare() {
	w.h.Spares[w.first+1] = w.first + 1
	for i := w.first; i <= w.h.Point; i++ {
		w.h.Spares[i] = w.first + 1
	}
	w.h.Spares[w.h.Point] = max(w.first+1, uint32(len(w.spilled))+1)
	w.h.Bitmaps[0] = uint16(w.first<<splitShift + 1)
	w.h.LastFreed = uint32(len(w.spilled))
	if len(w.spilled) == 0 {
		w.h.LastFreed = 2
	}
}

// fill puts the pairs into their buckets' pages.
func (w *writer) fill(pairs []Pair) error {
	last := make(map[uint32]*page)
	for _, p := range pairs {
		b := w.h.bucket(p.Key)
		if last[b] == nil {
			last[b] = newPage(&w.h)
			w.buckets[b] = last[b]
		}
		end, err := w.put(last[b], p)
		if err != nil {
			return err
		}
		last[b] = end
	}
	w.h.Keys = uint32(len(pairs))
	w.spare()
	return nil
}

// put adds p after what the bucket has that ends with pg, and returns the page
// that it ends with now.
func (w *writer) put(pg *page, p Pair) (*page, error) {
	if pg.fits(p) {
		pg.add(p)
		return pg, nil
	}
	next, err := w.spill(pg)
	if err != nil {
		return nil, err
	}
	if next.fits(p) {
		next.add(p)
		return next, nil
	}
	return w.putBig(next, p)
}

// spill adds an overflow page after pg.
func (w *writer) spill(pg *page) (*page, error) {
	n := uint32(len(w.spilled)) + 2 // the first is the bitmap
	point, before := w.first, uint32(0)
	if n > w.first+1 && w.h.Point > w.first {
		point, before = w.h.Point, w.first+1
	}
	if n-before > splitMask || n > w.h.BlockSize*8 {
		return nil, errFull
	}
	next := newPage(&w.h)
	next.addr = uint16(point<<splitShift + n - before)
	w.spilled = append(w.spilled, next)
	pg.link(next.addr)
	return next, nil
}

// file returns the bytes of all.
func (w *writer) file() []byte {
	var b []byte
	at := func(n uint32) []byte {
		if end := int(n+1) << w.h.Shift; end > len(b) {
			b = append(b, make([]byte, end-len(b))...)
		}
		return b[n<<w.h.Shift:]
	}
	copy(at(w.h.bucketPage(w.h.MaxBucket)), "")
	copy(at(w.h.overflowPage(w.h.Bitmaps[0])), w.bitmap())
	for n, pg := range w.buckets {
		copy(at(w.h.bucketPage(n)), pg.b)
	}
	for _, pg := range w.spilled {
		copy(at(w.h.overflowPage(pg.addr)), pg.b)
	}
	copy(b, w.h.encode())
	return b
}

// bitmap returns the page that says which overflow pages are in use: a bit is
// set for those that are, and for those that don't exist.
func (w *writer) bitmap() []byte {
	b := make([]byte, w.h.BlockSize)
	for i := range len(b) / 4 {
		word := ^uint32(0)
		for bit := range 32 {
			if n := i*32 + bit; n > len(w.spilled) && n < int(w.first)+1 {
				word &^= 1 << bit
			}
		}
		w.h.order().PutUint32(b[4*i:], word)
	}
	return b
}

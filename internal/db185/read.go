package db185

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxFile bounds the files that are read, in bytes.
const maxFile = 1 << 30

// A Hash is a hash file that is read.
type Hash struct {
	h header
	b []byte
}

// Open reads the header of a hash file whose bytes are b, and keeps b.
func Open(b []byte) (*Hash, error) {
	f := &Hash{b: b}
	if len(b) > maxFile {
		return nil, fmt.Errorf("read hash file: %d bytes are more than %d", len(b), maxFile)
	}
	if err := f.h.decode(b); err != nil {
		return nil, fmt.Errorf("read hash file: %w", err)
	}
	return f, nil
}

// BigEndian reports whether the numbers in the file's pages are.
func (f *Hash) BigEndian() bool { return f.h.Order == bigEndian }

// Get returns the data of key, and whether the file has it.
func (f *Hash) Get(key []byte) (data []byte, ok bool, err error) {
	w := walk{f: f, seen: make(map[uint32]bool)}
	err = w.bucket(f.h.bucket(key), func(p Pair) bool {
		if bytes.Equal(p.Key, key) {
			data, ok = p.Data, true
		}
		return !ok
	})
	if err != nil {
		return nil, false, fmt.Errorf("look for %q in the hash file: %w", key, err)
	}
	return data, ok, nil
}

// All returns the file's pairs, bucket by bucket.
func (f *Hash) All() ([]Pair, error) {
	var all []Pair
	w := walk{f: f, seen: make(map[uint32]bool)}
	for b := range f.h.MaxBucket + 1 {
		err := w.bucket(b, func(p Pair) bool {
			all = append(all, p)
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("read bucket %d of the hash file: %w", b, err)
		}
	}
	return all, nil
}

// walk reads buckets. A page that it comes to a second time is an error, so
// that it ends, and what it collects is no longer than the file.
type walk struct {
	f    *Hash
	seen map[uint32]bool
}

var errEnd = errors.New("a page ends too early")

// view is a page that is read. Its numbers are those from 0 to n + 2.
type view struct {
	order binary.ByteOrder
	b     []byte
	n     int
}

func (v view) get(i int) int { return int(v.order.Uint16(v.b[wordSize*i:])) }

// page returns the page of a number. A bucket behind the file's end is empty,
// as nothing was ever written to it.
func (w walk) page(n uint32, bucket bool) (view, error) {
	size := uint64(w.f.h.BlockSize)
	start := uint64(n) * size
	if bucket && start >= uint64(len(w.f.b)) {
		return view{order: w.f.h.order(), b: make([]byte, emptyPage)}, nil
	}
	if start+size > uint64(len(w.f.b)) {
		return view{}, fmt.Errorf("page %d is behind the end", n)
	}
	if w.seen[n] {
		return view{}, fmt.Errorf("page %d is in use twice", n)
	}
	w.seen[n] = true
	v := view{order: w.f.h.order(), b: w.f.b[start : start+size]}
	v.n = v.get(0)
	if v.n%2 != 0 || (v.n+3)*wordSize > len(v.b) {
		return view{}, fmt.Errorf("page %d has %d numbers", n, v.n)
	}
	return v, nil
}

// overflow returns the page at the address that v's i-th number is.
func (w walk) overflow(v view, i int) (view, error) {
	if i < 1 || i > v.n {
		return view{}, errEnd
	}
	addr := uint16(v.get(i))
	if addr == 0 || uint32(addr>>splitShift) > w.f.h.Point {
		return view{}, fmt.Errorf("overflow page %#x", addr)
	}
	return w.page(w.f.h.overflowPage(addr), false)
}

// bucket calls fn for each pair of a bucket until it returns false.
func (w walk) bucket(b uint32, fn func(Pair) bool) error {
	v, err := w.page(w.f.h.bucketPage(b), true)
	for more := true; more && err == nil && v.n > 0; {
		next := 0
		if v.get(2) != overflow && v.get(2) < realKey {
			var p Pair
			if p, next, v, err = w.big(v); err == nil {
				more = fn(p)
			}
		} else {
			next, more, err = v.pairs(fn)
		}
		if next == 0 || err != nil {
			return err
		}
		v, err = w.overflow(v, next)
	}
	return err
}

// pairs calls fn for the page's pairs. It returns which number is the address
// of the next page, 0 where there is none.
func (v view) pairs(fn func(Pair) bool) (next int, more bool, err error) {
	end := len(v.b)
	for i := 1; i < v.n; i += 2 {
		key, data := v.get(i), v.get(i+1)
		if data == overflow {
			return i, true, nil
		}
		if data < (v.n+3)*wordSize || key < data || end < key {
			return 0, false, fmt.Errorf("a pair from %d to %d, of %d", data, key, end)
		}
		if !fn(Pair{Key: v.b[key:end:end], Data: v.b[data:key:key]}) {
			return 0, false, nil
		}
		end = data
	}
	return 0, true, nil
}

// big collects the big pair that starts on the page v. It returns the last
// page that it has a part on, and the number there that is the address of the
// next one, 0 where there is none.
func (w walk) big(v view) (p Pair, next int, last view, err error) {
	for {
		part, err := v.part(len(v.b))
		if err != nil {
			return p, 0, v, err
		}
		p.Key = append(p.Key, part...)
		if v.get(2) != partialKey {
			break
		}
		if v, err = w.overflow(v, v.n-1); err != nil {
			return p, 0, v, err
		}
	}
	if v.get(2) == fullKeyData {
		off := v.get(v.n)
		if key := v.get(1); off < emptyPage || off > key {
			return p, 0, v, fmt.Errorf("data from %d to %d", off, key)
		}
		p.Data = append(p.Data, v.b[off:v.get(1)]...)
		if v.get(v.n+1) > 0 { // bytes are free: the data ends here
			return p, v.n - 1, v, nil
		}
	}
	return w.bigData(p, v)
}

// bigData collects the data of p from the pages after v.
func (w walk) bigData(p Pair, v view) (_ Pair, next int, last view, err error) {
	for {
		if v, err = w.overflow(v, v.n-1); err != nil {
			return p, 0, v, err
		}
		part, err := v.part(len(v.b))
		if err != nil {
			return p, 0, v, err
		}
		p.Data = append(p.Data, part...)
		switch {
		case v.get(2) == fullKey:
		case v.get(2) == fullKeyData && v.n > 2:
			return p, v.n - 1, v, nil
		case v.get(2) == fullKeyData:
			return p, 0, v, nil
		default:
			return p, 0, v, errEnd
		}
	}
}

// part returns the part of a big pair that a page has, up to end.
func (v view) part(end int) ([]byte, error) {
	if v.n < 2 || v.get(2) >= realKey || v.get(2) == overflow {
		return nil, errEnd
	}
	off := v.get(1)
	if off < emptyPage || off > end {
		return nil, fmt.Errorf("a part from %d to %d", off, end)
	}
	return v.b[off:end], nil
}

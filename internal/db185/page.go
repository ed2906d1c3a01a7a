package db185

import "encoding/binary"

// page is a page that pairs are put into. It begins with 16-bit numbers: how
// many more there are that are about pairs (n), those, how many bytes are
// free, and the offset of the last pair's data. Each pair has the offset of
// its key and that of its data; keys and data fill the page from its end on.
type page struct {
	order binary.ByteOrder
	b     []byte
	addr  uint16 // of an overflow page
}

func newPage(h *header) *page {
	pg := &page{order: h.order(), b: make([]byte, h.BlockSize)}
	pg.end(0, len(pg.b))
	return pg
}

func (pg *page) get(i int) int    { return int(pg.order.Uint16(pg.b[wordSize*i:])) }
func (pg *page) set(i int, v int) { pg.order.PutUint16(pg.b[wordSize*i:], uint16(v)) }

// n is how many numbers are about pairs.
func (pg *page) n() int      { return pg.get(0) }
func (pg *page) free() int   { return pg.get(pg.n() + 1) }
func (pg *page) offset() int { return pg.get(pg.n() + 2) }

// end sets n, and after the numbers of the pairs what follows from n and off.
func (pg *page) end(n, off int) {
	pg.set(0, n)
	pg.set(n+1, off-(n+3)*wordSize)
	pg.set(n+2, off)
}

// fits reports whether p, and the address of a further page, have room here.
// After a big pair nothing has.
func (pg *page) fits(p Pair) bool {
	return pg.get(2) >= realKey && 2*wordSize+len(p.Key)+len(p.Data)+linkSize <= pg.free()
}

// add puts in a pair that fits.
func (pg *page) add(p Pair) {
	n, key := pg.n(), pg.offset()-len(p.Key)
	data := key - len(p.Data)
	copy(pg.b[key:], p.Key)
	copy(pg.b[data:], p.Data)
	pg.end(n+2, data)
	pg.set(n+1, key)
	pg.set(n+2, data)
}

// part puts in a part of a big pair.
func (pg *page) part(b []byte, kind int) {
	n, off := pg.n(), pg.offset()-len(b)
	copy(pg.b[off:], b)
	pg.end(n+2, off)
	pg.set(n+1, off)
	pg.set(n+2, kind)
}

// link puts in the address of the next page.
func (pg *page) link(addr uint16) {
	n, off := pg.n(), pg.offset()
	pg.end(n+2, off)
	pg.set(n+1, int(addr))
	pg.set(n+2, overflow)
}

// putBig puts a pair that no page has room for into pg, which is empty, and
// pages after it: the key in parts, then the data, of which a part may begin
// on the key's last page. It returns the page that what follows goes into.
func (w *writer) putBig(pg *page, p Pair) (*page, error) {
	key, data := p.Key, p.Data
	for len(key) > 0 {
		n := min(pg.free()-bigOverhead, len(key))
		if n == len(key) && len(data) == 0 && n == pg.free()-bigOverhead {
			n-- // a page without a free byte would seem to be followed by data
		}
		pg.part(key[:n], partialKey)
		key = key[n:]
		next, err := w.spill(pg)
		if err != nil {
			return nil, err
		}
		if len(key) == 0 {
			data = data[pg.shareKeyPage(data):]
			if len(data) == 0 {
				return next, nil
			}
		}
		pg = next
	}
	return w.putBigData(pg, data, len(data) == len(p.Data))
}

// shareKeyPage puts as much of data as has room on the page where the key
// ends, and returns how much. Data that ends there must leave a byte free, and
// data that goes on must not: that is how they are told apart.
func (pg *page) shareKeyPage(data []byte) int {
	space := pg.free()
	n := min(space, len(data))
	if space == 0 || space == len(data) {
		pg.set(2, fullKey)
		return 0
	}
	off := pg.offset() - n
	copy(pg.b[off:], data[:n])
	pg.set(2, fullKeyData)
	pg.set(4, off)
	pg.set(5, space-n)
	pg.set(6, off)
	return n
}

// putBigData puts what is left of data into pg and pages after it; whole says
// that this is all of it.
func (w *writer) putBigData(pg *page, data []byte, whole bool) (*page, error) {
	for {
		space := pg.free() - bigOverhead
		n := min(space, len(data))
		if whole && n == space && n == len(data) {
			n-- // the page of data that stands alone has a free byte
		}
		whole = false
		if n == len(data) {
			pg.part(data, fullKeyData)
			return pg, nil
		}
		pg.part(data[:n], fullKey)
		data = data[n:]
		next, err := w.spill(pg)
		if err != nil {
			return nil, err
		}
		pg = next
	}
}

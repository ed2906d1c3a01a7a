package pkgsrc

import "encoding/binary"

// decoder takes what it reads off rest. Once that is not what it must be, bad
// is set, and all that it returns is zero.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) number() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) uint32() uint32 {
	if len(d.rest) < 4 {
		d.fail()
		return 0
	}
	n := binary.LittleEndian.Uint32([]byte(d.rest[:4]))
	d.rest = d.rest[4:]
	return n
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) fail() { d.bad, d.rest = true, "" }

package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// binaryMagic begins what MarshalBinary writes, and names its version.
const binaryMagic = "fc-tree-1\n"

// binaryTypes are the types by the byte that stands for them: with withXattrs
// added, where extended attributes follow.
var binaryTypes = []Type{File, Dir, Symlink, Hardlink, Char, Block, FIFO, Socket}

// MarshalBinary writes the entries, sorted, as AppendEntries does.
func (t Tree) MarshalBinary() ([]byte, error) {
	b, err := AppendEntries(nil, t.All())
	if err != nil {
		return nil, fmt.Errorf("encode tree: %w", err)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (t *Tree) UnmarshalBinary(b []byte) error {
	var out Tree
	n, err := decode(b, func(n int, e Entry) error {
		if out.entries == nil {
			out.entries = make(map[string]Entry, n)
		}
		return out.Put(e)
	})
	if err == nil && out.Len() != n {
		err = errDamaged
	}
	if err != nil {
		return fmt.Errorf("decode tree: %w", err)
	}
	*t = out
	return nil
}

const withXattrs = 1 << 5

// AppendEntries appends a list of entries to b, in a form that is read some
// twenty times as fast as JSON: after the magic and their number, the fields of
// each, numbers as varints and strings after their length plus one. A length of
// 0 stands for the same string as the entry before has. Last come the extended
// attributes of an entry that has some: their number, and each one's name and
// value after their lengths, sorted by name. The list need not be a tree: it
// keeps its order, and a path may be in it twice.
func AppendEntries(b []byte, entries []Entry) ([]byte, error) {
	b = binary.AppendUvarint(append(b, binaryMagic...), uint64(len(entries)))
	var last Entry
	text := func(s, before string) {
		if s == before {
			b = append(b, 0)
			return
		}
		b = append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
	}
	for _, e := range entries {
		typ := slices.Index(binaryTypes, e.Type)
		if typ < 0 {
			return nil, fmt.Errorf("%s is of the type %q", e.Path, e.Type)
		}
		if len(e.Xattrs) > 0 {
			typ |= withXattrs
		}
		b = append(b, byte(typ))
		for _, n := range []uint64{uint64(e.Mode), uint64(e.UID), uint64(e.GID), uint64(e.Major), uint64(e.Minor)} {
			b = binary.AppendUvarint(b, n)
		}
		for _, n := range []int64{e.ModTime.Unix(), int64(e.ModTime.Nanosecond()), e.Size, e.Content.Offset} {
			b = binary.AppendVarint(b, n)
		}
		text(e.Path, last.Path)
		text(e.Link, last.Link)
		text(e.Digest, last.Digest)
		text(e.Content.Host, last.Content.Host)
		text(e.Why, last.Why)
		text(string(e.Content.Data), string(last.Content.Data))
		b = AppendXattrs(b, e.Xattrs)
		last = e
	}
	return b, nil
}

// DecodeEntries reads what AppendEntries wrote, and nothing else. It does not
// look at what the entries say: Tree.Put does.
func DecodeEntries(b []byte) ([]Entry, error) {
	var all []Entry
	_, err := decode(b, func(n int, e Entry) error {
		if all == nil {
			all = make([]Entry, 0, n)
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("decode entries: %w", err)
	}
	return all, nil
}

var errDamaged = errors.New("it is damaged")

// decode hands each entry of b to add, with the number of all, and returns
// that.
func decode(b []byte, add func(n int, e Entry) error) (int, error) {
	d := decoder{rest: string(b)} // one copy, of which every string is a part
	n, err := d.count()
	if err != nil {
		return 0, err
	}
	var e Entry
	for range n {
		d.entry(&e)
		if d.bad {
			return n, errDamaged
		}
		if err := add(n, e); err != nil {
			return n, err
		}
	}
	if d.rest != "" {
		return n, errDamaged
	}
	return n, nil
}

// decoder takes what it reads off rest. Once that is not what it must be, bad
// is set, and all that it returns is zero.
type decoder struct {
	rest string
	bad  bool
}

// leastEntry is how many bytes an entry takes at the least.
const leastEntry = 16

// count returns the number of entries.
func (d *decoder) count() (int, error) {
	if len(d.rest) < len(binaryMagic) || d.rest[:len(binaryMagic)] != binaryMagic {
		return 0, errors.New("it is damaged, or another version's")
	}
	d.rest = d.rest[len(binaryMagic):]
	n := d.number(uint64(len(d.rest) / leastEntry))
	if d.bad {
		return 0, errDamaged
	}
	return int(n), nil
}

// entry reads one over the entry before it.
func (d *decoder) entry(e *Entry) {
	const anything = 1<<32 - 1
	typ := d.number(uint64(len(binaryTypes)-1) | withXattrs)
	if typ&^withXattrs >= uint64(len(binaryTypes)) {
		d.bad, typ = true, 0
	}
	e.Type = binaryTypes[typ&^withXattrs]
	for _, n := range []*uint32{&e.Mode, &e.UID, &e.GID, &e.Major, &e.Minor} {
		*n = uint32(d.number(anything))
	}
	sec, nsec := d.signed(), d.signed()
	e.ModTime = time.Unix(sec, nsec).UTC()
	e.Size, e.Content.Offset = d.signed(), d.signed()
	for _, s := range []*string{&e.Path, &e.Link, &e.Digest, &e.Content.Host, &e.Why} {
		if v, changed := d.text(); changed {
			*s = v
		}
	}
	if v, changed := d.text(); changed {
		e.Content.Data = nil
		if v != "" {
			e.Content.Data = []byte(v)
		}
	}
	if e.Xattrs = nil; typ&withXattrs != 0 {
		e.Xattrs = d.xattrs()
	}
	if e.Size < 0 || e.Content.Offset < 0 {
		d.bad = true
	}
}

// number reads one that is at most most.
func (d *decoder) number(most uint64) uint64 {
	var n uint64
	for shift := 0; shift < 64 && shift/7 < len(d.rest); shift += 7 {
		b := d.rest[shift/7]
		n |= uint64(b&0x7f) << shift
		if b&0x80 != 0 {
			continue
		}
		d.rest = d.rest[shift/7+1:]
		if n > most {
			break
		}
		return n
	}
	d.bad, d.rest = true, ""
	return 0
}

// signed reads a number in zigzag, as binary.AppendVarint writes it.
func (d *decoder) signed() int64 {
	n := d.number(1<<64 - 1)
	return int64(n>>1) ^ -int64(n&1)
}

// text reads a string, unless it is the one of the entry before.
func (d *decoder) text() (s string, changed bool) {
	n := d.number(uint64(len(d.rest)))
	if n == 0 {
		return "", false
	}
	if n--; n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return "", false
	}
	s, d.rest = d.rest[:n], d.rest[n:]
	return s, true
}

package tree

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// SameXattrs reports whether both entries have the same extended attributes.
func SameXattrs(a, b Entry) bool { return maps.EqualFunc(a.Xattrs, b.Xattrs, bytes.Equal) }

// LinuxXattr reports whether a Linux guest's root disk takes attributes of that
// name as they are: those of the name spaces that xattr(7) lists, without
// system's, as access control lists have a form of their own in an ext4.
func LinuxXattr(name string) bool {
	for _, space := range []string{"user.", "security.", "trusted."} {
		if len(name) > len(space) && strings.HasPrefix(name, space) {
			return true
		}
	}
	return false
}

// AppendXattrs appends extended attributes as AppendEntries has them, in one
// form for the same ones: nothing where there are none.
func AppendXattrs(b []byte, xattrs map[string][]byte) []byte {
	if len(xattrs) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(xattrs)))
	for _, name := range slices.Sorted(maps.Keys(xattrs)) {
		for _, s := range []string{name, string(xattrs[name])} {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
	}
	return b
}

// xattrs reads what AppendXattrs wrote, in its one order.
func (d *decoder) xattrs() map[string][]byte {
	const leastXattr = 2 // bytes
	n := d.number(uint64(len(d.rest) / leastXattr))
	if n == 0 {
		d.bad = true
		return nil
	}
	all := make(map[string][]byte, min(n, 64))
	last := ""
	for i := range n {
		name, value := d.piece(), d.piece()
		if i > 0 && name <= last || d.bad {
			d.bad = true
			return nil
		}
		all[name], last = []byte(value), name
	}
	return all
}

// piece reads a string after its length.
func (d *decoder) piece() string {
	n := d.number(uint64(len(d.rest)))
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

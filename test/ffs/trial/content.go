package trial

import (
	"cmp"
	"encoding/binary"
	"io"
	"slices"
)

// A Range is a part of a file.
type Range struct{ Off, Len int64 }

// A Content is what a regular file holds: bytes that follow from the seed and
// their place in the Data, which is in order, and zeros elsewhere.
type Content struct {
	Seed uint32
	Size int64
	Data []Range
}

// Dense is a Content without holes.
func Dense(seed uint32, size int64) Content {
	c := Content{Seed: seed, Size: size}
	c.Write(0, size)
	return c
}

const page = 4096

// ReadAt is that of io.ReaderAt.
func (c Content) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(c.Size-off, 0)))
	clear(p[:n])
	for _, r := range c.Data {
		from, to := max(r.Off, off), min(r.Off+r.Len, off+int64(n))
		for from < to {
			next := min((from/page+1)*page, to)
			c.page(p[from-off:next-off], from)
			from = next
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// page fills p, a part of a page that is found at off.
func (c Content) page(p []byte, off int64) {
	x := (c.Seed+1)*2654435761 ^ uint32(off/page)*0x9e3779b9
	var b [page]byte
	for i := 0; i < page; i += 4 {
		x = x*1664525 + 1013904223
		binary.LittleEndian.PutUint32(b[i:], x)
	}
	copy(p, b[off%page:])
}

// Write notes that the file has data there.
func (c *Content) Write(off, length int64) {
	if length <= 0 {
		return
	}
	all := append(slices.Clone(c.Data), Range{off, length})
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.Off, b.Off) })
	merged := all[:1]
	for _, r := range all[1:] {
		if last := &merged[len(merged)-1]; r.Off <= last.Off+last.Len {
			last.Len = max(last.Len, r.Off+r.Len-last.Off)
		} else {
			merged = append(merged, r)
		}
	}
	c.Data = merged
	c.Size = max(c.Size, off+length)
}

// Truncate notes that the file has another size.
func (c *Content) Truncate(size int64) {
	var kept []Range
	for _, r := range c.Data {
		if r.Len = min(r.Len, size-r.Off); r.Len > 0 {
			kept = append(kept, r)
		}
	}
	c.Data, c.Size = kept, size
}

package ffs

import "encoding/binary"

// dotsLen is the length of the entries "." and "..".
const dotsLen = 24

// directorySize is the size of a folder with these names.
func directorySize(names []name) int64 {
	size, used := int64(dirChunk), dotsLen
	for _, n := range names {
		l := direntLen(len(n.name))
		if used+l > dirChunk {
			size, used = size+dirChunk, 0
		}
		used += l
	}
	return size
}

// directoryBytes returns the contents of the folder nodes[at].
func (l *Layout) directoryBytes(at int32) []byte {
	n := &l.nodes[at]
	w := direntWriter{b: make([]byte, n.size), order: l.order}
	w.add(dirent{l.ino(at), direntKind(typeDir), "."})
	w.add(dirent{l.ino(n.parent), direntKind(typeDir), ".."})
	for _, name := range n.names {
		w.add(dirent{l.ino(name.node), direntKind(l.nodes[name.node].mode), name.name})
	}
	w.endChunk()
	return w.b
}

// A direntWriter fills a folder's bytes. The last entry of each chunk is as
// long as what is left of it.
type direntWriter struct {
	b     []byte
	order binary.ByteOrder
	chunk int // where the current chunk begins
	used  int // bytes of the chunk
	last  int // where the chunk's last entry begins
}

func (w *direntWriter) add(d dirent) {
	n := direntLen(len(d.name))
	if w.used+n > dirChunk {
		w.endChunk()
		w.chunk, w.used = w.chunk+dirChunk, 0
	}
	w.last = w.chunk + w.used
	putDirent(w.b[w.last:], w.order, d, n)
	w.used += n
}

func (w *direntWriter) endChunk() {
	w.order.PutUint16(w.b[w.last+4:], uint16(w.chunk+dirChunk-w.last))
}

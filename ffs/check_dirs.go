package ffs

import (
	"context"
	"hash/maphash"
)

// A dirState is what is known of a directory.
type dirState struct {
	parent uint32 // the directory that has an entry for it; 0 if none has
	dotdot uint32 // what its ".." names; 0 if it has none
	mark   uint32 // see checkTree
}

const (
	// maxNames is of how many names one directory is searched for duplicates.
	maxNames = 1 << 20
	// maxDubious is how many bytes are read of directories that claim blocks
	// of others: many of them may claim the same ones.
	maxDubious = 64 << 20
)

// A nameSet has the hashes of a directory's names.
type nameSet struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

// add reports whether name is new.
func (n *nameSet) add(name string) bool {
	if len(n.seen) >= maxNames {
		return true
	}
	h := maphash.String(n.seed, name)
	if _, ok := n.seen[h]; ok {
		return false
	}
	n.seen[h] = struct{}{}
	return true
}

func (n *nameSet) reset() {
	if n.seen == nil || len(n.seen) > 1<<12 { // a large map is slow to clear
		*n = nameSet{maphash.MakeSeed(), map[uint64]struct{}{}}
	}
	clear(n.seen)
}

// checkDirs reads all directories.
func (c *checker) checkDirs(ctx context.Context) error {
	if root := c.dirs[rootIno]; root != nil {
		root.parent = rootIno
	} else {
		c.reportInode(rootIno, "the root is no folder")
	}
	for _, ino := range c.dirList {
		if err := c.next(ctx); err != nil {
			return err
		}
		if err := c.checkDir(ctx, ino); err != nil {
			return err
		}
	}
	return nil
}

// checkDir looks at the entries of directory ino.
func (c *checker) checkDir(ctx context.Context, ino uint32) error {
	c.names.reset()
	n := 0
	err := c.entries(ctx, ino, func(e foundEntry) {
		if e.err != nil {
			c.reportInode(ino, "offset %d: %v", e.at, e.err)
			return
		}
		c.checkEntry(ino, n, e)
		n++
	})
	if err == nil && n < 2 {
		c.reportInode(ino, "has no entries for itself and its parent")
	}
	return err
}

// checkEntry looks at entry n of directory dir. Unused ones count: the first
// two are to be those of "." and "..".
func (c *checker) checkEntry(dir uint32, n int, e foundEntry) {
	want := [...]string{".", ".."}
	switch {
	case n < len(want) && (e.ino == 0 || e.name != want[n]):
		c.reportInode(dir, "entry %d is %q: want %q", n, e.name, want[n])
	case n == 0:
		c.checkSelf(dir, e)
		return
	case n == 1:
		c.dirs[dir].dotdot = e.ino
		if c.checkTarget(dir, e) {
			c.state(e.ino).refs++
		}
		return
	}
	if e.ino == 0 {
		return
	}
	if n >= len(want) && (e.name == "." || e.name == "..") {
		c.reportInode(dir, "entry %d is another %q", n, e.name)
		return
	}
	if !c.names.add(e.name) {
		c.reportInode(dir, "has %q twice", e.name)
	}
	if c.checkTarget(dir, e) {
		c.countEntry(dir, e)
	}
}

// checkSelf looks at the entry ".".
func (c *checker) checkSelf(dir uint32, e foundEntry) {
	if e.ino != dir {
		c.reportInode(dir, `"." is inode %d: want %d`, e.ino, dir)
		return
	}
	c.checkTarget(dir, e)
	c.state(dir).refs++
}

// checkTarget looks at what an entry names, and returns whether it counts as
// a link.
func (c *checker) checkTarget(dir uint32, e foundEntry) bool {
	if int64(e.ino) >= c.s.inodes() {
		c.reportInode(dir, "%q is inode %d: there are only %d", e.name, e.ino, c.s.inodes())
		return false
	}
	if e.ino == whiteIno || e.kind == whiteKind {
		if e.ino != whiteIno || e.kind != whiteKind {
			c.reportInode(dir, "%q is inode %d with type %d: want inode %d with type %d for a whiteout", e.name, e.ino, e.kind, whiteIno, whiteKind)
		}
		return false
	}
	st := c.stateOf(e.ino)
	if st.kind == 0 {
		c.reportInode(dir, "%q is inode %d, which is not in use", e.name, e.ino)
		return false
	}
	if st.kind != e.kind && c.s.hasNewInodes() {
		c.reportInode(dir, "%q has type %d: want %d as inode %d", e.name, e.kind, st.kind, e.ino)
	}
	return true
}

// countEntry counts an entry as a link, and notes where a directory stands.
func (c *checker) countEntry(dir uint32, e foundEntry) {
	c.state(e.ino).refs++
	child := c.dirs[e.ino]
	switch {
	case child == nil:
	case child.parent != 0:
		c.reportInode(dir, "%q is a hard link to the folder with inode %d, which is in %d", e.name, e.ino, child.parent)
	default:
		child.parent = dir
	}
}

// A foundEntry is a directory entry, or what is wrong with the bytes at its place.
type foundEntry struct {
	rawDirent
	at  int64 // its offset in the directory
	err error
}

// entries calls visit for each entry of directory ino, unused ones included.
func (c *checker) entries(ctx context.Context, ino uint32, visit func(foundEntry)) error {
	in, err := readInode(c.r, c.s, c.order, ino)
	if err != nil {
		return err
	}
	size := int64(in.Size)
	if c.stateOf(ino).flags&stateDubious != 0 {
		if c.dubious += size; c.dubious > maxDubious {
			return nil
		}
	}
	buf := make([]byte, min(int64(c.s.BlockSize), c.s.fragRound(size)))
	for lbn := range c.s.blocks(size) {
		if err := c.next(ctx); err != nil {
			return err
		}
		n := min(size-lbn<<c.s.BlockShift, int64(c.s.BlockSize))
		a, err := c.blockAddress(in, lbn)
		if err != nil {
			return err
		}
		if a <= 0 || a > c.s.Size-c.s.frags(n) {
			visit(foundEntry{at: lbn << c.s.BlockShift, err: errNoBlock})
			return nil
		}
		if ok, err := c.read(buf[:n], c.s.offset(a), "", ino); err != nil || !ok {
			return err
		}
		c.blockEntries(buf[:n], lbn<<c.s.BlockShift, visit)
	}
	return nil
}

// blockEntries calls visit for the entries in b, which begins at the offset
// at of a directory. What follows a damaged one in its chunk is left out.
func (c *checker) blockEntries(b []byte, at int64, visit func(foundEntry)) {
	old := !c.s.hasNewInodes()
	for chunk := 0; chunk < len(b); chunk += dirChunk {
		end := min(chunk+dirChunk, len(b))
		for off := chunk; off < end; {
			d, err := decodeDirent(b[off:end], c.order, old)
			if err == nil && d.ino != 0 && b[off+direntHead+len(d.name)] != 0 {
				err = errNoNUL
			}
			visit(foundEntry{rawDirent: d, at: at + int64(off), err: err})
			if err != nil {
				break
			}
			off += d.reclen
		}
	}
}

// blockAddress is where block lbn of in is, 0 for a hole or what can't be read.
func (c *checker) blockAddress(in *Inode, lbn int64) (int64, error) {
	if lbn < directs {
		return in.Direct[lbn], nil
	}
	lbn -= directs
	span := int64(c.s.Pointers)
	level := 0
	for ; level < indirects && lbn >= span; level++ {
		lbn -= span
		span *= int64(c.s.Pointers)
	}
	if level == indirects {
		return 0, nil
	}
	var b [8]byte
	width := int64(c.s.pointerSize())
	a := in.Indirect[level]
	for ; level >= 0; level-- {
		if a <= 0 || a > c.s.Size-int64(c.s.FragsPerBlock) {
			return 0, nil
		}
		span /= int64(c.s.Pointers)
		if ok, err := c.read(b[:width], c.s.offset(a)+lbn/span*width, "", in.Number); err != nil || !ok {
			return 0, err
		}
		lbn %= span
		a = c.s.pointer(c.order, b[:], 0)
	}
	return a, nil
}

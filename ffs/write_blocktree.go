package ffs

// extentsOf returns where the node has whole blocks.
func (n *node) extentsOf() []extent {
	if n.extents != nil {
		return n.extents
	}
	return []extent{{0, n.blocks}}
}

// countIndirect is how many indirect blocks the node needs, counting only
// those below the first so many of the inode's indirect addresses.
func (n *node) countIndirect(s *Superblock, levels int) int64 {
	var count int64
	base, span := int64(directs), int64(1)
	for level := 1; level <= levels; level++ {
		span *= int64(s.Pointers)
		for unit := int64(s.Pointers); unit <= span; unit *= int64(s.Pointers) {
			count += countUnits(n.extentsOf(), base, span, unit)
		}
		base += span
	}
	return count
}

// countUnits is how many ranges of unit blocks, of the span blocks from base
// on, have a block in extents.
func countUnits(extents []extent, base, span, unit int64) int64 {
	var count, next int64 // next: the first range not yet counted
	for _, e := range extents {
		from, to := max(e.lbn, base)-base, min(e.lbn+e.n, base+span)-base
		if from >= to {
			continue
		}
		first, last := max(from/unit, next), (to-1)/unit
		if first <= last {
			count += last - first + 1
			next = last + 1
		}
	}
	return count
}

// A blockCursor finds the addresses of a node's blocks, asked for in
// ascending order.
type blockCursor struct {
	space   space
	extents []extent
	block   int64 // the number of the first block of extents[0]
}

func (n *node) cursor(p space) *blockCursor { return &blockCursor{p, n.extentsOf(), n.block} }

// any reports whether there is a block from lbn on, within n blocks.
func (c *blockCursor) any(lbn, n int64) bool {
	for len(c.extents) > 0 && c.extents[0].lbn+c.extents[0].n <= lbn {
		c.block += c.extents[0].n
		c.extents = c.extents[1:]
	}
	return len(c.extents) > 0 && c.extents[0].lbn < lbn+n
}

// address is where block lbn is, or 0 in a hole.
func (c *blockCursor) address(lbn int64) int64 {
	if !c.any(lbn, 1) {
		return 0
	}
	return c.space.address(c.block + lbn - c.extents[0].lbn)
}

// addresses fills an inode's address fields.
func (n *node) addresses(i *Inode, p space) {
	c := n.cursor(p)
	for lbn := range i.Direct {
		i.Direct[lbn] = c.address(int64(lbn))
	}
	if n.tail > 0 {
		i.Direct[p.super.blocks(n.size)-1] = p.address(n.tailIn) + int64(n.tailFrag)
	}
	for level := range i.Indirect {
		before := n.countIndirect(p.super, level)
		if n.countIndirect(p.super, level+1) > before {
			i.Indirect[level] = p.address(n.block - n.indirect + before)
		}
	}
}

// A treeWriter writes a node's indirect blocks, each before those that it
// points to.
type treeWriter struct {
	layout *Layout
	cursor *blockCursor
	next   int64 // number of the next indirect block
	bufs   [indirects + 1][]byte
	write  func(b []byte, addr int64) error
}

func (w *treeWriter) all(n *node) error {
	w.next = n.block - n.indirect
	base, span := int64(directs), int64(w.layout.super.Pointers)
	for level := 1; level <= indirects; level++ {
		if _, err := w.tree(level, base, span); err != nil {
			return err
		}
		base += span
		span *= int64(w.layout.super.Pointers)
	}
	return nil
}

// tree writes the indirect block for the span blocks from base on and those
// below it, and returns its address, or 0 if there is nothing but a hole.
func (w *treeWriter) tree(level int, base, span int64) (int64, error) {
	if !w.cursor.any(base, span) {
		return 0, nil
	}
	at := w.layout.space.address(w.next)
	w.next++
	if w.bufs[level] == nil {
		w.bufs[level] = make([]byte, w.layout.super.BlockSize)
	}
	b := w.bufs[level]
	clear(b)
	step := span / int64(w.layout.super.Pointers)
	for i := range int(w.layout.super.Pointers) {
		lbn := base + int64(i)*step
		if !w.cursor.any(lbn, base+span-lbn) {
			break
		}
		addr, err := w.child(level, lbn, step)
		if err != nil {
			return 0, err
		}
		w.layout.putAddress(b, i, addr)
	}
	return at, w.write(b, at)
}

func (w *treeWriter) child(level int, lbn, step int64) (int64, error) {
	if level == 1 {
		return w.cursor.address(lbn), nil
	}
	return w.tree(level-1, lbn, step)
}

// putAddress writes the address at place i of an indirect block.
func (l *Layout) putAddress(b []byte, i int, addr int64) {
	if l.super.Magic == magic1 {
		l.order.PutUint32(b[4*i:], uint32(addr))
		return
	}
	l.order.PutUint64(b[8*i:], uint64(addr))
}

package ffs

import (
	"errors"
	"fmt"
)

// treeBlocks is how many blocks an inode's addresses can lead to.
func (s *Superblock) treeBlocks() int64 {
	n, span := int64(directs), int64(1)
	for range indirects {
		span *= int64(s.Pointers)
		n += span
	}
	return n
}

// checkAddress checks that n fragments from addr on are within the file system.
func (s *Superblock) checkAddress(addr, n int64) error {
	if addr <= 0 || addr > s.Size-n {
		return fmt.Errorf("%d fragments at %d: the file system has %d", n, addr, s.Size)
	}
	return nil
}

// block returns the block at addr, which is not to be changed.
func (f *FS) block(addr int64) ([]byte, error) {
	if err := f.sb.checkAddress(addr, int64(f.sb.FragsPerBlock)); err != nil {
		return nil, err
	}
	if b := f.blocks.get(addr); b != nil {
		return b, nil
	}
	b := make([]byte, f.sb.BlockSize)
	if err := readFull(f.r, b, f.sb.offset(addr)); err != nil {
		return nil, err
	}
	f.blocks.put(addr, b)
	return b, nil
}

// A stretch is n blocks of a file from block lbn on that stand one after the
// other on the disk from the address addr on, or are a hole where that is 0.
type stretch struct{ lbn, addr, n int64 }

// stretch returns the stretch that begins at block lbn of i, and ends at block
// end or before.
func (f *FS) stretch(i *Inode, lbn, end int64) (stretch, error) {
	if lbn < directs {
		return f.run(i, lbn, min(end, directs)-lbn, func(n int64) int64 { return i.Direct[lbn+n] })
	}
	rest, span := lbn-directs, int64(1)
	for level := range indirects {
		span *= int64(f.sb.Pointers)
		if rest < span {
			return f.indirectStretch(i, i.Indirect[level], span, rest, lbn, end)
		}
		rest -= span
	}
	return stretch{}, fmt.Errorf("block %d: an inode leads to %d only", lbn, f.sb.treeBlocks())
}

// indirectStretch looks lbn up under the indirect block at addr, which leads to
// span blocks, lbn being number rest of them.
func (f *FS) indirectStretch(i *Inode, addr, span, rest, lbn, end int64) (stretch, error) {
	for {
		if addr == 0 {
			return stretch{lbn, 0, min(span-rest, end-lbn)}, nil
		}
		b, err := f.block(addr)
		if err != nil {
			return stretch{}, fmt.Errorf("indirect block: %w", err)
		}
		span /= int64(f.sb.Pointers)
		at := rest / span
		if span == 1 {
			return f.run(i, lbn, min(end-lbn, int64(f.sb.Pointers)-at), func(n int64) int64 { return f.sb.pointer(f.order, b, at+n) })
		}
		addr, rest = f.sb.pointer(f.order, b, at), rest%span
	}
}

// run returns the stretch that begins at block lbn, whose address is number 0
// of those that at returns; there are n of these, and at least one.
func (f *FS) run(i *Inode, lbn, n int64, at func(int64) int64) (stretch, error) {
	e := stretch{lbn, at(0), 1}
	step := int64(f.sb.FragsPerBlock)
	if e.addr == 0 {
		step = 0
	}
	for e.n < n && at(e.n) == e.addr+e.n*step {
		e.n++
	}
	if e.addr == 0 {
		return e, nil
	}
	last := lbn + e.n - 1
	tail := f.sb.blockLen(int64(i.Size), last) >> f.sb.FragmentShift
	if err := f.sb.checkAddress(e.addr, (e.n-1)*step+tail); err != nil {
		return stretch{}, fmt.Errorf("block %d: %w", lbn, err)
	}
	return e, nil
}

// readAt fills p with what i has at the offset off; both are within its size.
// Blocks that stand one after the other are read at once.
func (f *FS) readAt(i *Inode, p []byte, off int64) error {
	for len(p) > 0 {
		e, err := f.stretch(i, off>>f.sb.BlockShift, f.sb.blocks(off+int64(len(p))))
		if err != nil {
			return fmt.Errorf("inode %d: %w", i.Number, err)
		}
		from := off - e.lbn<<f.sb.BlockShift
		part := p[:min(int64(len(p)), e.n<<f.sb.BlockShift-from)]
		if e.addr == 0 {
			clear(part)
		} else if err := readFull(f.r, part, f.sb.offset(e.addr)+from); err != nil {
			return fmt.Errorf("inode %d: %w", i.Number, err)
		}
		p, off = p[len(part):], off+int64(len(part))
	}
	return nil
}

// A blockRef is an address in an inode or an indirect block.
type blockRef struct {
	level int   // 0: of data; 1 to 3: of an indirect block that leads to Pointers^level blocks
	lbn   int64 // the file's block, or the first of those that it leads to
	addr  int64 // not 0
	frags int64 // how many fragments are there for the file
}

// walkBlocks calls visit for each address of i that is no hole and not behind
// its end, in the file's order, indirect blocks before what they lead to.
func (f *FS) walkBlocks(i *Inode, visit func(blockRef)) error {
	w := blockWalk{fs: f, inode: i, visit: visit, end: f.sb.blocks(int64(i.Size)), left: f.sb.Size}
	for n, addr := range i.Direct {
		if err := w.ref(0, addr, int64(n), 1); err != nil {
			return err
		}
	}
	lbn, span := int64(directs), int64(1)
	for n, addr := range i.Indirect {
		span *= int64(f.sb.Pointers)
		if err := w.ref(n+1, addr, lbn, span); err != nil {
			return err
		}
		lbn += span
	}
	return nil
}

type blockWalk struct {
	fs    *FS
	inode *Inode
	visit func(blockRef)
	end   int64 // blocks of the file
	left  int64 // fragments that the file can still have: addresses may repeat
	// seen has the indirect blocks: one that is there again and again would
	// make the walk of a few blocks take hours.
	seen map[int64]bool
}

// ref visits what addr leads to: span blocks from lbn on.
func (w *blockWalk) ref(level int, addr, lbn, span int64) error {
	if addr == 0 || lbn >= w.end {
		return nil
	}
	r := blockRef{level, lbn, addr, int64(w.fs.sb.FragsPerBlock)}
	if level == 0 {
		r.frags = w.fs.sb.blockLen(int64(w.inode.Size), lbn) >> w.fs.sb.FragmentShift
	}
	if w.left -= r.frags; w.left < 0 {
		return fmt.Errorf("block %d: the file has more fragments than the file system's %d", lbn, w.fs.sb.Size)
	}
	if err := w.fs.sb.checkAddress(addr, r.frags); err != nil {
		return fmt.Errorf("block %d: %w", lbn, err)
	}
	if w.visit(r); level == 0 {
		return nil
	}
	if w.seen[addr] {
		return fmt.Errorf("block %d: the indirect block at %d is there twice", lbn, addr)
	}
	if w.seen == nil {
		w.seen = map[int64]bool{}
	}
	w.seen[addr] = true
	b, err := w.fs.block(addr)
	if err != nil {
		return fmt.Errorf("indirect block: %w", err)
	}
	span /= int64(w.fs.sb.Pointers)
	for n := range int64(w.fs.sb.Pointers) {
		if err := w.ref(level-1, w.fs.sb.pointer(w.fs.order, b, n), lbn+n*span, span); err != nil {
			return err
		}
	}
	return nil
}

// checkDistinct refuses a directory that has a block more than once, from
// which a small image could make one larger than memory.
func (f *FS) checkDistinct(i *Inode) error {
	if int64(i.Size) <= directs<<f.sb.BlockShift {
		return nil
	}
	var twice error
	seen := map[int64]bool{}
	err := f.walkBlocks(i, func(r blockRef) {
		if seen[r.addr] && twice == nil {
			twice = fmt.Errorf("block %d: %w: the block at %d is there twice", r.lbn, errDirent, r.addr)
		}
		seen[r.addr] = true
	})
	if err == nil {
		err = twice
	}
	if err != nil {
		return fmt.Errorf("inode %d: %w", i.Number, err)
	}
	return nil
}

// ranges returns where i has data, in whole blocks but for its end, or nil
// where it has no holes.
func (f *FS) ranges(i *Inode) ([]Range, error) {
	all := []Range{}
	size := int64(i.Size)
	err := f.walkBlocks(i, func(r blockRef) {
		if r.level > 0 {
			return
		}
		at := r.lbn << f.sb.BlockShift
		n := min(int64(f.sb.BlockSize), size-at)
		if last := len(all) - 1; last >= 0 && all[last].Off+all[last].Len == at {
			all[last].Len += n
			return
		}
		all = append(all, Range{at, n})
	})
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", i.Number, err)
	}
	if size == 0 || len(all) == 1 && all[0] == (Range{0, size}) {
		return nil, nil
	}
	return all, nil
}

// target returns what a symbolic link says.
func (f *FS) target(i *Inode) (string, error) {
	if i.kind() != typeLink {
		return "", errNotLink
	}
	if !i.hasData() {
		return i.Target, nil
	}
	b := make([]byte, i.Size)
	if err := f.readAt(i, b, 0); err != nil {
		return "", err
	}
	return string(b), nil
}

// contents is how many bytes can be read of i: none of a device, FIFO or
// socket.
func (i *Inode) contents() (int64, error) {
	switch {
	case i.isSnapshot():
		return 0, errSnapshot
	case i.kind() == typeRegular:
		return int64(i.Size), nil
	case i.kind() == typeDir:
		return 0, errIsDir
	}
	return 0, nil
}

var (
	errIsDir   = errors.New("is a directory")
	errNotDir  = errors.New("not a directory")
	errNotLink = errors.New("not a symbolic link")
	// errSnapshot: some of a snapshot's addresses stand for what the file
	// system has in that place now, and others for nothing.
	errSnapshot = errors.New("is a snapshot of the file system, which can't be read")
)

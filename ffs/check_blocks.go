package ffs

import (
	"context"
	"fmt"
	"math"
)

// maxBadBlocks is after how many bad addresses the rest of an inode's go
// unreported, as in fsck_ffs(8).
const maxBadBlocks = 10

// A claimer claims the blocks of one inode.
type claimer struct {
	*checker
	in       *Inode
	frags    int64 // claimed so far, others' too
	bad      int
	snapshot bool
}

// Addresses in a snapshot file that stand for no block, from ffs/fs.h.
const (
	snapshotNoCopy = 1 // BLK_NOCOPY
	snapshotSnap   = 2 // BLK_SNAP
)

// checkBlocks claims all blocks of inode i, whose bytes are b.
func (c *checker) checkBlocks(ctx context.Context, i *Inode, st *inodeState, b []byte) error {
	w := &claimer{checker: c, in: i, snapshot: i.isSnapshot()}
	switch kind := i.kind(); {
	case kind == typeChar || kind == typeBlock:
		w.device()
	case kind == typeLink && i.isInline(c.s):
		w.inline(b)
	default:
		if err := w.tree(ctx); err != nil {
			return err
		}
	}
	w.extended()
	if w.bad > 0 {
		st.flags |= stateDubious
		return nil
	}
	if want := uint64(w.frags) << c.s.FragmentShift / blockUnit; i.Blocks != want {
		c.reportInode(i.Number, "di_blocks %d: want %d", i.Blocks, want)
	}
	return nil
}

// device checks that a device has a number and no blocks.
func (w *claimer) device() {
	for _, a := range append(w.in.Direct[1:], w.in.Indirect[:]...) {
		if a != 0 {
			w.fault("a device with block %d", a)
		}
	}
	if d := w.in.Direct[0]; w.s.Version() == 2 && (d < 0 || d > math.MaxUint32) {
		w.fault("di_rdev %#x: want 32 bits", uint64(d))
	}
}

// inline checks that nothing but zeros follows a link's target in the inode.
func (w *claimer) inline(b []byte) {
	pointer := int64(w.s.pointerSize())
	for n, v := range w.s.inlineArea(b) {
		if v != 0 && int64(n) >= roundUp(int64(w.in.Size), pointer) {
			w.fault("an address behind the target of %d bytes", w.in.Size)
			return
		}
	}
}

// extended claims the blocks of an FFSv2's extended attributes.
func (w *claimer) extended() {
	size := int64(w.in.ExtSize)
	if size < 0 || size > int64(len(w.in.ExtBlocks))<<w.s.BlockShift {
		w.fault("di_extsize %d: want at most %d blocks", size, len(w.in.ExtBlocks))
		return
	}
	for n, a := range w.in.ExtBlocks {
		if a == 0 && int64(n) < w.s.blocks(size) {
			w.fault("di_extsize %d, but no block %d", size, n)
		}
		w.direct(a, int64(n), size)
	}
}

// tree claims the blocks of a file, directory or long symbolic link.
func (w *claimer) tree(ctx context.Context) error {
	size := int64(w.in.Size)
	for lbn, a := range w.in.Direct {
		w.direct(a, int64(lbn), size)
	}
	left, span := w.s.blocks(size)-directs, int64(1)
	for level, a := range w.in.Indirect {
		span *= int64(w.s.Pointers)
		if a != 0 && left <= 0 {
			w.fault("indirect block %d is beyond the size %d", a, size)
		} else if a != 0 {
			if err := w.branch(ctx, a, level, span, left); err != nil {
				return err
			}
		}
		left -= span
	}
	return nil
}

// direct claims block lbn of size bytes, which is at a.
func (w *claimer) direct(a, lbn, size int64) {
	switch {
	case a == 0:
	case lbn >= w.s.blocks(size):
		w.fault("block %d at %d is beyond the size %d", lbn, a, size)
	default:
		w.claim(a, w.s.frags(w.s.blockLen(size, lbn)))
	}
}

// branch claims the indirect block at a and all that it points to: span
// blocks, left of which the file has.
func (w *claimer) branch(ctx context.Context, a int64, level int, span, left int64) error {
	if err := w.next(ctx); err != nil {
		return err
	}
	if !w.claim(a, int64(w.s.FragsPerBlock)) {
		return nil
	}
	if w.indirect[level] == nil {
		w.indirect[level] = make([]byte, w.s.BlockSize)
	}
	b := w.indirect[level]
	if ok, err := w.read(b, w.s.offset(a), "", w.in.Number); err != nil || !ok {
		w.bad++
		return err
	}
	span /= int64(w.s.Pointers)
	for n := range int(w.s.Pointers) {
		p := w.s.pointer(w.order, b, int64(n))
		switch {
		case p == 0:
		case left <= 0:
			w.fault("entry %d of the indirect block at %d is beyond the size %d", n, a, w.in.Size)
			return nil
		case level == 0:
			w.claim(p, int64(w.s.FragsPerBlock))
		default:
			if err := w.branch(ctx, p, level-1, span, left); err != nil {
				return err
			}
		}
		left -= span
	}
	return nil
}

// claim marks the n fragments at a as the inode's. It returns false if they
// can't be, or are another's already.
func (w *claimer) claim(a, n int64) bool {
	if w.snapshot && (a == snapshotNoCopy || a == snapshotSnap) {
		return false
	}
	w.frags += n
	if a <= 0 || a > w.s.Size-n {
		w.fault("block %d: want %d to %d", a, 1, w.s.Size-n)
		return false
	}
	if a%int64(w.s.FragsPerBlock)+n > int64(w.s.FragsPerBlock) {
		w.fault("block %d: its %d fragments cross the end of a block", a, n)
		return false
	}
	g := uint32(a / int64(w.s.FragsPerGroup))
	from := a - w.s.groupBase(g)
	claimed := w.claimed(g)
	for f := from; f < from+n; f++ {
		if bit(claimed, f) {
			w.fault("block %d is %s", w.s.groupBase(g)+f, w.owner(g, f))
			return false
		}
	}
	setBits(claimed, from, n)
	return true
}

// fault reports a bad address of the inode, unless there were many.
func (w *claimer) fault(format string, args ...any) {
	switch w.bad++; {
	case w.bad <= maxBadBlocks:
		w.reportInode(w.in.Number, "%s", fmt.Sprintf(format, args...))
	case w.bad == maxBadBlocks+1:
		w.reportInode(w.in.Number, "has more bad addresses")
	}
}

// owner says whose the claimed fragment f of group g is.
func (c *checker) owner(g uint32, f int64) string {
	a := c.s.groupBase(g) + f
	switch summary := c.s.SummaryAt; {
	case a >= summary && a < summary+c.s.frags(int64(c.s.SummarySize)):
		return "in the summary area"
	case g == 0 && a < c.s.dataAt(0), a >= c.s.copyAt(g) && a < c.s.dataAt(g):
		return fmt.Sprintf("in the metadata of group %d", g)
	}
	return "claimed twice"
}

// claimed is the bitmap of the fragments of group g that are in use.
func (c *checker) claimed(g uint32) []byte {
	if c.claims[g] == nil {
		c.claims[g] = make([]byte, (c.s.FragsPerGroup+7)/8)
		c.claimMetadata(g, c.claims[g])
	}
	return c.claims[g]
}

// claimMetadata marks in m what group g is in use for by itself: the copy of
// the superblock, the header and the inodes, and the summary area.
func (c *checker) claimMetadata(g uint32, m []byte) {
	base := c.s.groupBase(g)
	from, to := c.s.copyAt(g)-base, c.s.dataAt(g)-base
	if g == 0 {
		from = 0 // boot blocks and superblock
	}
	setBits(m, from, to-from)
	summary := c.s.SummaryAt - base
	from, to = max(summary, 0), min(summary+c.s.frags(int64(c.s.SummarySize)), c.s.groupFrags(g))
	if from < to {
		setBits(m, from, to-from)
	}
}

// claimSummary has the groups that the summary area is in counted as used.
func (c *checker) claimSummary() {
	end := c.s.SummaryAt + c.s.frags(int64(c.s.SummarySize))
	for a := c.s.SummaryAt; a < end; a += int64(c.s.FragsPerGroup) {
		c.claimed(uint32(a / int64(c.s.FragsPerGroup)))
	}
	c.claimed(uint32((end - 1) / int64(c.s.FragsPerGroup)))
}

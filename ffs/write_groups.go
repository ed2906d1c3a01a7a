package ffs

import (
	"cmp"
	"slices"
)

// A groupSource makes a Layout's groups. Of a large volume nearly all are
// empty, and differ in their number only.
type groupSource struct {
	*Layout
	empty *group
}

// group returns group g as it will be on disk. It is the caller's until the
// next one is asked for.
func (l *groupSource) group(g uint32) *group {
	if !l.isEmpty(g) {
		return l.makeGroup(g)
	}
	if l.empty == nil {
		l.empty = l.makeGroup(g)
	}
	l.empty.Index = g
	return l.empty
}

// isEmpty reports whether nothing is in group g. The first has the summary
// area, and the last may be shorter.
func (l *Layout) isEmpty(g uint32) bool {
	return g > 0 && g < l.super.Groups-1 && l.space.capacity(g) >= l.used && l.usedInodes(g) == 0
}

func (l *Layout) makeGroup(g uint32) *group {
	s := l.super
	c := newGroup(s, g, l.order)
	l.freeBlocks(c)
	used := l.usedInodes(g)
	setBits(c.inodeMap(), 0, used)
	if s.Magic == magic2 {
		perBlock := int64(s.InodesPerBlock)
		inited := max((used+perBlock-1)/perBlock*perBlock, 2*perBlock)
		c.InitedInodes = uint32(min(inited, int64(s.InodesPerGroup)))
	}
	for i := max(int64(g)*int64(s.InodesPerGroup)-rootIno, 0); i < l.lastNode(g); i++ {
		if l.nodes[i].isDir() {
			c.Summary.Dirs++
		}
	}
	c.summarise(s)
	return c
}

// lastNode is the number of the first node that is not in group g or one
// before it.
func (l *Layout) lastNode(g uint32) int64 {
	return min(int64(g+1)*int64(l.super.InodesPerGroup)-rootIno, int64(len(l.nodes)))
}

// usedInodes is how many of group g's inodes are in use: from its first one
// on, with the two before the root's.
func (l *Layout) usedInodes(g uint32) int64 {
	return max(l.lastNode(g)+rootIno-int64(g)*int64(l.super.InodesPerGroup), 0)
}

// freeBlocks marks what is free in a group.
func (l *Layout) freeBlocks(c *group) {
	s := l.super
	perBlock := int64(s.FragsPerBlock)
	for _, a := range l.space.areas(c.Index) {
		used := min(max(l.used-a.block, 0), a.n)
		c.freeRange(a.at+used*perBlock, (a.n-used)*perBlock)
	}
	if c.Index == 0 { // the end of the summary area's last block
		end := s.SummaryAt + s.frags(int64(s.SummarySize))
		c.freeRange(end, l.space.start-end)
	}
	if rest := int64(c.Frags) % perBlock; rest > 0 { // a file system need not end with a block
		c.freeRange(int64(c.Frags)-rest, rest)
	}
	base := s.groupBase(c.Index)
	for _, p := range l.partialIn(c.Index) {
		c.freeRange(l.space.address(p.block)-base+int64(p.from), perBlock-int64(p.from))
	}
}

// partialIn are the partly used blocks of group g.
func (l *Layout) partialIn(g uint32) []partial {
	from, to := l.space.capacity(g), l.space.capacity(g+1)
	if g == l.super.Groups-1 {
		to = max(to, l.used)
	}
	byBlock := func(p partial, block int64) int { return cmp.Compare(p.block, block) }
	first, _ := slices.BinarySearchFunc(l.partial, from, byBlock)
	end, _ := slices.BinarySearchFunc(l.partial, to, byBlock)
	return l.partial[first:end]
}

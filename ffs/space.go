package ffs

// A space numbers the blocks of a file system that data can be in, from 0 on
// in the order of their addresses, so that what takes n blocks takes n
// consecutive numbers, whatever metadata lies between them. Group 0 has its
// data behind its inodes and the summary area; the others also have the room
// before their copy of the superblock.
type space struct {
	super *Superblock
	first int64 // blocks in group 0
	each  int64 // blocks in each other group
	front int64 // of these, before the superblock's copy
	start int64 // address of block 0
}

func newSpace(s *Superblock) space {
	perBlock := int64(s.FragsPerBlock)
	start := int64(s.DataAt) + (s.frags(int64(s.SummarySize))+perBlock-1)/perBlock*perBlock
	front := int64(s.SuperblockAt) / perBlock
	return space{
		super: s,
		first: (int64(s.FragsPerGroup) - start) / perBlock,
		each:  front + int64(s.FragsPerGroup-s.DataAt)/perBlock,
		front: front,
		start: start,
	}
}

// address is where block k begins.
func (p space) address(k int64) int64 {
	perBlock := int64(p.super.FragsPerBlock)
	if k < p.first {
		return p.start + k*perBlock
	}
	g, i := uint32(1+(k-p.first)/p.each), (k-p.first)%p.each
	if i < p.front {
		return p.super.groupBase(g) + i*perBlock
	}
	return p.super.dataAt(g) + (i-p.front)*perBlock
}

// contiguous is how many of the blocks from k on follow each other on disk.
func (p space) contiguous(k int64) int64 {
	if k < p.first {
		return p.first + p.front - k
	}
	i := (k - p.first) % p.each
	if i < p.front {
		return p.front - i
	}
	return p.each + p.front - i
}

// capacity is the number of blocks in the groups before g.
func (p space) capacity(g uint32) int64 {
	if g == 0 {
		return 0
	}
	return p.first + int64(g-1)*p.each
}

// areas are the ranges of group g that data can be in: the first block's
// number, and where it begins and how many there are, in the group.
func (p space) areas(g uint32) []area {
	s := p.super
	perBlock := int64(s.FragsPerBlock)
	end := s.groupFrags(g) / perBlock * perBlock
	if g == 0 {
		return []area{{0, p.start, (end - p.start) / perBlock}}
	}
	k := p.capacity(g)
	return []area{{k, 0, p.front}, {k + p.front, int64(s.DataAt), (end - int64(s.DataAt)) / perBlock}}
}

// An area is a range of a group's blocks that data can be in.
type area struct {
	block int64 // number of the first
	at    int64 // its first fragment, in the group
	n     int64 // blocks
}

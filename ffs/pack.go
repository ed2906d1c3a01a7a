package ffs

import (
	"cmp"
	"slices"
)

// Where contents go. Small files and folders come first, packed into runs
// which are written at once; the others follow, each in consecutive blocks
// behind its indirect ones. The end of a small file takes only fragments, in
// the fullest block that has room for it.

const (
	// runBytes is the most that is written at once.
	runBytes = 1 << 20
	// smallBytes is how large a file can be to go into a run: above, it is
	// not worth passing through memory.
	smallBytes = 64 << 10
)

// A place says where a node's contents are. Blocks have the numbers that
// space gives them.
type place struct {
	extents  []extent // of a sparse file: where it has blocks; nil: from 0 to blocks
	blocks   int64    // whole ones
	block    int64    // the first of them
	tail     int32    // fragments at the end that make no whole block
	tailFrag int32    // where in tailIn they begin
	tailIn   int64    // the block with the tail
	indirect int64    // number of indirect blocks, right before block
}

// An extent is a range of a file's blocks.
type extent struct{ lbn, n int64 }

// A run is a range of small nodes whose contents fill consecutive blocks.
type run struct {
	small  []int32 // nodes
	block  int64
	blocks int64
}

// A partial block has fragments from number from on free.
type partial struct {
	block int64
	from  int32
}

// bins holds partial blocks by how many fragments are free in them.
type bins [maxFrag][]partial

// place returns where n fragments go: into the fullest block that has room for
// them, else into fresh, an unused one.
func (b *bins) place(n, perBlock int32, fresh int64) partial {
	for free := n; free < perBlock; free++ {
		list := b[free]
		if len(list) == 0 {
			continue
		}
		p := list[len(list)-1]
		b[free] = list[:len(list)-1]
		b.put(partial{p.block, p.from + n}, perBlock)
		return p
	}
	b.put(partial{fresh, n}, perBlock)
	return partial{block: fresh}
}

// has reports whether place would do without a fresh block.
func (b *bins) has(n, perBlock int32) bool {
	for free := n; free < perBlock; free++ {
		if len(b[free]) > 0 {
			return true
		}
	}
	return false
}

// put keeps p if anything is free in it.
func (b *bins) put(p partial, perBlock int32) {
	if free := perBlock - p.from; free > 0 {
		b[free] = append(b[free], p)
	}
}

func (b *bins) all() []partial {
	return slices.SortedFunc(slices.Values(slices.Concat(b[:]...)), func(x, y partial) int { return cmp.Compare(x.block, y.block) })
}

// A packer gives places.
type packer struct {
	super    *Superblock
	perBlock int32
	next     int64 // the first block that nothing is in
	frags    int64 // of contents
	bins     bins
	runs     []run
	large    []int32
}

// pack gives each node its place.
func pack(nodes []node, s *Superblock) *packer {
	p := &packer{super: s, perBlock: s.FragsPerBlock}
	var small []int32
	for i := range nodes {
		n := &nodes[i]
		if !n.inBlocks(s) {
			continue
		}
		n.measure(s)
		p.frags += min(n.blocks*int64(p.perBlock)+int64(n.tail), s.frags(n.size))
		if n.size <= smallBytes && n.extents == nil && n.indirect == 0 {
			small = append(small, int32(i))
		} else {
			p.large = append(p.large, int32(i))
		}
	}
	for len(small) > 0 {
		n := p.packRun(nodes, small)
		small = small[n:]
	}
	for _, i := range p.large {
		p.packLarge(&nodes[i])
	}
	return p
}

// measure computes how many blocks and fragments a node takes.
func (n *node) measure(s *Superblock) {
	blocks := s.blocks(n.size)
	last := blocks - 1
	if length := s.blockLen(n.size, last); length < int64(s.BlockSize) {
		n.tail = int32(length >> s.FragmentShift)
		blocks--
	}
	if n.entry.Data != nil && n.mode&typeMask == typeRegular {
		n.extents = dataExtents(n.entry.Data, s, blocks, n.tail == 0)
		blocks = 0
		for _, e := range n.extents {
			blocks += e.n
		}
	}
	n.blocks = blocks
	n.indirect = n.countIndirect(s, indirects)
}

// blockCount is di_blocks of a node that was measured.
func (n *node) blockCount(s *Superblock) uint64 {
	return uint64(s.offset((n.blocks+n.indirect)*int64(s.FragsPerBlock)+int64(n.tail)) / blockUnit)
}

// dataExtents rounds the data of a sparse file of so many whole blocks to
// blocks. The last block of a file is never a hole: the kernel would not find
// the file's end in it.
func dataExtents(data []Range, s *Superblock, blocks int64, withLast bool) []extent {
	extents := []extent{}
	add := func(from, to int64) {
		to = min(to, blocks)
		if k := len(extents) - 1; k >= 0 && from <= extents[k].lbn+extents[k].n {
			from = extents[k].lbn + extents[k].n
			if from < to {
				extents[k].n += to - from
			}
			return
		}
		if from < to {
			extents = append(extents, extent{from, to - from})
		}
	}
	for _, d := range data {
		add(d.Off>>s.BlockShift, s.blocks(d.Off+d.Len))
	}
	if withLast {
		add(blocks-1, blocks)
	}
	return extents
}

// packRun places as many of the small nodes as go into one run, and returns
// how many that are.
func (p *packer) packRun(nodes []node, small []int32) int {
	limit := int64(runBytes >> p.super.BlockShift)
	r := run{block: p.next}
	var open bins
	for _, i := range small {
		n := &nodes[i]
		need := n.blocks
		if n.tail > 0 && !open.has(n.tail, p.perBlock) {
			need++
		}
		if r.blocks+need > limit {
			break
		}
		n.block = r.block + r.blocks
		r.blocks += need
		if n.tail > 0 {
			at := open.place(n.tail, p.perBlock, r.block+r.blocks-1)
			n.tailIn, n.tailFrag = at.block, at.from
		}
		r.small = small[:len(r.small)+1]
	}
	p.next += r.blocks
	for _, left := range open.all() {
		p.bins.put(left, p.perBlock)
	}
	p.runs = append(p.runs, r)
	return len(r.small)
}

// packLarge places a node in blocks of its own.
func (p *packer) packLarge(n *node) {
	n.block = p.next + n.indirect
	p.next = n.block + n.blocks
	if n.tail == 0 {
		return
	}
	at := p.bins.place(n.tail, p.perBlock, p.next)
	if at.block == p.next {
		p.next++
	}
	n.tailIn, n.tailFrag = at.block, at.from
}

package ffs

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"time"
)

// A Layout is a file system that is decided upon but not yet written.
type Layout struct {
	super *Superblock
	order binary.ByteOrder
	space space
	nodes []node // node i is inode rootIno + i
	stamp func(time.Time) time.Time
	seed  uint64

	runs    []run
	large   []int32
	used    int64     // blocks, from number 0 on
	partial []partial // of these, the ones with free fragments

	contents int64 // bytes of the regular files
	progress func(done, total int64)
}

// Plan decides where everything of entries goes. It reads none of the
// contents. What does not fit, or can't be stored, is an error.
func Plan(entries []Entry, o Options) (*Layout, error) {
	base, err := o.superblock()
	if err != nil {
		return nil, fmt.Errorf("plan an FFS: %w", err)
	}
	nodes, err := makeNodes(entries, &o, base)
	if err != nil {
		return nil, fmt.Errorf("plan an FFS: %w", err)
	}
	packed := pack(nodes, base)
	if err := checkBlockCounts(nodes, base); err != nil {
		return nil, fmt.Errorf("plan an FFS: %w", err)
	}
	super, err := o.fit(base, need{int64(len(nodes)), packed.next, packed.frags})
	if err != nil {
		return nil, fmt.Errorf("plan an FFS: %w", err)
	}
	l := &Layout{
		super:    super,
		order:    o.order(),
		space:    newSpace(super),
		nodes:    nodes,
		stamp:    o.stamp,
		runs:     packed.runs,
		large:    packed.large,
		used:     packed.next,
		partial:  packed.bins.all(),
		progress: o.Progress,
	}
	for i := range nodes {
		if nodes[i].mode&typeMask == typeRegular {
			l.contents += nodes[i].size
		}
	}
	l.identify(&o)
	l.count()
	return l, nil
}

// checkBlockCounts refuses files with more blocks than an FFSv1 counts.
func checkBlockCounts(nodes []node, s *Superblock) error {
	for i := range nodes {
		if n := &nodes[i]; s.Magic == magic1 && n.blockCount(s) > math.MaxUint32 {
			return fmt.Errorf("%s: %d blocks of %d bytes: an FFSv1 counts %d, use version 2", n.entry.Path, n.blockCount(s), blockUnit, uint32(math.MaxUint32))
		}
	}
	return nil
}

// Size of the file system in bytes.
func (l *Layout) Size() int64 { return l.super.Bytes() }

// Superblock describes the file system as it will be written.
func (l *Layout) Superblock() *Superblock {
	s := *l.super
	return &s
}

// ino is the inode number of a node.
func (l *Layout) ino(node int32) uint32 { return rootIno + uint32(node) }

// identify sets times and ids, which follow from the entries so that the same
// ones give the same file system.
func (l *Layout) identify(o *Options) {
	latest := o.Time
	h := fnv.New64a()
	b := make([]byte, 0, 256)
	for i := range l.nodes {
		n := &l.nodes[i]
		t := l.stamp(n.entry.ModTime)
		if o.Time.IsZero() && t.After(latest) {
			latest = t
		}
		b = append(b[:0], n.entry.Path...)
		for _, v := range [...]uint64{uint64(n.mode), uint64(n.size), uint64(t.UnixNano())} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		_, _ = h.Write(b) // a hash never fails
	}
	l.seed = h.Sum64()
	s := l.super
	s.Time = l.stamp(latest).Unix()
	s.ID = [2]int32{int32(s.Time), int32(l.seed & 0x7fffffff)}
	if s.Magic == magic1 {
		s.OldTime = int32(s.Time)
	}
}

// count sums up the groups.
func (l *Layout) count() {
	s := l.super
	s.Total = TotalSummary{}
	groups := groupSource{Layout: l}
	for g := range s.Groups {
		s.Total.add(groups.group(g).Summary)
	}
	if s.Magic == magic1 {
		s.OldTotal = Summary{int32(s.Total.Dirs), int32(s.Total.FreeBlocks), int32(s.Total.FreeInodes), int32(s.Total.FreeFrags)}
	}
}

// generation is an inode's di_gen, by which NFS tells reused inodes: random on
// a real disk, here drawn from the entries (a step of SplitMix64).
func (l *Layout) generation(ino uint32) int32 {
	z := l.seed + uint64(ino)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int32((z ^ z>>31) & 0x7fffffff)
}

// inode returns the inode of nodes[at].
func (l *Layout) inode(at int32) Inode {
	n, e, s := &l.nodes[at], l.nodes[at].entry, l.super
	mod := l.stamp(e.ModTime)
	i := Inode{
		Number: l.ino(at), Mode: n.mode, Links: int16(n.links),
		UID: e.UID, GID: e.GID, Flags: e.Flags, Generation: l.generation(l.ino(at)),
		ModTime: mod, AccessTime: l.other(e.AccessTime, mod), ChangeTime: l.other(e.ChangeTime, mod),
	}
	if s.Magic == magic2 {
		i.BirthTime = l.other(e.BirthTime, mod)
	}
	i.Size = uint64(n.size)
	switch {
	case n.inBlocks(s):
		n.addresses(&i, l.space)
		i.Blocks = n.blockCount(s)
	case i.kind() == typeLink:
		i.Target = e.Target
	case i.kind() == typeChar || i.kind() == typeBlock:
		i.Direct[0] = int64(int32(makeDevice(e.Major, e.Minor)))
		if s.Magic == magic2 {
			i.Direct[0] = int64(makeDevice(e.Major, e.Minor))
		}
	}
	return i
}

// other is a time that may differ from the modification time.
func (l *Layout) other(t, mod time.Time) time.Time {
	if t.IsZero() {
		return mod
	}
	return l.stamp(t)
}

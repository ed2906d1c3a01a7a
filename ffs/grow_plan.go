package ffs

import (
	"encoding/binary"
	"fmt"
)

// plan decides what is written, and changes nothing yet.
func (w *growth) plan() error {
	if err := w.extendLast(); err != nil {
		return err
	}
	if w.new.SummarySize > w.old.SummarySize {
		if err := w.placeSummary(); err != nil {
			return err
		}
	}
	if err := w.sum(); err != nil {
		return err
	}
	t := w.new
	if t.Version() == 1 {
		t.OldSize, t.OldDataSize, t.OldSummaryAt = int32(t.Size), int32(t.DataSize), int32(t.SummaryAt)
		t.OldNCyl = int32(t.Groups)
		t.OldTotal = Summary{int32(t.Total.Dirs), int32(t.Total.FreeBlocks), int32(t.Total.FreeInodes), int32(t.Total.FreeFrags)}
	}
	return t.validate()
}

// group is group g as it will be, to be changed.
func (w *growth) group(g uint32) (*group, error) {
	if c := w.changed[g]; c != nil {
		return c, nil
	}
	c, err := w.look(g)
	if err != nil {
		return nil, err
	}
	w.changed[g] = c
	return c, nil
}

// look is group g as it will be, to be read.
func (w *growth) look(g uint32) (*group, error) {
	if c := w.changed[g]; c != nil {
		return c, nil
	}
	if g >= w.old.Groups {
		return w.emptyGroup(g), nil
	}
	return readGroup(w.r, w.old, w.order, g)
}

// emptyGroup is the new group g, as newfs(8) makes it.
func (w *growth) emptyGroup(g uint32) *group {
	s := w.new
	c := newGroup(s, g, w.order)
	base := s.groupBase(g)
	c.freeRange(0, s.copyAt(g)-base)
	c.freeRange(s.dataAt(g)-base, s.groupFrags(g)-(s.dataAt(g)-base))
	if s.Version() == 2 {
		c.InitedInodes = min(s.InodesPerGroup, 2*s.InodesPerBlock)
	}
	c.summarise(s)
	return c
}

// extendLast makes the last of the old groups longer.
func (w *growth) extendLast() error {
	g := w.old.Groups - 1
	from, to := w.old.groupFrags(g), w.new.groupFrags(g)
	if from == to {
		return nil
	}
	c, err := w.group(g)
	if err != nil {
		return err
	}
	c.Frags = uint32(to)
	if w.new.ContigSum > 0 {
		c.ClusterBlocks = c.Frags / uint32(w.new.FragsPerBlock)
	}
	c.freeRange(from, to-from)
	return nil
}

// placeSummary finds room for the larger summary area: behind the old one, or
// elsewhere.
func (w *growth) placeSummary() error {
	were, are := w.old.frags(int64(w.old.SummarySize)), w.new.frags(int64(w.new.SummarySize))
	end := w.old.SummaryAt + were
	g := uint32((end - 1) / int64(w.old.FragsPerGroup))
	c, err := w.group(g)
	if err != nil {
		return err
	}
	base := w.old.groupBase(g)
	if freeFor(c, end-base, are-were) {
		clearBits(c.freeMap(), end-base, are-were)
		return nil
	}
	at, err := w.findRoom(are)
	if err != nil {
		return err
	}
	w.new.SummaryAt = at
	if err := w.mark(at, are, false); err != nil {
		return err
	}
	return w.mark(w.old.SummaryAt, were, true)
}

// freeFor reports whether the n fragments from number from on are free.
func freeFor(c *group, from, n int64) bool {
	if from+n > int64(c.Frags) {
		return false
	}
	for i := from; i < from+n; i++ {
		if !bit(c.freeMap(), i) {
			return false
		}
	}
	return true
}

// findRoom finds n free fragments that begin with a block.
func (w *growth) findRoom(n int64) (int64, error) {
	tried := int64(0) // the length of new groups without room
	for g := range w.new.Groups {
		if g >= w.old.Groups && w.new.groupFrags(g) == tried {
			continue
		}
		c, err := w.look(g)
		if err != nil {
			return 0, err
		}
		if g >= w.old.Groups {
			tried = w.new.groupFrags(g)
		}
		if at, ok := freeRun(c, n, int64(w.new.FragsPerBlock)); ok {
			return w.new.groupBase(g) + at, nil
		}
	}
	return 0, fmt.Errorf("there is no room for the summary of %d groups, %d bytes in one piece", w.new.Groups, w.new.SummarySize)
}

// freeRun finds n free fragments of c that begin with a block.
func freeRun(c *group, n, perBlock int64) (from int64, ok bool) {
	for at := int64(0); at < int64(c.Frags); at++ {
		if !bit(c.freeMap(), at) {
			from = roundUp(at+1, perBlock)
		} else if at+1-from == n {
			return from, true
		}
	}
	return 0, false
}

// mark marks the n fragments from the address at on free or in use.
func (w *growth) mark(at, n int64, free bool) error {
	for n > 0 {
		g := uint32(at / int64(w.new.FragsPerGroup))
		c, err := w.group(g)
		if err != nil {
			return err
		}
		from := at - w.new.groupBase(g)
		part := min(n, int64(c.Frags)-from)
		if free {
			setBits(c.freeMap(), from, part)
		} else {
			clearBits(c.freeMap(), from, part)
		}
		at, n = at+part, n-part
	}
	return nil
}

func clearBits(m []byte, from, n int64) {
	for i := from; i < from+n; i++ {
		m[i/8] &^= 1 << (i % 8)
	}
}

// sum computes the summaries of all groups, and their total.
func (w *growth) sum() error {
	s := w.new
	w.summariesWere = make([]byte, w.old.SummarySize)
	if err := readFull(w.r, w.summariesWere, s.offset(w.old.SummaryAt)); err != nil {
		return err
	}
	w.summaries = make([]byte, s.SummarySize)
	copy(w.summaries, w.summariesWere[:w.old.Groups*summaryBytes])
	for g := w.old.Groups; g < s.Groups; g++ {
		w.putSummary(g, w.newSummary(g))
	}
	for g, c := range w.changed {
		c.summarise(s)
		w.putSummary(g, c.Summary)
	}
	s.Total = TotalSummary{Spare: s.Total.Spare}
	for g := range int(s.Groups) {
		s.Total.add(decodeSummary(w.summaries[g*summaryBytes:], w.order))
	}
	return nil
}

// newSummary is the summary of the new group g, which nothing is in.
func (w *growth) newSummary(g uint32) Summary {
	s := w.new
	blocks := (s.copyAt(g) - s.groupBase(g)) >> s.FragShift
	rest := s.groupFrags(g) - (s.dataAt(g) - s.groupBase(g))
	return Summary{
		FreeBlocks: int32(blocks + rest>>s.FragShift),
		FreeInodes: int32(s.InodesPerGroup),
		FreeFrags:  int32(rest & int64(s.FragsPerBlock-1)),
	}
}

func (w *growth) putSummary(g uint32, sum Summary) {
	at := int(g) * summaryBytes
	appendSummary(w.summaries[:at], w.order, sum)
}

func decodeSummary(b []byte, o binary.ByteOrder) Summary {
	word := func(n int) int32 { return int32(o.Uint32(b[n*4:])) }
	return Summary{Dirs: word(0), FreeBlocks: word(1), FreeInodes: word(2), FreeFrags: word(3)}
}

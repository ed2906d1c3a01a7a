package ffs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// write writes what was planned, into a file that gets end bytes at least.
func (w *growth) write(ctx context.Context, end int64) error {
	if w.end < end {
		if err := w.file.Truncate(end); err != nil {
			return err
		}
	}
	err := w.writeNew(ctx)
	if err == nil {
		err = w.writeOld()
	}
	if err == nil {
		return w.verify()
	}
	if w.end < end {
		err = errors.Join(err, w.file.Truncate(w.end))
	}
	return err
}

// writeNew writes what the file system of the old size does not use.
func (w *growth) writeNew(ctx context.Context) error {
	s := w.new
	super := w.superblock(s)
	var last *group // one that nothing is in
	for g := w.old.Groups; g < s.Groups; g++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := w.changed[g]
		switch {
		case c != nil:
		case last != nil && s.groupFrags(g) == int64(last.Frags): // but for its number it is the same
			last.Index = g
			c = last
		default:
			last = w.emptyGroup(g)
			c = last
		}
		if err := w.writeGroup(g, c, super); err != nil {
			return err
		}
	}
	if w.moved() {
		return w.writeAt(w.summaries, s.offset(s.SummaryAt))
	}
	return nil
}

// writeGroup writes the new group g: the superblock's copy, zeroed inodes and
// the header.
func (w *growth) writeGroup(g uint32, c *group, super []byte) error {
	s := w.new
	inodes := s.dataAt(g)
	if s.Version() == 2 {
		inodes = s.inodesAt(g) + int64(c.InitedInodes/s.InodesPerBlock)*int64(s.FragsPerBlock)
	}
	if err := w.zero(s.offset(s.copyAt(g)), s.offset(inodes)); err != nil {
		return err
	}
	if err := w.writeAt(super, s.offset(s.copyAt(g))); err != nil {
		return err
	}
	return w.writeAt(c.encode(), s.offset(s.headerAt(g)))
}

// zero makes zeros of the bytes in a range, and holes stay holes.
func (w *growth) zero(from, to int64) error {
	to = min(to, w.end-w.offset) // what is behind was added just now
	buf := make([]byte, min(max(to-from, 0), zeroChunk))
	none := make([]byte, len(buf))
	for from < to {
		n := min(to-from, zeroChunk)
		if err := readFull(w.file, buf[:n], w.offset+from); err != nil {
			return err
		}
		if !bytes.Equal(buf[:n], none[:n]) {
			if err := w.writeAt(none[:n], from); err != nil {
				return err
			}
		}
		from += n
	}
	return nil
}

// zeroChunk is how many bytes are compared with zeros at once.
const zeroChunk = 256 << 10

// writeOld changes what the file system of the old size uses. On errors it
// puts back what was there.
func (w *growth) writeOld() error {
	steps, err := w.steps()
	if err != nil {
		return err
	}
	for n, s := range steps {
		if err := w.writeAt(s.now, s.at); err != nil {
			return errors.Join(err, w.undo(steps[:n+1]))
		}
	}
	return nil
}

// steps are the changes to what the old size uses: groups, summary area and
// copies of the superblock, while the superblock says that it is not clean.
func (w *growth) steps() ([]step, error) {
	s := w.old
	unclean := *s
	unclean.Clean = 0
	super, were := w.superblock(w.new), w.superblock(s)
	steps := []step{{w.superblock(&unclean), were, s.Place}}
	for g := range s.Groups {
		if c := w.changed[g]; c != nil {
			was, err := readGroup(w.r, s, w.order, g)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step{c.encode(), was.raw, s.offset(s.headerAt(g))})
		}
		steps = append(steps, step{super, were, s.offset(s.copyAt(g))})
	}
	if !w.moved() {
		steps = append(steps, step{w.summaries, w.summariesWere, s.offset(s.SummaryAt)})
	}
	return append(steps, step{super, were, s.Place}), nil
}

// A step is a write over what was there.
type step struct {
	now, was []byte
	at       int64 // bytes from the file system's beginning
}

// undo takes steps back, the last one first.
func (w *growth) undo(steps []step) error {
	var errs []error
	for n := len(steps) - 1; n >= 0; n-- {
		errs = append(errs, w.writeAt(steps[n].was, steps[n].at))
	}
	return errors.Join(errs...)
}

// superblock is the bytes of a superblock without the unused rest.
func (w *growth) superblock(s *Superblock) []byte { return s.encode(w.order)[:superblockBytes] }

func (w *growth) writeAt(b []byte, at int64) error {
	_, err := w.file.WriteAt(b, w.offset+at)
	return err
}

// verify reads the superblock and the groups that changed back.
func (w *growth) verify() error {
	r := io.NewSectionReader(w.file, w.offset, w.new.Bytes())
	s, _, err := findSuperblock(r)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if *s != *w.new {
		return errors.New("read back: the superblock is not the one that was written")
	}
	for g, want := range w.changed {
		c, err := readGroup(r, s, w.order, g)
		if err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if !bytes.Equal(c.raw, want.raw) {
			return fmt.Errorf("read back: group %d is not what was written", g)
		}
	}
	return nil
}

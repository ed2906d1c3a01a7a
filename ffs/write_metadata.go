package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// metadata writes inodes, groups, the summary area and the superblocks.
func (w *writer) metadata(ctx context.Context) error {
	if err := w.eachInodes(ctx, func(b []byte, _ uint32, addr int64) error { return w.writeAt(b, addr) }); err != nil {
		return err
	}
	s := w.super
	super := s.encode(w.order)
	summaries := make([]byte, 0, s.SummarySize)
	for g := range s.Groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := w.groups.group(g)
		if err := w.writeAt(c.encode(), s.headerAt(g)); err != nil {
			return err
		}
		if err := w.writeAt(super, s.copyAt(g)); err != nil {
			return err
		}
		summaries = appendSummary(summaries, w.order, c.Summary)
	}
	if err := w.writeAt(summaries, s.SummaryAt); err != nil {
		return err
	}
	_, err := w.file.WriteAt(super, w.offset+s.Place)
	return err
}

func appendSummary(b []byte, o binary.ByteOrder, s Summary) []byte {
	for _, v := range [...]int32{s.Dirs, s.FreeBlocks, s.FreeInodes, s.FreeFrags} {
		b = append(b, 0, 0, 0, 0)
		o.PutUint32(b[len(b)-4:], uint32(v))
	}
	return b
}

// eachInodes calls do with the bytes of all blocks of inodes in use, some
// blocks at a time: the number of the first inode and the blocks' address.
func (w *writer) eachInodes(ctx context.Context, do func(b []byte, first uint32, addr int64) error) error {
	s := w.super
	size := int64(s.inodeSize())
	buf := make([]byte, max(runBytes, int64(s.BlockSize)))
	step := int64(len(buf)) / size
	for g := range s.Groups {
		used := w.usedInodes(g)
		for i := int64(0); i < used; i += step {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(step, used-i)
			b := buf[:roundUp(n*size, int64(s.BlockSize))]
			clear(b)
			first := g*s.InodesPerGroup + uint32(i)
			for k := range n {
				w.putInode(b[k*size:][:size], first+uint32(k))
			}
			if err := do(b, first, s.inodesAt(g)+s.frags(i*size)); err != nil {
				return err
			}
		}
	}
	return nil
}

// putInode encodes inode ino; those before the root stay empty.
func (w *writer) putInode(b []byte, ino uint32) {
	if ino < rootIno {
		return
	}
	i := w.inode(int32(ino - rootIno))
	i.encode(w.super, w.order, b)
}

// verify reads superblocks, groups and inodes back, decodes them, and compares
// them with what they were meant to be.
func (w *writer) verify(ctx context.Context) error {
	s := w.super
	r := io.NewSectionReader(w.file, w.offset, s.Bytes())
	got, order, err := findSuperblock(r)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if *got != *s || order != w.order {
		return fmt.Errorf("read back: the superblock is not the one that was written")
	}
	for g := range s.Groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.verifyGroup(r, g); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
	}
	return w.eachInodes(ctx, func(want []byte, first uint32, addr int64) error {
		b := make([]byte, len(want))
		if err := readFull(r, b, s.offset(addr)); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		return w.verifyInodes(b, first)
	})
}

func (w *writer) verifyGroup(r io.ReaderAt, g uint32) error {
	s := w.super
	c, err := readGroup(r, s, w.order, g)
	if err != nil {
		return err
	}
	want := w.groups.group(g)
	if !bytes.Equal(c.raw, want.encode()) || c.groupHeader != want.groupHeader {
		return fmt.Errorf("group %d is not what was written", g)
	}
	backup, _, err := readSuperblock(r, s.offset(s.copyAt(g)))
	if err != nil {
		return err
	}
	if *backup != *s {
		return fmt.Errorf("group %d's superblock is not what was written", g)
	}
	return nil
}

func (w *writer) verifyInodes(b []byte, first uint32) error {
	size := uint32(w.super.inodeSize())
	for at := uint32(0); at < uint32(len(b)); at += size {
		ino := first + at/size
		if ino < rootIno || int64(ino-rootIno) >= int64(len(w.nodes)) {
			continue
		}
		got := decodeInode(w.super, w.order, ino, b[at:])
		if *got != w.inode(int32(ino-rootIno)) {
			return fmt.Errorf("read back: inode %d (%s) is not what was written", ino, w.nodes[ino-rootIno].entry.Path)
		}
	}
	return nil
}

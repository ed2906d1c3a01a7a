package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"
)

// An inodeState is what later passes need to know of an inode.
type inodeState struct {
	refs  int32 // directory entries that name it
	links int16 // di_nlink
	kind  uint8 // as in a directory entry; 0 is an inode that is not in use
	flags uint8
}

const (
	stateDubious  = 1 << iota // has blocks that are others' too
	stateSpecial              // the journal, a quota file: in no directory
	stateSnapshot             // holds what the file system was
)

// File flags that matter here, from NetBSD's sys/stat.h.
const (
	fileSnapshot = 0x00200000 // SF_SNAPSHOT
	fileLog      = 0x00400000 // SF_LOG: the journal
	fileInvalid  = 0x00800000 // SF_SNAPINVAL: a snapshot that was not finished

	// kernelFileFlags are on files that hold the kernel's own structures.
	kernelFileFlags = fileSnapshot | fileLog | fileInvalid
)

const (
	maxDirSize = 1<<31 - 1 // UFS_MAXDIRSIZE
	whiteKind  = typeWhite >> 12
	dirKind    = typeDir >> 12
)

// inodeChunk is how many bytes of inodes are read at once, at most.
const inodeChunk = 128 << 10

// checkInodes looks at all inodes, and claims their blocks.
func (c *checker) checkInodes(ctx context.Context) error {
	c.claimSummary()
	buf := make([]byte, inodeChunk)
	zero := make([]byte, inodeChunk)
	for g := range c.s.Groups {
		if err := c.checkGroupInodes(ctx, g, buf, zero); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkGroupInodes(ctx context.Context, g uint32, buf, zero []byte) error {
	n, err := c.initedInodes(g)
	if err != nil {
		return err
	}
	size := uint32(c.s.inodeSize())
	for from := uint32(0); from < n; from += inodeChunk / size {
		if err := c.next(ctx); err != nil {
			return err
		}
		first := g*c.s.InodesPerGroup + from
		chunk := buf[:min(inodeChunk, (n-from)*size)]
		if ok, err := c.read(chunk, c.s.inodeOffset(first), groupName(g), 0); err != nil || !ok {
			return err
		}
		if bytes.Equal(chunk, zero[:len(chunk)]) {
			continue
		}
		for i := uint32(0); i < uint32(len(chunk))/size; i++ {
			if err := c.checkInode(ctx, first+i, chunk[i*size:(i+1)*size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// initedInodes is how many of group g's inodes have ever been written: the
// rest of an FFSv2's may be garbage.
func (c *checker) initedInodes(g uint32) (uint32, error) {
	if c.s.Version() == 1 {
		return c.s.InodesPerGroup, nil
	}
	var h groupHeader
	b := make([]byte, groupHeaderBytes)
	if ok, err := c.read(b, c.s.offset(c.s.headerAt(g)), groupName(g), 0); err != nil || !ok {
		return 0, err
	}
	if _, err := binary.Decode(b, c.order, &h); err != nil {
		return 0, err
	}
	return min(h.InitedInodes, c.s.InodesPerGroup), nil
}

// checkInode looks at one inode, which has the bytes b.
func (c *checker) checkInode(ctx context.Context, ino uint32, b []byte) error {
	if ino < rootIno {
		return nil
	}
	i := decodeInode(c.s, c.order, ino, b)
	if i.Mode == 0 {
		if i.Size != 0 || i.Direct != [directs]int64{} || i.Indirect != [indirects]int64{} {
			c.reportInode(ino, "partly in use: it has no type, but a size (%d) or addresses", i.Size)
		}
		return nil
	}
	kind := direntKind(i.Mode)
	if kind == 0 {
		c.reportInode(ino, "mode %#o: it has no type", i.Mode)
		return nil
	}
	st := c.state(ino)
	*st = inodeState{links: i.Links, kind: kind, flags: c.stateFlags(i)}
	c.checkStamps(ino, b)
	if !c.checkSize(i) {
		return nil
	}
	if kind == dirKind {
		c.dirs[ino] = &dirState{}
		c.dirList = append(c.dirList, ino)
	}
	return c.checkBlocks(ctx, i, st, b)
}

// state is what is known of inode ino, to be changed.
func (c *checker) state(ino uint32) *inodeState {
	g := ino / c.s.InodesPerGroup
	if c.inodes[g] == nil {
		c.inodes[g] = make([]inodeState, c.s.InodesPerGroup)
	}
	return &c.inodes[g][ino%c.s.InodesPerGroup]
}

// stateOf is what is known of inode ino, to be read.
func (c *checker) stateOf(ino uint32) inodeState {
	if states := c.inodes[ino/c.s.InodesPerGroup]; states != nil {
		return states[ino%c.s.InodesPerGroup]
	}
	return inodeState{}
}

// stateFlags tells the inodes that are no ordinary files.
func (c *checker) stateFlags(i *Inode) uint8 {
	quota := c.s.Flags&flagQuota2 != 0 && (c.s.QuotaFile[0] == uint64(i.Number) || c.s.QuotaFile[1] == uint64(i.Number))
	switch {
	case quota || i.Flags&fileLog != 0:
		return stateSpecial
	case i.Flags&fileSnapshot != 0:
		return stateSnapshot
	}
	return 0
}

// checkStamps checks that nanoseconds are below a second.
func (c *checker) checkStamps(ino uint32, b []byte) {
	names := []string{"di_atimensec", "di_mtimensec", "di_ctimensec"}
	at := []int{20, 28, 36}
	if c.s.Version() == 2 {
		names = append(names, "di_birthnsec")
		at = []int{68, 64, 72, 76}
	}
	for n, name := range names {
		if v := c.order.Uint32(b[at[n]:]); v >= uint32(time.Second) {
			c.reportInode(ino, "%s %d: want less than %d", name, int32(v), time.Second)
		}
	}
}

// checkSize checks an inode's size against its type. It returns false for
// those whose blocks aren't worth a look.
func (c *checker) checkSize(i *Inode) bool {
	most := uint64(maxTarget)
	switch i.kind() {
	case typeRegular:
		most = c.s.fileLimit()
	case typeDir:
		most = maxDirSize
		if i.Size == 0 || i.Size%dirChunk != 0 {
			c.reportInode(i.Number, "di_size %d: want a positive multiple of %d for a folder", i.Size, dirChunk)
		}
	case typeLink:
	case typeChar, typeBlock, typeFIFO, typeSocket:
		most = 0
	default:
		c.reportInode(i.Number, "mode %#o: unknown type", i.Mode)
		return false
	}
	if i.Size > most {
		c.reportInode(i.Number, "di_size %d: want at most %d", i.Size, most)
		return false
	}
	return true
}

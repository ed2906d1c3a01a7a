package ffs

import (
	"context"
	"errors"
)

var (
	errNoBlock = errors.New("no block: a folder has no holes")
	errNoNUL   = errors.New("no NUL after the name")
)

// checkTree checks that all directories hang from the root, and know by what.
func (c *checker) checkTree(ctx context.Context) error {
	for _, ino := range c.dirList {
		if err := c.next(ctx); err != nil {
			return err
		}
		d := c.dirs[ino]
		if d.parent != 0 && d.dotdot != 0 && d.dotdot != d.parent {
			c.reportInode(ino, `".." is inode %d: want %d`, d.dotdot, d.parent)
		}
		c.checkReachable(ino)
	}
	return nil
}

// checkReachable climbs from directory ino until it meets the root, a
// directory that was climbed through before, or itself: a circle.
func (c *checker) checkReachable(ino uint32) {
	for at := ino; ; {
		d := c.dirs[at]
		switch {
		case at == rootIno || d.mark != 0 && d.mark != ino:
			return
		case d.mark == ino:
			c.reportInode(at, "is a folder within itself, and not in the root's tree")
			return
		}
		d.mark = ino
		if d.parent == 0 {
			c.reportInode(at, "is a folder in no other")
			return
		}
		at = d.parent
	}
}

// checkLinks compares each inode's link count with the entries that name it.
func (c *checker) checkLinks(ctx context.Context) error {
	for g := range c.s.Groups {
		if err := c.next(ctx); err != nil {
			return err
		}
		for n, st := range c.inodes[g] {
			ino := g*c.s.InodesPerGroup + uint32(n)
			d := c.dirs[ino]
			switch {
			case st.kind == 0, st.flags&stateSpecial != 0 && st.refs == 0, d != nil && d.parent == 0:
			case st.refs == 0:
				c.reportInode(ino, "is in use (%d links), but in no folder", st.links)
			case st.refs != int32(st.links):
				c.reportInode(ino, "di_nlink %d: want %d, as many entries name it", st.links, st.refs)
			}
		}
	}
	return nil
}

package ffs

import (
	"context"
	"path"
)

// maxPathNames bounds the names of a finding's path.
const maxPathNames = 64

// A foundName is where an inode is named.
type foundName struct {
	dir  uint32
	name string
}

// paths finds the names of the inodes that have faults. It reads the
// directories once or twice again, only for those that it wants.
func (c *checker) paths(ctx context.Context) (map[uint32]string, error) {
	places := map[uint32]foundName{}
	files := map[uint32]bool{}
	dirs := map[uint32]bool{}
	for _, f := range c.faults {
		switch {
		case f.ino == 0:
		case c.dirs[f.ino] != nil:
			c.ancestors(f.ino, dirs)
		default:
			files[f.ino] = true
		}
	}
	if len(files) > 0 {
		if err := c.find(ctx, c.dirList, files, places); err != nil {
			return nil, err
		}
	}
	for _, p := range places {
		c.ancestors(p.dir, dirs)
	}
	if err := c.find(ctx, c.parents(dirs), dirs, places); err != nil {
		return nil, err
	}
	found := map[uint32]string{}
	for _, f := range c.faults {
		if f.ino != 0 {
			found[f.ino] = c.path(f.ino, places)
		}
	}
	return found, nil
}

// ancestors adds directory ino and those above it.
func (c *checker) ancestors(ino uint32, dirs map[uint32]bool) {
	for range maxPathNames {
		d := c.dirs[ino]
		if ino == rootIno || d == nil || dirs[ino] {
			return
		}
		dirs[ino] = true
		ino = d.parent
	}
}

// parents are the directories that have those in dirs.
func (c *checker) parents(dirs map[uint32]bool) []uint32 {
	var list []uint32
	seen := map[uint32]bool{}
	for _, ino := range c.dirList {
		if p := c.dirs[ino].parent; dirs[ino] && c.dirs[p] != nil && !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

// find notes where the wanted inodes are, in the directories of list.
func (c *checker) find(ctx context.Context, list []uint32, wanted map[uint32]bool, places map[uint32]foundName) error {
	quiet := *c // whatever is wrong was reported before
	quiet.faults, quiet.dubious = nil, 0
	for _, dir := range list {
		err := quiet.entries(ctx, dir, func(e foundEntry) {
			if e.err != nil || !wanted[e.ino] || e.name == "." || e.name == ".." {
				return
			}
			if _, ok := places[e.ino]; !ok {
				places[e.ino] = foundName{dir, e.name}
			}
		})
		if err != nil {
			return err
		}
		quiet.faults = nil
	}
	return nil
}

// path is an inode's path, as far as it is known.
func (c *checker) path(ino uint32, places map[uint32]foundName) string {
	if ino == rootIno {
		return "/"
	}
	var name string
	for range maxPathNames {
		p, ok := places[ino]
		if !ok {
			break
		}
		name = path.Join(p.name, name)
		if ino = p.dir; ino == rootIno {
			return "/" + name
		}
	}
	if name == "" {
		return ""
	}
	return "…/" + name
}

package ffs

import "sync"

// cachedBlocks is how many blocks of inodes and addresses are kept: one for
// each level of some files that are read at once, up to 2 MiB.
const cachedBlocks = 32

// A blockCache keeps the blocks that were used last.
type blockCache struct {
	mu    sync.Mutex
	clock uint64
	slots [cachedBlocks]cachedBlock
}

type cachedBlock struct {
	addr int64 // 0: none
	used uint64
	b    []byte // never written to again
}

// get returns the block at addr, or nil.
func (c *blockCache) get(addr int64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.slots {
		if s := &c.slots[n]; s.addr == addr {
			c.clock++
			s.used = c.clock
			return s.b
		}
	}
	return nil
}

// put keeps b in place of the block that was not used for the longest time.
func (c *blockCache) put(addr int64, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := &c.slots[0]
	for n := range c.slots {
		s := &c.slots[n]
		if s.addr == addr {
			return
		}
		if s.used < oldest.used {
			oldest = s
		}
	}
	c.clock++
	*oldest = cachedBlock{addr: addr, used: c.clock, b: b}
}

// cachedNames is how many names of directories are kept: a walk looks up
// thousands of them in the same few directories.
const cachedNames = 1 << 17

// A dirCache keeps the directories that were used last.
type dirCache struct {
	mu    sync.Mutex
	clock uint64
	names int
	dirs  map[uint32]*cachedDir
}

type cachedDir struct {
	used uint64
	dir  *directory
}

func (c *dirCache) get(ino uint32) *directory {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dirs[ino]
	if d == nil {
		return nil
	}
	c.clock++
	d.used = c.clock
	return d.dir
}

// put keeps a directory, and drops others where there are too many names.
func (c *dirCache) put(ino uint32, d *directory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dirs == nil {
		c.dirs = map[uint32]*cachedDir{}
	}
	if c.dirs[ino] != nil {
		return
	}
	for len(c.dirs) > 0 && (c.names+d.cost() > cachedNames || len(c.dirs) >= maxCachedDirs) {
		c.dropOldest()
	}
	c.clock++
	c.dirs[ino] = &cachedDir{c.clock, d}
	c.names += d.cost()
}

// maxCachedDirs keeps dropOldest, which looks at all of them, cheap.
const maxCachedDirs = 64

func (c *dirCache) dropOldest() {
	var oldest uint32
	least := c.clock + 1
	for ino, d := range c.dirs {
		if d.used < least {
			oldest, least = ino, d.used
		}
	}
	c.names -= c.dirs[oldest].dir.cost()
	delete(c.dirs, oldest)
}

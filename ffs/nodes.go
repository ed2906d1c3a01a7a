package ffs

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// A node is a file to be written: what becomes an inode.
type node struct {
	entry  *Entry
	parent int32 // index of its folder; of the root, of itself
	names  []name

	mode  uint16
	links int32
	dirs  int32 // folders in a folder
	size  int64 // of its contents in blocks, or of an inline target
	place
}

// A name is an entry of a folder.
type name struct {
	name string
	node int32
}

func (n *node) isDir() bool { return n.mode&typeMask == typeDir }

// inBlocks reports whether blocks hold the contents.
func (n *node) inBlocks(s *Superblock) bool {
	switch n.mode & typeMask {
	case typeRegular, typeDir:
		return n.size > 0
	case typeLink:
		return n.size >= int64(s.inlineSize())
	}
	return false
}

// A nodeBuilder turns sorted entries into nodes.
type nodeBuilder struct {
	options *Options
	super   *Superblock // of the version in question, without sizes yet
	nodes   []node
	sorted  []*Entry
	of      []int32 // the node of each sorted entry
	folders []int32 // the open folders above the current entry, by their place in sorted
}

// makeNodes returns the nodes of entries, the root first. Their order, and that of
// the names in folders, does not depend on that of the entries.
func makeNodes(entries []Entry, o *Options, s *Superblock) ([]node, error) {
	b := &nodeBuilder{options: o, super: s, sorted: sortEntries(entries)}
	b.nodes = make([]node, 0, len(b.sorted))
	b.of = make([]int32, len(b.sorted))
	for i, e := range b.sorted {
		if e.Hardlink != "" {
			continue // its node may come later
		}
		if err := b.add(i); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	if err := b.nameAll(); err != nil {
		return nil, err
	}
	for i := range b.nodes {
		if err := b.nodes[i].finish(); err != nil {
			return nil, fmt.Errorf("%s: %w", b.nodes[i].entry.Path, err)
		}
	}
	return b.nodes, nil
}

// sortEntries returns the entries in the order in which each folder comes
// right before what is in it, with a root.
func sortEntries(entries []Entry) []*Entry {
	sorted := make([]*Entry, 0, len(entries)+1)
	for i := range entries {
		sorted = append(sorted, &entries[i])
	}
	byPath := func(a, b *Entry) int { return ComparePaths(a.Path, b.Path) }
	if !slices.IsSortedFunc(sorted, byPath) {
		slices.SortStableFunc(sorted, byPath)
	}
	if len(sorted) == 0 || sorted[0].Path != "/" {
		sorted = slices.Insert(sorted, 0, &Entry{Path: "/", Mode: fs.ModeDir | 0o755})
	}
	return sorted
}

// ComparePaths orders paths by their elements: what is in a folder comes right
// behind it.
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// add makes a node of the sorted entry i.
func (b *nodeBuilder) add(i int) error {
	e := b.sorted[i]
	mode, ok := inodeMode(e.Mode)
	if !ok {
		return fmt.Errorf("a file of type %v can't be stored", e.Mode.Type())
	}
	n := node{entry: e, mode: mode}
	if err := n.check(b.super, b.options); err != nil {
		return err
	}
	b.of[i] = int32(len(b.nodes))
	b.nodes = append(b.nodes, n)
	return nil
}

// nameAll puts each entry's name into its folder.
func (b *nodeBuilder) nameAll() error {
	for i, e := range b.sorted {
		if err := b.nameOne(i); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

func (b *nodeBuilder) nameOne(i int) error {
	e := b.sorted[i]
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if i > 0 && b.sorted[i-1].Path == e.Path {
		return twice(b.sorted[i-1], e)
	}
	if e.Path == "/" {
		if e.Hardlink != "" || !b.nodes[0].isDir() {
			return fmt.Errorf("the root must be a folder")
		}
		b.folders = append(b.folders[:0], 0)
		return nil
	}
	if e.Hardlink != "" {
		if err := b.link(i); err != nil {
			return err
		}
	}
	return b.nameBelow(i)
}

// nameBelow puts the name of sorted entry i into the folder above it, which
// is the last of the open ones.
func (b *nodeBuilder) nameBelow(i int) error {
	e := b.sorted[i]
	dir, base := path.Split(e.Path)
	for len(b.folders) > 1 && !isBelow(e.Path, b.sorted[b.folders[len(b.folders)-1]].Path) {
		b.folders = b.folders[:len(b.folders)-1]
	}
	top := b.folders[len(b.folders)-1]
	if over := b.sorted[top]; len(over.Path) < len(dir)-1 {
		return fmt.Errorf("there is no entry for its folder %s", strings.TrimSuffix(dir, "/"))
	}
	parent := &b.nodes[b.of[top]]
	if !parent.isDir() || b.sorted[top].Hardlink != "" {
		return fmt.Errorf("%s is a file and a folder", b.sorted[top].Path)
	}
	n := &b.nodes[b.of[i]]
	if n.isDir() {
		n.parent = b.of[top]
		parent.dirs++
	}
	n.links++
	parent.names = append(parent.names, name{base, b.of[i]})
	b.folders = append(b.folders, int32(i))
	return nil
}

func twice(a, b *Entry) error {
	if a.Mode.IsDir() != b.Mode.IsDir() {
		return fmt.Errorf("it is a file and a folder")
	}
	return fmt.Errorf("there are two entries for it")
}

// link makes the sorted entry i, a hard link, another name of its node.
func (b *nodeBuilder) link(i int) error {
	to := b.sorted[i].Hardlink
	j, ok := slices.BinarySearchFunc(b.sorted, to, func(e *Entry, to string) int { return ComparePaths(e.Path, to) })
	switch {
	case !ok:
		return fmt.Errorf("it is a hard link to %s, which is not there", to)
	case b.sorted[j].Hardlink != "":
		return fmt.Errorf("it is a hard link to %s, a hard link itself: name the file", to)
	case b.nodes[b.of[j]].isDir():
		return fmt.Errorf("it is a hard link to %s, a folder", to)
	}
	b.of[i] = b.of[j]
	return nil
}

// isBelow reports whether p is in the folder dir or below it.
func isBelow(p, dir string) bool {
	return dir == "/" || len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("%q is not a clean absolute path", p)
	}
	if strings.IndexByte(p, 0) >= 0 {
		return fmt.Errorf("%q has a NUL in it", p)
	}
	if base := path.Base(p); len(base) > maxName {
		return fmt.Errorf("the name has %d bytes, FFS holds %d", len(base), maxName)
	}
	return nil
}

// check refuses what can't be stored, and sets the size.
func (n *node) check(s *Superblock, o *Options) error {
	e := n.entry
	if err := n.checkTimes(s, o); err != nil {
		return err
	}
	if own := e.Flags & kernelFileFlags; own != 0 {
		return fmt.Errorf("flags %#x: snapshots and journals are the kernel's to make", own)
	}
	switch n.mode & typeMask {
	case typeRegular:
		n.size = e.Size
		return n.checkContents(s)
	case typeLink:
		n.size = int64(len(e.Target))
		if n.size == 0 || n.size > maxTarget || strings.IndexByte(e.Target, 0) >= 0 {
			return fmt.Errorf("a link's target has 1 to %d bytes without NUL, not %d bytes: %.40q", maxTarget, n.size, e.Target)
		}
	case typeChar, typeBlock:
		if e.Major > 1<<12-1 || e.Minor > 1<<20-1 {
			return fmt.Errorf("device %d,%d: NetBSD holds majors of 12 bits and minors of 20", e.Major, e.Minor)
		}
	}
	return nil
}

func (n *node) checkContents(s *Superblock) error {
	e := n.entry
	if e.Size < 0 || uint64(e.Size) > s.fileLimit() {
		return fmt.Errorf("size %d: this file system holds files up to %d bytes", e.Size, s.fileLimit())
	}
	if e.Size > 0 && e.Open == nil {
		return fmt.Errorf("it has a size of %d, and no Open", e.Size)
	}
	var end int64
	for _, d := range e.Data {
		if d.Len <= 0 || d.Off < end || d.Len > e.Size-d.Off {
			return fmt.Errorf("data of %d bytes at %d: want ranges in order within %d bytes", d.Len, d.Off, e.Size)
		}
		end = d.Off + d.Len
	}
	return nil
}

func (n *node) checkTimes(s *Superblock, o *Options) error {
	e := n.entry
	for _, t := range []time.Time{e.ModTime, e.AccessTime, e.ChangeTime} {
		if sec := o.stamp(t).Unix(); s.Magic == magic1 && int64(int32(sec)) != sec {
			return fmt.Errorf("time %s: FFSv1 holds times from 1901 to 2038, use version 2", t.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// finish sets what depends on the names in a folder.
func (n *node) finish() error {
	if n.isDir() {
		n.links = 2 + n.dirs
		n.size = directorySize(n.names)
	}
	if n.links > maxLinks {
		return fmt.Errorf("%d links, FFS holds %d: split the folder", n.links, maxLinks)
	}
	return nil
}

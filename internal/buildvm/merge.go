package buildvm

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A merger makes the tree after a step of the one before it and of what the
// root was and is.
type merger struct {
	ctx         context.Context // of the one merge that this is for
	before, now *snapshot
	tree        *tree.Tree // before
	open        func(wire.File) (*io.SectionReader, error)
	pack        *pack.Writer
	why         string // of what the step made or changed

	out    tree.Tree
	packed int // files whose bytes are in pack
}

// merge fills m.out.
func (m *merger) merge() error {
	for _, f := range m.now.files {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := m.add(f); err != nil {
			return err
		}
	}
	return m.keepNodes()
}

// add adds the file at one path, with all its names if it is the first of
// them.
func (m *merger) add(f wire.File) error {
	switch {
	case f.Mounted:
		return m.put(m.tree.Below(f.Path)...) // what is hidden there is unchanged
	case f.Type() != wire.TypeFile:
		return m.addOther(f)
	}
	names := m.now.names(f.Inode)
	if names[0] != f.Path {
		return nil
	}
	unchanged := m.before.has(f)
	if unchanged && slices.Equal(names, m.before.names(f.Inode)) {
		return m.keep(names)
	}
	e, ok := m.origin(f)
	if !unchanged || !ok {
		var err error
		if e, err = m.changed(f); err != nil {
			return err
		}
	}
	return m.putFile(e, names)
}

// keep adds the entries that the tree had at paths. What it had none for is
// not of the ship, but of its boot.
func (m *merger) keep(paths []string) error {
	for _, p := range paths {
		e, ok := m.tree.Get(p)
		if !ok {
			continue
		}
		if err := m.put(e); err != nil {
			return err
		}
	}
	return nil
}

// addOther adds what is no regular file.
func (m *merger) addOther(f wire.File) error {
	old, was := m.before.at(f.Path)
	if was && same(old, f) {
		return m.keep([]string{f.Path})
	}
	if f.Type() == wire.TypeSocket {
		return nil // its listener is gone
	}
	e, err := m.entry(f)
	if err != nil {
		return err
	}
	if had, ok := m.tree.Get(f.Path); ok && e.Type == tree.Dir && sameFolder(had, e) {
		e.Why = had.Why // what is in it changed
	}
	return m.put(e)
}

func sameFolder(a, b tree.Entry) bool {
	return a.Type == b.Type && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && tree.SameXattrs(a, b)
}

// origin returns the regular file that the tree had for f's inode.
func (m *merger) origin(f wire.File) (tree.Entry, bool) {
	for _, p := range m.before.names(f.Inode) {
		e, ok := m.tree.Get(p)
		if ok && e.Type == tree.Hardlink {
			e, ok = m.tree.Get(e.Link)
		}
		if ok && e.Type == tree.File {
			return e, true
		}
	}
	return tree.Entry{}, false
}

// changed returns an entry for a file that is new or changed. Bytes that the
// tree had under the same name or for the same inode are left where they are.
func (m *merger) changed(f wire.File) (tree.Entry, error) {
	e, err := m.entry(f)
	if err != nil {
		return e, err
	}
	r, err := m.open(f)
	if err != nil {
		return e, fmt.Errorf("%s: %w", f.Path, err)
	}
	if r.Size() != f.Size {
		return e, fmt.Errorf("%s: %d bytes of it can be read, it has %d", f.Path, r.Size(), f.Size)
	}
	e.Size = f.Size
	had, ok := m.tree.Get(f.Path)
	if !ok || had.Type != tree.File {
		had, ok = m.origin(f)
	}
	if ok && had.Size == f.Size {
		digest, _, err := tree.DigestOf(tree.Interruptible(m.ctx, r))
		if err != nil {
			return e, fmt.Errorf("%s: %w", f.Path, err)
		}
		if digest == had.Digest {
			e.Digest, e.Content = had.Digest, had.Content
			return e, nil
		}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return e, err
	}
	m.packed++
	return m.pack.Add(e, tree.Interruptible(m.ctx, r))
}

// putFile adds e under its names: the first is the file, the others are links
// to it.
func (m *merger) putFile(e tree.Entry, names []string) error {
	e.Path, e.Why = names[0], m.why
	if err := m.put(e); err != nil {
		return err
	}
	for _, name := range names[1:] {
		link := e
		link.Path, link.Type, link.Link = name, tree.Hardlink, names[0]
		link.Size, link.Digest, link.Content, link.Xattrs = 0, "", tree.Content{}, nil
		if err := m.put(link); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) put(entries ...tree.Entry) error {
	for _, e := range entries {
		if err := m.out.Put(e); err != nil {
			return err
		}
	}
	return nil
}

var types = map[uint32]tree.Type{
	wire.TypeFile: tree.File, wire.TypeDir: tree.Dir, wire.TypeSymlink: tree.Symlink, wire.TypeChar: tree.Char,
	wire.TypeBlock: tree.Block, wire.TypeFIFO: tree.FIFO, wire.TypeSocket: tree.Socket,
}

// entry is f as the step made it, without a regular file's bytes.
func (m *merger) entry(f wire.File) (tree.Entry, error) {
	t, ok := types[f.Type()]
	if !ok {
		return tree.Entry{}, fmt.Errorf("%s: its type %#o is none that a tree can hold", f.Path, f.Type())
	}
	return tree.Entry{
		Path: f.Path, Type: t, Mode: f.Mode & 0o7777, UID: f.UID, GID: f.GID, ModTime: f.ModTime.UTC(),
		Link: f.Target, Major: f.Major, Minor: f.Minor, Xattrs: f.Xattrs, Why: m.why,
	}, nil
}

// keepNodes makes the standard device nodes the tree's own once a step has
// made one: a root disk gets them only where a tree has none.
func (m *merger) keepNodes() error {
	if hasNodes(m.tree) || !hasNodes(&m.out) {
		return nil
	}
	for _, f := range m.now.files {
		if _, ok := m.out.Get(f.Path); ok || !isDevice(f) || !strings.HasPrefix(f.Path, "/dev/") {
			continue
		}
		e, err := m.entry(f)
		if err != nil {
			return err
		}
		e.Why = "standard device node"
		if err := m.put(e); err != nil {
			return err
		}
	}
	return nil
}

// hasNodes reports whether t has anything but folders in /dev, as package disk
// asks.
func hasNodes(t *tree.Tree) bool {
	return slices.ContainsFunc(t.Below("/dev"), func(e tree.Entry) bool { return e.Type != tree.Dir })
}

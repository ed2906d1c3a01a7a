package store

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Merge returns the files of the layers one over the other, from the bottom up.
// A folder over a folder keeps what is in it; anything else takes the place of
// what was there. What a layer puts below a symbolic link goes where that leads
// to in the tree. A file that goes away stays under its other names.
//
// It fails where a layer has a hard link to nothing, or files below what is no
// folder.
func Merge(layers ...Layer) (tree.Tree, error) {
	t, _, err := merge(layers)
	return t, err
}

// merge is Merge that also reports whether each file's folder is there, too.
func merge(layers []Layer) (t tree.Tree, whole bool, err error) {
	n := 0
	for _, l := range layers {
		n += len(l.Entries)
	}
	m := merger{entries: make(map[string]tree.Entry, n), links: map[string]bool{}}
	for _, l := range layers {
		if err := m.apply(l); err != nil {
			return t, false, err
		}
	}
	whole = true
	for p, e := range m.entries {
		if _, ok := m.entries[path.Dir(p)]; !ok {
			whole = false
		}
		if err := t.Put(e); err != nil {
			return t, false, err
		}
	}
	return t, whole, nil
}

// A merger holds what the layers so far come to. A Hardlink in it names a File
// in it.
type merger struct {
	entries map[string]tree.Entry
	links   map[string]bool // paths of the Hardlinks
}

func (m *merger) apply(l Layer) error {
	files, links, err := m.placed(l)
	if err != nil {
		return err
	}
	m.clear(l.Removed, files, links)
	for _, e := range files {
		m.put(e)
	}
	for _, e := range links {
		if err := m.link(e); err != nil {
			return err
		}
	}
	return nil
}

// placed returns the layer's entries at the paths where they belong, hard links
// apart.
func (m *merger) placed(l Layer) (files, links []tree.Entry, err error) {
	own := make(map[string]tree.Type, len(l.Entries))
	files = make([]tree.Entry, 0, len(l.Entries))
	for _, e := range l.Entries {
		own[e.Path] = e.Type
	}
	folders := map[string]string{} // where the folders that entries are in lead to
	for _, e := range l.Entries {
		if e.Path, err = m.place(e.Path, own, folders); err != nil {
			return nil, nil, err
		}
		if e.Type != tree.Hardlink {
			files = append(files, e)
			continue
		}
		if e.Link, err = m.place(e.Link, own, folders); err != nil {
			return nil, nil, err
		}
		links = append(links, e)
	}
	return files, links, nil
}

// place returns where the layer's entry for p goes: its folder may be a
// symbolic link below, unless the layer has another there.
func (m *merger) place(p string, own map[string]tree.Type, folders map[string]string) (string, error) {
	if p == "/" {
		return p, nil
	}
	dir := path.Dir(p)
	to, ok := folders[dir]
	if !ok {
		var err error
		if to, err = m.folder(dir, own); err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		folders[dir] = to
	}
	return path.Join(to, path.Base(p)), nil
}

// maxLinks bounds the symbolic links on the way to a path, as Linux does.
const maxLinks = 40

// folder returns where the folder at p is, through symbolic links.
func (m *merger) folder(p string, own map[string]tree.Type) (string, error) {
	rest, done := strings.Split(strings.TrimPrefix(p, "/"), "/"), "/"
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		done = path.Join(done, name) // ".." of the root is the root
		typ := own[done]
		if typ == "" {
			typ = m.entries[done].Type
		}
		switch typ {
		case "", tree.Dir:
			continue
		case tree.Symlink:
		default:
			return "", fmt.Errorf("%s is a %s, not a folder", done, typ)
		}
		if links++; links > maxLinks || own[done] != "" {
			return "", fmt.Errorf("%s is a symbolic link, and not to a folder below", done)
		}
		target := m.entries[done].Link
		if done = path.Dir(done); path.IsAbs(target) {
			done = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done, nil
}

// clear takes away what a layer removes or hides, and finds other names for the
// files that its own entries replace.
func (m *merger) clear(removed []string, files, links []tree.Entry) {
	self, below := map[string]bool{}, map[string]bool{}
	for _, p := range removed {
		if folder, ok := strings.CutSuffix(p, "/"); ok {
			below[path.Join("/", folder)] = true
		} else {
			self[p], below[p] = true, true
		}
	}
	if len(m.entries) == 0 {
		return
	}
	replaced := map[string]bool{}
	for _, e := range slices.Concat(files, links) {
		old, ok := m.entries[e.Path]
		if ok {
			replaced[e.Path] = true
		}
		if ok && old.Type == tree.Dir && e.Type != tree.Dir {
			below[e.Path] = true
		}
	}
	leaving := m.hidden(self, below)
	if len(m.links) > 0 {
		m.promote(func(p string) bool { return leaving[p] || replaced[p] })
	}
	for p := range leaving {
		delete(m.entries, p)
		delete(m.links, p)
	}
}

// hidden returns the paths that are in self, or somewhere below one in below.
func (m *merger) hidden(self, below map[string]bool) map[string]bool {
	if len(self) == 0 && len(below) == 0 {
		return nil
	}
	hidden := map[string]bool{}
	for p := range m.entries {
		gone := self[p]
		for up := p; !gone && up != "/"; {
			up = path.Dir(up)
			gone = below[up]
		}
		if gone {
			hidden[p] = true
		}
	}
	return hidden
}

// promote makes the first name that stays of each file that leaves the file
// itself, and the others links to that one.
func (m *merger) promote(leaves func(p string) bool) {
	now := map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(m.links)) {
		e := m.entries[p]
		if leaves(p) || !leaves(e.Link) {
			continue
		}
		if first, ok := now[e.Link]; ok {
			e.Link = first
			m.entries[p] = e
			continue
		}
		now[e.Link] = p
		file := m.entries[e.Link]
		file.Path, file.Why = p, e.Why
		m.entries[p] = file
		delete(m.links, p)
	}
}

func (m *merger) put(e tree.Entry) {
	m.entries[e.Path] = e
	delete(m.links, e.Path)
}

// link puts a hard link: to the file that its target is in the end. Of what is
// no file it makes a copy, since a tree has other names of files only.
func (m *merger) link(e tree.Entry) error {
	target, ok := m.entries[e.Link]
	if ok && target.Type == tree.Hardlink {
		e.Link = target.Link
		target, ok = m.entries[e.Link]
	}
	switch {
	case !ok || target.Type == tree.Dir || e.Link == e.Path:
		return fmt.Errorf("%s is a hard link to %s, which is no file", e.Path, e.Link)
	case target.Type != tree.File:
		target.Path, target.Why = e.Path, e.Why
		m.put(target)
	default:
		m.entries[e.Path] = e
		m.links[e.Path] = true
	}
	return nil
}

package tree

import "path"

// A journal has what was at the paths that changed, nil where there was
// nothing.
type journal map[string]*Entry

// note is told of each change before it happens. A nil journal takes no notes.
func (j *journal) note(p string, old Entry, there bool) {
	if j == nil {
		return
	}
	if _, ok := (*j)[p]; ok {
		return // only what was there at first counts
	}
	if !there {
		(*j)[p] = nil
		return
	}
	(*j)[p] = &old
}

// Watch has the changes from now on noted for Changes. Copies and clones of
// the tree that are made meanwhile are not for changing.
func (t *Tree) Watch() { t.journal = &journal{} }

// Changes returns those entries that changed since Watch, as they were and as
// they are, and ends the watch. With them come, in both trees, the folders
// above and all names of the files: what image.Diff finds in these trees is
// what it would find in whole ones, at the cost of the change alone. They are
// not for changing: after may be t itself.
func (t *Tree) Changes() (before, after Tree) {
	noted := t.journal
	t.journal = nil
	if noted == nil {
		return before, after
	}
	paths := make(map[string]bool)
	for p := range *noted {
		t.concern(paths, p)
	}
	most := len(paths)*2 > len(t.entries)
	for p := range paths {
		e, ok := t.entries[p]
		if ok && !most {
			after.store(e)
		}
		if old, changed := (*noted)[p]; !changed && ok {
			before.store(e)
		} else if old != nil {
			before.store(*old)
		}
	}
	if !most {
		return before, after
	}
	for p, e := range t.entries { // what is not in both would count as new
		if !paths[p] {
			before.store(e)
		}
	}
	return before, *t
}

// concern adds to paths p, all names of a file there, and the folders above.
func (t *Tree) concern(paths map[string]bool, p string) {
	all := []string{p}
	switch e := t.entries[p]; e.Type {
	case Hardlink:
		all = append(append(all, e.Link), t.names[e.Link]...)
	case File:
		all = append(all, t.names[p]...)
	}
	for _, q := range all {
		for ; !paths[q]; q = path.Dir(q) {
			paths[q] = true
		}
	}
}

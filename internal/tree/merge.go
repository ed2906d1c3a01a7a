package tree

import "fmt"

// Merge puts the entries of over onto t, following the symbolic links of
// folders that t has: an overlay's /bin/x goes to /usr/bin where /bin leads
// there. With keep, what t has already stays (rsync --ignore-existing). A
// folder over a folder changes nothing: modes of folders in a checkout are
// an accident of the umask.
func (t *Tree) Merge(over Tree, keep bool) error {
	placed := make(map[string]string) // where the files of over went
	var links []Entry
	for _, e := range over.All() {
		if e.Type == Hardlink {
			links = append(links, e) // after the files that they name
			continue
		}
		from := e.Path
		put, err := t.place(&e, keep)
		if err != nil {
			return err
		}
		if put {
			placed[from] = e.Path
		}
	}
	for _, e := range links {
		if err := t.mergeLink(e, over, placed, keep); err != nil {
			return err
		}
	}
	return nil
}

// place puts e where its path leads to, sets its Path to that, and reports
// whether it did.
func (t *Tree) place(e *Entry, keep bool) (bool, error) {
	p, err := t.ResolveParent(e.Path)
	if err != nil {
		return false, fmt.Errorf("merge %s: %w", e.Path, err)
	}
	e.Path = p
	if e.Type == Dir && t.isDir(p) {
		return false, nil
	}
	if _, ok := t.entries[p]; ok && keep {
		return false, nil
	}
	return true, t.Put(*e)
}

// mergeLink places the hard link e of over. Where the file that it names was
// not placed itself, its first name that is becomes the file.
func (t *Tree) mergeLink(e Entry, over Tree, placed map[string]string, keep bool) error {
	file, ok := over.entries[e.Link]
	if !ok || file.Type != File {
		return fmt.Errorf("merge %s: it is another name of %s, which is no file", e.Path, e.Link)
	}
	target := e.Link
	if at, ok := placed[target]; ok {
		e.Link = at
		_, err := t.place(&e, keep)
		return err
	}
	file.Path, file.Why = e.Path, e.Why
	put, err := t.place(&file, keep)
	if put {
		placed[target] = file.Path
	}
	return err
}

// isDir reports whether p leads to a folder of t.
func (t *Tree) isDir(p string) bool {
	q, err := t.Resolve(p)
	return err == nil && (q == "/" || t.entries[q].Type == Dir)
}

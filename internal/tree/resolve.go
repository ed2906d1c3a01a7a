package tree

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// maxLinks bounds the symbolic links of one path, as Linux does (MAXSYMLINKS
// in linux/namei.h); NetBSD allows 32.
const maxLinks = 40

// Resolve returns where p leads to when every symbolic link on the way, the
// last one included, is followed inside the tree. The path it returns may not
// exist (the folders above what doesn't need not either); it fails when the
// links go round in a circle.
func (t *Tree) Resolve(p string) (string, error) { return t.follow(p, true) }

// ResolveParent is Resolve, except that a symbolic link at the end of p is
// not followed: where an entry at p would have to be put.
func (t *Tree) ResolveParent(p string) (string, error) { return t.follow(p, false) }

func (t *Tree) follow(p string, last bool) (string, error) {
	rest := strings.Split(p, "/")
	done, links := "/", 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		done = path.Join(done, name) // ".." of the root is the root
		e, ok := t.entries[done]
		if !ok || e.Type != Symlink || (len(rest) == 0 && !last) {
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolve %s: more than %d symbolic links", p, maxLinks)
		}
		if path.IsAbs(e.Link) {
			done = "/"
		} else {
			done = path.Dir(done)
		}
		rest = append(strings.Split(e.Link, "/"), rest...)
	}
	return done, nil
}

// Lookup returns the entry that p leads to, through symbolic links and other
// names of a file, or an error that is fs.ErrNotExist.
func (t *Tree) Lookup(p string) (Entry, error) {
	q, err := t.Resolve(p)
	if err != nil {
		return Entry{}, err
	}
	e, ok := t.entries[q]
	if ok && e.Type == Hardlink {
		e, ok = t.entries[e.Link]
	}
	if !ok {
		return Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return e, nil
}

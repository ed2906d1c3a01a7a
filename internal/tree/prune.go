package tree

import (
	"path"
	"slices"
	"strings"
)

// unread are folders of what people, compilers and translators read, and
// services don't: hier(7) of both systems and of pkgsrc.
var unread = []string{
	"/usr/share/man", "/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/nls", "/usr/share/gtk-doc",
	"/usr/share/games", "/usr/share/dict", "/usr/share/lintian", "/usr/share/doc-base", "/usr/share/bug", "/usr/share/pkgconfig",
	"/usr/include", "/usr/lib/pkgconfig", "/usr/libdata/lint", "/usr/libdata/debug",
	"/usr/pkg/man", "/usr/pkg/share/man", "/usr/pkg/share/doc", "/usr/pkg/info", "/usr/pkg/share/info", "/usr/pkg/share/locale",
	"/usr/pkg/share/gtk-doc", "/usr/pkg/include", "/usr/pkg/lib/pkgconfig", "/usr/pkg/share/pkgconfig",
	"/usr/local/man", "/usr/local/share/man", "/usr/local/include",
}

// Prune takes manual pages, headers, static libraries, translations and the
// like out of the tree, unless a symbolic link from elsewhere leads to them,
// and returns what it took, sorted.
func (t *Tree) Prune() []Entry {
	kept := t.linkedTo()
	var gone []Entry
	for _, e := range t.All() {
		if e.Type != Dir && isUnread(e.Path) && !kept[e.Path] {
			gone = append(gone, e)
		}
	}
	for _, e := range gone {
		t.Remove(e.Path)
	}
	return append(gone, t.pruneFolders()...)
}

// linkedTo are the ends of all symbolic links that services may follow.
func (t *Tree) linkedTo() map[string]bool {
	ends := make(map[string]bool)
	for _, e := range t.All() {
		if e.Type == Symlink && !isUnread(e.Path) {
			if p, err := t.Resolve(e.Path); err == nil {
				ends[p] = true
			}
		}
	}
	return ends
}

// pruneFolders takes out the folders that have nothing left in them.
func (t *Tree) pruneFolders() []Entry {
	var gone []Entry
	all := t.All()
	full := make(map[string]bool)
	for _, e := range slices.Backward(all) { // what is in a folder comes before it
		if e.Type == Dir && inUnread(e.Path) && !full[e.Path] {
			t.drop(e.Path)
			gone = append(gone, e)
			continue
		}
		full[path.Dir(e.Path)] = true
	}
	slices.Reverse(gone)
	return gone
}

func inUnread(p string) bool {
	return slices.ContainsFunc(unread, func(dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") })
}

// isUnread reports whether the file at p is one that nothing reads at run time.
func isUnread(p string) bool {
	if inUnread(p) {
		return true
	}
	ext := path.Ext(p)
	return (ext == ".a" || ext == ".la") && strings.Contains(p, "/lib")
}

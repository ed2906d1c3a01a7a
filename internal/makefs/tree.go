package makefs

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
)

// A file is what is known of a file. Its names are paths of a tree.
type file struct {
	*ffs.Entry        // without a path until entries gives it the first
	host       string // the folder it was found in; "" for one that only the specification knows
	named      bool   // the specification names it
}

// A tree has files by their paths. Several paths of one file are hard links.
type tree struct {
	files map[string]*file
	paths []string // all that are in files, and some that were: entries sorts them out
}

func (t *tree) put(path string, f *file) {
	t.files[path] = f
	t.paths = append(t.paths, path)
}

// readDirs reads the first folder and merges the others into it.
func readDirs(dirs []string, replace bool) (*tree, error) {
	t := &tree{}
	for _, dir := range dirs {
		entries, err := ffs.HostDir(dir)
		if err != nil {
			return nil, err
		}
		if t.files == nil {
			t.files = make(map[string]*file, len(entries))
		}
		if err := t.merge(dir, entries, replace); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// merge adds the entries of a folder, which become the tree's. Folders that are in both keep what they
// had. Another file in a path that is taken is an error, or replaces it.
func (t *tree) merge(dir string, entries []ffs.Entry, replace bool) error {
	files := make([]file, len(entries))
	t.paths = slices.Grow(t.paths, len(entries))
	for i := range entries {
		e := &entries[i]
		path := e.Path
		f, old := &files[i], t.files[path]
		if old != nil && old.Mode.IsDir() && e.Mode.IsDir() {
			continue
		}
		if old != nil && !replace {
			return fmt.Errorf("merge %s: %s is in %s too: use -r to take the last one", dir, path, old.host)
		}
		if old != nil && old.Mode.IsDir() {
			t.removeBelow(path)
		}
		if e.Hardlink != "" {
			t.put(path, t.files[e.Hardlink]) // which came before, from this folder
			continue
		}
		*f = file{Entry: e, host: dir}
		// Only when a file was last written to is a matter of its contents:
		// to make an image changes when it was read, to copy it the rest.
		f.Path, f.AccessTime, f.ChangeTime, f.BirthTime = "", time.Time{}, time.Time{}, time.Time{}
		t.put(path, f)
	}
	return nil
}

// removeBelow removes all that is in a folder.
func (t *tree) removeBelow(folder string) {
	for path := range t.files {
		if strings.HasPrefix(path, folder+"/") {
			delete(t.files, path)
		}
	}
}

// setTimes gives all files the same time.
func (t *tree) setTimes(when time.Time) {
	for _, f := range t.files {
		f.ModTime = when
	}
}

// dropSockets leaves sockets out, as makefs(8) does, unless the specification
// names them: a socket is of use only to the process that has it open.
func (t *tree) dropSockets() {
	for path, f := range t.files {
		if f.Mode.Type() == fs.ModeSocket && !f.named {
			delete(t.files, path)
		}
	}
}

// entries returns the files as entries, by path. Of the names of a file the
// first has its attributes.
func (t *tree) entries() []ffs.Entry {
	if !slices.IsSortedFunc(t.paths, ffs.ComparePaths) {
		slices.SortFunc(t.paths, ffs.ComparePaths)
	}
	t.paths = slices.Compact(t.paths) // a file that replaced another has its path twice
	entries := make([]ffs.Entry, 0, len(t.files))
	for _, path := range t.paths {
		f := t.files[path]
		switch {
		case f == nil:
		case f.Path != "":
			entries = append(entries, ffs.Entry{Path: path, Hardlink: f.Path})
		default:
			f.Path = path
			entries = append(entries, *f.Entry)
		}
	}
	return entries
}

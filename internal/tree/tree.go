// Package tree is the list of the files that a guest's root holds: each path
// with its type, mode, owner, size, time, device number or link target, where
// its bytes are, and why it is there.
//
// A Tree is a value. Sources fill it, build merges it, disk writes it out.
package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Type is the type of a file, by the words of mtree(5).
type Type string

// The types of an Entry.
const (
	File     Type = "file"
	Dir      Type = "dir"
	Symlink  Type = "link"
	Hardlink Type = "hardlink" // another name of the regular file at Entry.Link
	Char     Type = "char"
	Block    Type = "block"
	FIFO     Type = "fifo"
	Socket   Type = "socket"
)

// An Entry is one path of a Tree.
type Entry struct {
	Path    string    `json:"path"`            // absolute and clean; "/" is the root itself
	Type    Type      `json:"type"`            // what it is
	Mode    uint32    `json:"mode"`            // permission, set-id and sticky bits (07777)
	UID     uint32    `json:"uid"`             // numeric owner
	GID     uint32    `json:"gid"`             // numeric group
	ModTime time.Time `json:"mtime"`           // nanoseconds are kept
	Size    int64     `json:"size,omitempty"`  // bytes, of a File only
	Link    string    `json:"link,omitempty"`  // target of a Symlink as stored; path of the File that a Hardlink names
	Major   uint32    `json:"major,omitempty"` // of a Char or Block
	Minor   uint32    `json:"minor,omitempty"` // of a Char or Block

	// Digest is "sha256:" and the hex digest of a File's bytes. Whoever adds
	// a File fills it: what is derived from a tree is cached by it.
	Digest string `json:"digest,omitempty"`
	// Content is where a File's bytes are.
	Content Content `json:"content,omitzero"`
	// Xattrs are the extended attributes of xattr(7), by their whole names, such
	// as security.capability; nil where there are none, as of a Hardlink, whose
	// file has them. They are not for changing: copies of an entry share them.
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	// Why says where the entry came from: "package nginx-common 1.22.1-9",
	// "ship.conf:5", "overlay ships/nginx".
	Why string `json:"why,omitempty"`
}

// Content locates a file's bytes: Data, or a range of a host file.
type Content struct {
	Data   []byte `json:"data,omitempty"`   // the bytes themselves, for small generated files
	Host   string `json:"host,omitempty"`   // else a file of the host…
	Offset int64  `json:"offset,omitempty"` // …and where in it the bytes begin; Entry.Size says how many
}

// A Tree is a set of entries, at most one for a path. The zero value is
// empty and ready to use; it is not safe for concurrent writers.
type Tree struct {
	entries map[string]Entry
	names   map[string][]string // of files with several: the paths of the Hardlinks, sorted
	inside  map[string]int      // how many names a folder has in it, of entries or of folders above some
	journal *journal            // what changed since Watch; nil: nobody asked
}

// Len returns the number of entries.
func (t *Tree) Len() int { return len(t.entries) }

// Clone returns a tree of its own with the same entries.
func (t *Tree) Clone() Tree {
	c := Tree{entries: maps.Clone(t.entries), names: maps.Clone(t.names), inside: maps.Clone(t.inside)}
	for file, names := range c.names {
		c.names[file] = slices.Clone(names)
	}
	return c
}

// Get returns the entry at the clean absolute path p, without following links.
func (t *Tree) Get(p string) (Entry, bool) {
	e, ok := t.entries[p]
	return e, ok
}

// Put adds e, replacing what was at its path, except that a folder put over a
// folder keeps what is below it. It fails for a path that is not absolute and
// clean, and for one below something that is not a folder.
func (t *Tree) Put(e Entry) error {
	if !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || strings.ContainsRune(e.Path, 0) {
		return fmt.Errorf("add %q to the tree: not a clean absolute path", e.Path)
	}
	if e.Type != Dir && t.inside[e.Path] > 0 {
		return fmt.Errorf("add %s to the tree: a folder with files is in its place (%s)", e.Path, t.entries[e.Path].Why)
	}
	if err := t.checkAbove(e.Path); err != nil {
		return err
	}
	t.set(e)
	return nil
}

// checkAbove fails for a path that is below something that is not a folder. A
// folder with something in it is below folders only.
func (t *Tree) checkAbove(p string) error {
	for up := path.Dir(p); up != "/" && t.inside[up] == 0; up = path.Dir(up) {
		if e, ok := t.entries[up]; ok && e.Type != Dir {
			return fmt.Errorf("add %s to the tree: %s is a %s, not a folder (%s)", p, up, e.Type, e.Why)
		}
	}
	return nil
}

// Rewrite replaces what is known of the File at e.Path by e, a File too, under
// all of its names, as writing into it does; Put would leave the other names
// with the old file.
func (t *Tree) Rewrite(e Entry) error {
	if old := t.entries[e.Path]; old.Type != File || e.Type != File {
		return fmt.Errorf("rewrite %s: it is not a file", e.Path)
	}
	t.store(e)
	return nil
}

// set stores e and keeps the other names of the file that it replaces.
func (t *Tree) set(e Entry) {
	old := t.entries[e.Path]
	t.store(e)
	if old.Type == File && (e.Type != File || e.Digest != old.Digest) {
		t.promote(old)
	}
}

// store puts e at its path, whatever is there. All that changes a tree goes
// through it and drop.
func (t *Tree) store(e Entry) {
	old, ok := t.entries[e.Path]
	t.journal.note(e.Path, old, ok)
	if !ok {
		t.count(e.Path, 1)
	}
	t.forgetName(old)
	if e.Type == Hardlink {
		if t.names == nil {
			t.names = make(map[string][]string)
		}
		all := t.names[e.Link]
		if i, found := slices.BinarySearch(all, e.Path); !found {
			t.names[e.Link] = slices.Insert(all, i, e.Path)
		}
	}
	if t.entries == nil {
		t.entries = make(map[string]Entry)
	}
	t.entries[e.Path] = e
}

// drop takes out the entry at p, and nothing else.
func (t *Tree) drop(p string) {
	old, ok := t.entries[p]
	if !ok {
		return
	}
	t.journal.note(p, old, ok)
	t.forgetName(old)
	delete(t.entries, p)
	t.count(p, -1)
}

// count adds n, 1 or -1, to what is in the folder above p, where no entry is
// as yet or any more; and in those above that, where that makes it come or go.
func (t *Tree) count(p string, n int) {
	if t.inside == nil {
		t.inside = make(map[string]int)
	}
	for left := t.inside[p]; left == 0 && p != "/"; {
		p = path.Dir(p)
		left = min(t.inside[p], t.inside[p]+n)
		if t.inside[p] += n; t.inside[p] == 0 {
			delete(t.inside, p)
		}
		if _, ok := t.entries[p]; ok {
			return
		}
	}
}

// forgetName takes e out of the names of its file, if it is a Hardlink.
func (t *Tree) forgetName(e Entry) {
	if e.Type != Hardlink {
		return
	}
	all := slices.DeleteFunc(t.names[e.Link], func(p string) bool { return p == e.Path })
	if t.names[e.Link] = all; len(all) == 0 {
		delete(t.names, e.Link)
	}
}

// promote makes the first other name of old, which has left its path, the
// file itself, and the further names links to that one.
func (t *Tree) promote(old Entry) {
	names := slices.Clone(t.names[old.Path])
	for i, p := range names {
		e := t.entries[p]
		if i == 0 {
			why := e.Why
			e = old
			e.Path, e.Why = p, why
		} else {
			e.Link = names[0]
		}
		t.store(e)
	}
}

// Remove takes out the entry at p and all that is below it. Another name of a
// file that goes keeps the file.
func (t *Tree) Remove(p string) {
	var files []Entry
	for _, q := range t.within(p) {
		if e := t.entries[q]; e.Type == File {
			files = append(files, e)
		}
		t.drop(q)
	}
	for _, e := range files {
		t.promote(e)
	}
}

// within returns p and the paths below it, as far as there are entries.
func (t *Tree) within(p string) []string {
	if _, ok := t.entries[p]; t.inside[p] == 0 {
		if ok {
			return []string{p}
		}
		return nil
	}
	prefix := strings.TrimSuffix(p, "/") + "/"
	var all []string
	for q := range t.entries {
		if q == p || strings.HasPrefix(q, prefix) {
			all = append(all, q)
		}
	}
	return all
}

// MakeParents adds the folders above each entry that are not there yet, root
// included, as 0755 root:wheel with the time t0.
func (t *Tree) MakeParents(t0 time.Time) {
	for _, p := range t.paths() {
		for p != "/" {
			p = path.Dir(p)
			if _, ok := t.entries[p]; ok {
				continue
			}
			t.store(Entry{Path: p, Type: Dir, Mode: 0o755, ModTime: t0, Why: "parent folder"})
		}
	}
}

// All returns the entries sorted by path, so that a folder comes before what
// is in it.
func (t *Tree) All() []Entry {
	all := make([]Entry, 0, len(t.entries))
	for _, p := range t.paths() {
		all = append(all, t.entries[p])
	}
	return all
}

// Unsorted returns the entries in no order, which takes less time than All.
func (t *Tree) Unsorted() iter.Seq[Entry] { return maps.Values(t.entries) }

// Size returns the sum of the files' sizes in bytes.
func (t *Tree) Size() int64 {
	var n int64
	for _, e := range t.entries {
		n += e.Size
	}
	return n
}

// Digest identifies what the tree holds, wherever its bytes are and whyever
// they are there: "sha256:" and hex. It fails when a file has no digest.
func (t *Tree) Digest() (string, error) {
	h := sha256.New()
	var b []byte
	for paths := range slices.Chunk(t.paths(), digestAtOnce) {
		entries := make([]Entry, len(paths))
		for i, p := range paths {
			e := t.entries[p]
			if e.Type == File && e.Digest == "" {
				return "", fmt.Errorf("digest the tree: %s has no digest", p)
			}
			e.Content, e.Why = Content{}, ""
			entries[i] = e
		}
		var err error
		if b, err = AppendEntries(b[:0], entries); err != nil {
			return "", fmt.Errorf("digest the tree: %w", err)
		}
		h.Write(b)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// digestAtOnce is how many entries are encoded at once.
const digestAtOnce = 1024

// MarshalJSON writes the entries as a sorted array.
func (t Tree) MarshalJSON() ([]byte, error) { return json.Marshal(t.All()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Tree) UnmarshalJSON(b []byte) error {
	var all []Entry
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("decode tree: %w", err)
	}
	out := Tree{entries: make(map[string]Entry, len(all))}
	for _, e := range all {
		if err := out.Put(e); err != nil {
			return err
		}
	}
	*t = out
	return nil
}

// DigestOf reads r to its end and returns its digest, as Entry has it, and
// its length in bytes.
func DigestOf(r io.Reader) (string, int64, error) {
	h := sha256.New()
	b := make([]byte, 4<<10) // enough for most files
	for size := int64(0); ; {
		n, err := r.Read(b)
		h.Write(b[:n])
		size += int64(n)
		if err == io.EOF {
			return "sha256:" + hex.EncodeToString(h.Sum(nil)), size, nil
		}
		if err != nil {
			return "", size, err
		}
		if n == len(b) && n < 64<<10 {
			b = make([]byte, 64<<10)
		}
	}
}

func (t *Tree) paths() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Below returns the entry at p and all that is below it, sorted by path.
func (t *Tree) Below(p string) []Entry {
	paths := t.within(p)
	slices.Sort(paths)
	var all []Entry
	for _, q := range paths {
		all = append(all, t.entries[q])
	}
	return all
}

package mirror

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// made is the time of every file and package: the mirror is the same whenever
// it is made.
var made = time.Unix(1734307200, 0).UTC()

// A file is one entry of a set or package.
type file struct {
	kind     byte // tar.TypeReg, TypeDir, TypeSymlink or TypeLink
	mode     int64
	uid, gid int
	link     string // target; of a hard link another path of the list
	body     []byte
}

// A list is files by path, which is relative and clean.
type list map[string]file

func (l list) dir(name string, mode int64) { l[name] = file{kind: tar.TypeDir, mode: mode} }

func (l list) put(name string, mode int64, body []byte) {
	l[name] = file{kind: tar.TypeReg, mode: mode, body: body}
}

func (l list) text(name string, mode int64, text string) { l.put(name, mode, []byte(text)) }

func (l list) symlink(name, target string) {
	l[name] = file{kind: tar.TypeSymlink, mode: 0o755, link: target}
}

// links puts body under all of the names, as hard links to the first of them
// in the order of the archive.
func (l list) links(names []string, mode int64, body []byte) {
	names = slices.Sorted(slices.Values(names))
	for _, name := range names[1:] {
		l[name] = file{kind: tar.TypeLink, mode: mode, link: names[0]}
	}
	l.put(names[0], mode, body)
}

// library puts a shared library of the system, and the links that programs
// and compilers find it by: libc.so.12.221, libc.so.12 and libc.so.
func (l list) library(arch, name string, needed ...string) {
	l.object(arch, name, object{needed: needed})
}

// object puts a shared library, likewise; its soname is that of its name.
func (l list) object(arch, name string, o object) {
	dir, base := path.Split(name)
	stem, version, _ := strings.Cut(base, ".so.")
	major, _, _ := strings.Cut(version, ".")
	o.soname = stem + ".so." + major
	l.put(name, 0o444, o.build(arch))
	if o.soname != base {
		l.symlink(dir+o.soname, base)
	}
	l.symlink(dir+stem+".so", base)
}

// tree puts the files of an embedded folder below the path to. Those that
// begin with "#!" are executable.
func (l list) tree(from fs.FS, to string) error {
	return fs.WalkDir(from, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || p == ".":
			return err
		case d.IsDir():
			l.dir(path.Join(to, p), 0o755)
			return nil
		}
		b, err := fs.ReadFile(from, p)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if bytes.HasPrefix(b, []byte("#!")) {
			mode = 0o755
		}
		l.put(path.Join(to, p), mode, b)
		return nil
	})
}

// withParents adds the folders that are not listed.
func (l list) withParents() {
	for name := range maps.Clone(l) {
		for p := path.Dir(name); p != "."; p = path.Dir(p) {
			if _, ok := l[p]; !ok {
				l.dir(p, 0o755)
			}
		}
	}
}

// tar writes the files in the order of their paths, each with before in front
// of it. Names in first come first.
func (l list) tar(before string, first ...string) ([]byte, error) {
	names := slices.SortedFunc(maps.Keys(l), func(a, b string) int {
		x, y := slices.Index(first, a), slices.Index(first, b)
		if x < 0 || y < 0 {
			x, y = -min(x+1, 1), -min(y+1, 1)
		}
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
	})
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		f := l[name]
		h := &tar.Header{
			Typeflag: f.kind, Name: before + name, Linkname: f.link, Mode: f.mode, Size: int64(len(f.body)),
			Uid: f.uid, Gid: f.gid, Uname: "root", Gname: "wheel", ModTime: made, Format: tar.FormatUSTAR,
		}
		if name == "." {
			h.Name = before
		} else if f.kind == tar.TypeDir {
			h.Name += "/"
		}
		if f.kind == tar.TypeLink {
			h.Linkname = before + f.link
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func sortedNames(l list) []string { return sortedKeys(l) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// kindName is the type's word in mtree(5), which knows no hard links.
func (f file) kindName() string {
	switch f.kind {
	case tar.TypeDir:
		return "dir"
	case tar.TypeSymlink:
		return "link"
	}
	return "file"
}

// bodyOf is the bytes of a file, also by another name of it.
func (l list) bodyOf(name string) []byte {
	if f := l[name]; f.kind == tar.TypeLink {
		return l[f.link].body
	}
	return l[name].body
}

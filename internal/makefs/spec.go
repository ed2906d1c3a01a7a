package makefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/mtree"
)

// applySpec changes the tree to what the specification says: files that it
// names get the attributes that it gives, and those that are not there are
// made.
func (t *tree) applySpec(o *Options) error {
	spec, err := readSpec(o.Spec, o.Users)
	if err != nil {
		return err
	}
	if len(spec) == 0 {
		return fmt.Errorf("%s: it names no file: it begins with a line such as: . type=dir", o.Spec)
	}
	left := map[string]bool{} // optional folders that are not there
	for i := range spec {
		e := &spec[i]
		if left[path.Dir(e.Path)] || t.files[e.Path] == nil && e.Has(mtree.Optional) {
			left[e.Path] = true
			continue
		}
		if err := t.apply(e, o); err != nil {
			return &mtree.Error{File: o.Spec, Line: e.Line, Err: fmt.Errorf("%s: %w", e.Path, err)}
		}
	}
	if o.OnlySpec {
		t.keepNamed(spec)
	}
	return nil
}

func readSpec(name, users string) (_ []mtree.Entry, err error) {
	ids, err := readIDs(users)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the specification: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return mtree.Parse(f, name, ids)
}

// apply makes one file what the specification says.
func (t *tree) apply(e *mtree.Entry, o *Options) error {
	f := t.files[e.Path]
	if f == nil {
		if err := describesAll(e); err != nil {
			return fmt.Errorf("not in %s: %w, or mark it optional", o.Dirs[0], err)
		}
		f = &file{Entry: &ffs.Entry{Mode: e.Type, ModTime: o.Timestamp}}
		if f.ModTime.IsZero() {
			f.ModTime = o.Now
		}
		t.put(e.Path, f)
	}
	if e.Has(mtree.Type) && e.Type != f.Mode.Type() {
		return fmt.Errorf("type=%s, but it is type=%s in %s", mtree.TypeName(e.Type), mtree.TypeName(f.Mode), f.host)
	}
	f.named = true
	f.setAttributes(e)
	return f.setKind(e)
}

// describesAll checks that a line says all that a file needs that is nowhere
// else.
func describesAll(e *mtree.Entry) error {
	var lacks []string
	need := func(there bool, keyword string) {
		if !there {
			lacks = append(lacks, keyword+"=")
		}
	}
	need(e.Has(mtree.Type), "type")
	need(e.Has(mtree.Mode), "mode")
	need(e.HasOwner(), "uid")
	need(e.HasGroup(), "gid")
	need(e.Type&fs.ModeDevice == 0 || e.Has(mtree.Device), "device")
	need(e.Type&fs.ModeSymlink == 0 || e.Has(mtree.Link), "link")
	if len(lacks) > 0 {
		return fmt.Errorf("add %s to the line", strings.Join(lacks, ", "))
	}
	return nil
}

// setAttributes sets what files of all types have.
func (f *file) setAttributes(e *mtree.Entry) {
	if e.Has(mtree.Mode) {
		f.Mode = f.Mode.Type() | e.Mode
	}
	if e.HasOwner() {
		f.UID = e.UID
	}
	if e.HasGroup() {
		f.GID = e.GID
	}
	if e.Has(mtree.Time) {
		f.ModTime = e.Time
	}
	if e.Has(mtree.Flags) {
		f.Flags = e.Flags
	}
}

// setKind sets what only files of some types have.
func (f *file) setKind(e *mtree.Entry) error {
	switch {
	case e.Has(mtree.Link) && f.Mode.Type() != fs.ModeSymlink:
		return errors.New("link= is for type=link")
	case e.Has(mtree.Device) && f.Mode&fs.ModeDevice == 0:
		return errors.New("device= is for type=char and type=block")
	case e.Has(mtree.Contents) && !f.Mode.IsRegular():
		return errors.New("contents= is for type=file")
	}
	if e.Has(mtree.Link) {
		f.Target = e.Link
	}
	if e.Has(mtree.Device) {
		f.Major, f.Minor = e.Major, e.Minor
	}
	if !f.Mode.IsRegular() {
		return nil
	}
	return f.setContents(e)
}

// setContents sets where a file's contents come from, and compares their size
// with the specification's. A file that is nowhere else is all zeros.
func (f *file) setContents(e *mtree.Entry) error {
	if e.Has(mtree.Contents) {
		fi, err := os.Stat(e.Contents)
		if err != nil {
			return fmt.Errorf("contents=: %w", err)
		}
		if !fi.Mode().IsRegular() {
			return fmt.Errorf("contents=%s: it is no regular file", e.Contents)
		}
		name := e.Contents
		f.host, f.Size, f.Data = name, fi.Size(), nil
		f.Open = func() (io.ReadCloser, error) { return os.Open(name) }
	}
	switch {
	case !e.Has(mtree.Size) || e.Size == f.Size:
		return nil
	case f.host != "":
		return fmt.Errorf("size=%d, but it has %d bytes in %s: leave size= out, or write the specification anew", e.Size, f.Size, f.host)
	}
	size := e.Size
	f.Size, f.Data = size, []ffs.Range{}
	f.Open = func() (io.ReadCloser, error) { return hole{io.NewSectionReader(zeros{}, 0, size)}, nil }
	return nil
}

// keepNamed removes all that the specification does not name, but the root.
func (t *tree) keepNamed(spec []mtree.Entry) {
	keep := map[string]bool{"/": true}
	for i := range spec {
		keep[spec[i].Path] = true
	}
	for path := range t.files {
		if !keep[path] {
			delete(t.files, path)
		}
	}
}

// A hole is a file of zeros that takes no room.
type hole struct{ *io.SectionReader }

// Close implements io.Closer.
func (hole) Close() error { return nil }

// zeros are as many as anyone reads.
type zeros struct{}

// ReadAt implements io.ReaderAt.
func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

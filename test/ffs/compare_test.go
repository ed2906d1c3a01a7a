package ffs_test

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// expected is the specimen as a kernel should show it. Which inodes files
// have, and how large folders are, is left out.
func (p *specimen) expected(t *testing.T) []trial.File {
	t.Helper()
	of := map[string]*ffs.Entry{}
	links := map[string]uint32{}
	for i := range p.entries {
		e := &p.entries[i]
		of[e.Path] = e
		switch {
		case e.Hardlink != "":
			links[e.Hardlink]++
		case e.Mode.IsDir():
			links[e.Path] += 2
			links[path.Dir(e.Path)]++
		default:
			links[e.Path]++
		}
	}
	links["/"]-- // it is in no other folder
	var all []trial.File
	for _, e := range p.entries {
		name := e.Path
		if e.Hardlink != "" {
			e = *of[e.Hardlink]
		}
		f := p.expectedFile(t, e)
		f.Path, f.Links = name, links[e.Path]
		all = append(all, f)
	}
	return sorted(all)
}

func (p *specimen) expectedFile(t *testing.T, e ffs.Entry) trial.File {
	t.Helper()
	f := trial.File{
		Mode: unixMode(e.Mode), UID: e.UID, GID: e.GID, Major: e.Major, Minor: e.Minor, Flags: e.Flags,
		Size: e.Size, Target: e.Target,
		Modify: when(e.ModTime), Access: when(or(e.AccessTime, e.ModTime)), Change: when(or(e.ChangeTime, e.ModTime)),
	}
	if p.shape.version == 2 {
		f.Birth = when(or(e.BirthTime, e.ModTime))
	}
	inline := 60 * p.shape.version
	switch c, regular := p.contents[e.Path]; {
	case regular:
		f.Blocks = p.shape.blocks(c.Size, c.Data)
		f.Sum = sumOf(t, c, c.Size, p.shape.windows())
	case e.Target != "":
		f.Size = int64(len(e.Target))
		if len(e.Target) >= inline {
			f.Blocks = p.shape.blocks(f.Size, []trial.Range{{Off: 0, Len: f.Size}})
		}
	}
	return f
}

func sumOf(t *testing.T, r io.ReaderAt, size int64, windows []trial.Range) uint32 {
	t.Helper()
	sum, err := trial.Sum(r, size, windows)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func or(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func when(t time.Time) trial.Time { return trial.Time{Sec: t.Unix(), Nsec: int64(t.Nanosecond())} }

// unixMode is st_mode of a file.
func unixMode(m fs.FileMode) uint32 {
	n := uint32(m.Perm())
	for _, b := range []struct {
		have fs.FileMode
		unix uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.have != 0 {
			n |= b.unix
		}
	}
	return n | map[fs.FileMode]uint32{
		0: 0o100000, fs.ModeDir: 0o040000, fs.ModeSymlink: 0o120000, fs.ModeNamedPipe: 0o010000, fs.ModeSocket: 0o140000,
		fs.ModeDevice: 0o060000, fs.ModeDevice | fs.ModeCharDevice: 0o020000,
	}[m.Type()]
}

// read lists an image by our own reader.
func read(t *testing.T, image string, windows []trial.Range) []trial.File {
	t.Helper()
	var all []trial.File
	walk(t, image, func(fsys *ffs.FS, name string, d fs.DirEntry, fi fs.FileInfo) {
		f := readFile(t, fsys, name, fi, windows)
		if fi.Mode().Type() != d.Type() {
			f.TypeInFolder = d.Type().String()
		}
		all = append(all, f)
	})
	return sorted(all)
}

// eachInode calls do with the inode of each file of an image.
func eachInode(t *testing.T, image string, do func(name string, i *ffs.Inode)) {
	t.Helper()
	walk(t, image, func(_ *ffs.FS, name string, _ fs.DirEntry, fi fs.FileInfo) { do(name, fi.Sys().(*ffs.Inode)) })
}

func walk(t *testing.T, image string, do func(*ffs.FS, string, fs.DirEntry, fs.FileInfo)) {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fsys, err := ffs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		do(fsys, name, d, fi)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, fsys *ffs.FS, name string, fi fs.FileInfo, windows []trial.Range) trial.File {
	t.Helper()
	i := fi.Sys().(*ffs.Inode)
	f := trial.File{
		Path: string("/" + strings.TrimPrefix(name, ".")), Mode: uint32(i.Mode), Inode: uint64(i.Number), Links: uint32(i.Links),
		UID: i.UID, GID: i.GID, Flags: i.Flags, Size: int64(i.Size), Blocks: int64(i.Blocks),
		Access: when(i.AccessTime), Modify: when(i.ModTime), Change: when(i.ChangeTime),
	}
	if !i.BirthTime.IsZero() {
		f.Birth = when(i.BirthTime)
	}
	switch fi.Mode().Type() {
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		f.Major, f.Minor = i.Device()
	case fs.ModeSymlink:
		target, err := fsys.ReadLink(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Target = target
	case 0:
		r, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		f.Sum = sumOf(t, r.(io.ReaderAt), f.Size, windows)
	}
	return f
}

func sorted(all []trial.File) []trial.File {
	slices.SortFunc(all, func(a, b trial.File) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// withoutPlaces blanks what the specimen does not say of its files.
func withoutPlaces(all []trial.File) []trial.File {
	return edit(all, func(f *trial.File) {
		f.Inode = 0
		if f.Mode&0o170000 == 0o040000 {
			f.Size, f.Blocks = 0, 0
		}
	})
}

// edit returns copies that change has changed, sorted.
func edit(all []trial.File, change func(*trial.File)) []trial.File {
	all = slices.Clone(all)
	for i := range all {
		change(&all[i])
	}
	return sorted(all)
}

// same compares two lists, and shows the first differences.
func same(t *testing.T, what string, want, got []trial.File) {
	t.Helper()
	at := map[string]trial.File{}
	for _, f := range want {
		at[f.Path] = f
	}
	shown := 0
	for _, f := range got {
		w, ok := at[f.Path]
		delete(at, f.Path)
		if ok && w == f {
			continue
		}
		if shown++; shown > 5 {
			t.Fatalf("%s: and more", what)
		}
		if !ok {
			t.Errorf("%s: %q should not be there", what, f.Path)
			continue
		}
		t.Errorf("%s: %q (-want +got):\n%s", what, f.Path, gocmp.Diff(w, f))
	}
	for p := range at {
		if shown++; shown > 5 {
			t.Fatalf("%s: and more", what)
		}
		t.Errorf("%s: %q is not there", what, p)
	}
}

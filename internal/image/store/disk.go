package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Bounds of disks from elsewhere.
const (
	maxDisk      = 64 << 30 // bytes
	maxDiskFiles = 4 << 20
)

// What ext2 and its successors have in their superblock (struct
// ext4_super_block in Linux's fs/ext4/ext4.h), which is 1024 bytes from the
// start.
const (
	extMagicAt = 1024 + 56
	extMagic   = "\x53\xef"
)

// A diskParcel is what is known of a disk beside its bytes.
type diskParcel struct {
	title  string   // "images/web-amd64.img", or its file's name
	names  []string // in full
	origin string
}

// takeDisk makes an image of one layer of the root file system on a disk.
func (s *Store) takeDisk(ctx context.Context, r io.ReaderAt, size int64, p diskParcel, o TakeOptions) (_ Info, err error) {
	root, err := openRoot(r, size)
	if err != nil {
		return Info{}, err
	}
	if p.names, err = o.names(p.names); err != nil {
		return Info{}, err
	}
	st, err := s.stage(ctx)
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	l, id, err := st.putDisk(ctx, root, "disk "+path.Base(p.title))
	if err != nil {
		return Info{}, err
	}
	t, err := Merge(l)
	if err != nil {
		return Info{}, err
	}
	set := settings{created: tree.Newest(l.Entries), diffIDs: []string{id}}
	if set.guest, err = guestOfDisk(&t, p.title, o.Guest); err != nil {
		return Info{}, err
	}
	set.config = image.Config{Init: has(&t, "/sbin/init") && has(&t, "/etc/rc")}
	set.history = []v1.History{{Created: v1.Time{Time: set.created}, CreatedBy: "disk " + path.Base(p.title)}}
	config, err := set.encode()
	if err != nil {
		return Info{}, err
	}
	return s.commit(ctx, commit{config: config, layers: st, names: p.names, origin: p.origin})
}

// openRoot opens the root file system of a disk, bare or in a partition.
func openRoot(r io.ReaderAt, size int64) (*ffs.FS, error) {
	part, err := rootPart(r, size)
	if err != nil {
		return nil, fmt.Errorf("find the disk's root: %w", err)
	}
	root, err := ffs.Open(part)
	if err == nil {
		return root, nil
	}
	magic := make([]byte, len(extMagic))
	if n, _ := part.ReadAt(magic, extMagicAt); n == len(magic) && string(magic) == extMagic {
		return nil, errors.New("the disk's root is ext2, which is not read here: build the image on NetBSD or FreeBSD, whose root is an FFS, or take its files with debugfs(8)")
	}
	return nil, fmt.Errorf("the disk's root is no FFS: %w", err)
}

func rootPart(r io.ReaderAt, size int64) (io.ReaderAt, error) {
	t, err := partition.Find(r, size)
	var p partition.Partition
	if err == nil {
		p, err = t.Pick("")
	}
	if err != nil {
		if _, ffsErr := ffs.Open(r); ffsErr == nil { // boot code can look like a table
			return r, nil
		}
		return nil, err
	}
	return io.NewSectionReader(r, p.Offset, p.Size), nil
}

// putDisk keeps the files of a file system as a layer.
func (st *staging) putDisk(ctx context.Context, root *ffs.FS, why string) (Layer, string, error) {
	name := filepath.Join(st.dir, "files")
	var l Layer
	err := pack.Create(name, func(w *pack.Writer) error {
		w.Meta(layerMeta{Version: layerVersion})
		for e, err := range root.Entries() {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && len(l.Entries) >= maxDiskFiles {
				err = fmt.Errorf("more than %d files", maxDiskFiles)
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", e.Path, err)
			}
			kept, err := addDiskEntry(w, e, why)
			if err != nil {
				return err
			}
			l.Entries = append(l.Entries, kept)
		}
		return nil
	})
	if err != nil {
		return l, "", err
	}
	sorted, err := l.sorted()
	if err != nil {
		return l, "", err
	}
	id, err := sorted.diffID(ctx)
	if err != nil || st.reuse(id) {
		return sorted, id, err
	}
	st.add(id)
	return sorted, id, os.Rename(name, st.path(id))
}

func addDiskEntry(w *pack.Writer, e ffs.Entry, why string) (_ tree.Entry, err error) {
	out := tree.Entry{
		Path: e.Path, Mode: tree.ModeOf(e.Mode), UID: e.UID, GID: e.GID, ModTime: e.ModTime.UTC(),
		Link: e.Target, Major: e.Major, Minor: e.Minor, Why: why,
	}
	if e.Hardlink != "" {
		out.Type, out.Link = tree.Hardlink, e.Hardlink
		return w.Add(out, nil)
	}
	types := map[fs.FileMode]tree.Type{
		0: tree.File, fs.ModeDir: tree.Dir, fs.ModeSymlink: tree.Symlink, fs.ModeDevice: tree.Block,
		fs.ModeDevice | fs.ModeCharDevice: tree.Char, fs.ModeNamedPipe: tree.FIFO, fs.ModeSocket: tree.Socket,
	}
	var ok bool
	if out.Type, ok = types[e.Mode.Type()]; !ok {
		return out, fmt.Errorf("%s is of no type that an image can have", e.Path)
	}
	if out.Type != tree.File {
		return w.Add(out, nil)
	}
	out.Size = e.Size
	r, err := e.Open()
	if err != nil {
		return out, fmt.Errorf("read %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return w.Add(out, r)
}

func has(t *tree.Tree, p string) bool {
	_, err := t.Lookup(p)
	return err == nil
}

// isDisk reports whether a file is a disk by its name, or by a file system at
// its start.
func isDisk(name string, f *os.File) bool {
	if isPlainTar(f) {
		return false
	}
	if strings.HasSuffix(name, diskSuffix) {
		return true
	}
	_, err := ffs.Open(f)
	return err == nil
}

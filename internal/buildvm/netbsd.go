package buildvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/instance"
)

// A netbsdRoot is read from the guest's disk, while the guest leaves it alone.
type netbsdRoot struct {
	f    *os.File
	size int64
	fs   *ffs.FS // as of the last sync point
	last *snapshot
}

func openNetBSD(d disk.Disk) (root, error) {
	f, err := os.Open(d.Path)
	if err != nil {
		return nil, err
	}
	r := &netbsdRoot{f: f, size: d.Size}
	if err := r.list(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// begin has nothing to do: the disk was read before the boot.
func (r *netbsdRoot) begin(context.Context, *session) error { return nil }

func (r *netbsdRoot) next(ctx context.Context, s *session) (before, now *snapshot, err error) {
	before = r.last
	if err := s.syncPoint(ctx, false); err != nil {
		return nil, nil, err
	}
	if err := r.check(ctx); err != nil {
		return nil, nil, err
	}
	err = r.list()
	return before, r.last, err
}

// check refuses a disk that fsck_ffs(8) would have to mend.
func (r *netbsdRoot) check(ctx context.Context) error {
	found, err := ffs.Check(ctx, r.f, r.size)
	if err != nil {
		return fmt.Errorf("check the root disk: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("check the root disk: %d faults, the first: %s", len(found), found[0])
	}
	return nil
}

// list reads the names and inodes that are on the disk now.
func (r *netbsdRoot) list() error {
	var err error
	if r.fs, err = ffs.Open(r.f); err != nil {
		return fmt.Errorf("read the root disk: %w", err)
	}
	var files []wire.File
	err = fs.WalkDir(r.fs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := r.file(name, d)
		if f.Path != instance.AgentPath {
			files = append(files, f)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the root disk: %w", err)
	}
	r.last = newSnapshot(files)
	return nil
}

func (r *netbsdRoot) file(name string, d fs.DirEntry) (wire.File, error) {
	info, err := d.Info()
	if err != nil {
		return wire.File{}, err
	}
	i, ok := info.Sys().(*ffs.Inode)
	if !ok {
		return wire.File{}, fmt.Errorf("%s: no inode", name)
	}
	f := wire.File{
		Path: path.Join("/", name), Inode: uint64(i.Number), Generation: uint32(i.Generation),
		Mode: uint32(i.Mode), UID: i.UID, GID: i.GID, Links: uint32(i.Links),
		ModTime: i.ModTime.UTC(), ChangeTime: i.ChangeTime.UTC(),
	}
	switch f.Type() {
	case wire.TypeFile:
		f.Size = int64(i.Size)
	case wire.TypeChar, wire.TypeBlock:
		f.Major, f.Minor = i.Device()
	case wire.TypeSymlink:
		f.Target, err = r.fs.ReadLink(name)
	}
	return f, err
}

func (r *netbsdRoot) open(f wire.File) (*io.SectionReader, error) {
	o, err := r.fs.Open(strings.TrimPrefix(f.Path, "/"))
	if err != nil {
		return nil, err
	}
	at, ok := o.(io.ReaderAt)
	if !ok {
		return nil, errors.New("it can't be read at any place")
	}
	return io.NewSectionReader(at, 0, f.Size), nil // its Close has nothing to do
}

func (r *netbsdRoot) close() error { return r.f.Close() }

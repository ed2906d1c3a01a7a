package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/copyout"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// export writes the files of an image as out says.
func (r *runner) export(ctx context.Context, img image.Image, out output, layout string) error {
	switch out.kind {
	case "dir":
		return r.exportDir(ctx, img, out.dest)
	case "tar":
		return r.exportTar(ctx, img, out.dest)
	}
	return r.exportDisk(ctx, img, out.dest, layout)
}

// exportTar writes an archive, to standard output if dest is "-".
func (r *runner) exportTar(ctx context.Context, img image.Image, dest string) error {
	entries := tree.Clamp(img.Tree.All(), r.app.sourceDate())
	for i := range entries {
		entries[i].Why = "" // a record that other programs warn of
	}
	if dest == "-" {
		return archive.WriteTar(ctx, r.app.out, entries)
	}
	if err := atomicfile.Write(dest, 0o644, func(w io.Writer) error { return archive.WriteTar(ctx, w, entries) }); err != nil {
		return err
	}
	return r.exported("tar", dest)
}

func (r *runner) exported(kind, dest string) error {
	fi, err := os.Stat(dest)
	if err != nil {
		return err
	}
	r.status.line(kind, "%-22s %s", dest, formatSize(fi.Size()))
	return nil
}

// exportDir fills a folder, which must be new or empty, as root with owners
// and devices, else with all that a user can have.
func (r *runner) exportDir(ctx context.Context, img image.Image, dest string) (err error) {
	if err := checkNewFolder(dest); err != nil {
		return err
	}
	_, missing := os.Stat(dest)
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	defer func() {
		if err != nil && missing != nil {
			err = errors.Join(err, os.RemoveAll(dest))
		}
	}()
	root, err := os.OpenRoot(dest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	img.Tree.MakeParents(r.app.sourceDate())
	result, err := copyout.Copy(ctx, root, ".", "/", entriesOf(img), copyout.Options{})
	if err != nil {
		return fmt.Errorf("write %s: %w", dest, err)
	}
	r.status.line("dir", "%-22s %d files", dest, result.Files)
	if result.Owners+result.Devices > 0 {
		r.status.line("note", "only root can have others' files and devices: %d files are yours now, and %d devices were left out", result.Owners, result.Devices)
	}
	return nil
}

// entriesOf are the image's files as package ffs has them.
func entriesOf(img image.Image) iter.Seq2[ffs.Entry, error] {
	return func(yield func(ffs.Entry, error) bool) {
		for _, e := range img.Tree.All() {
			if !yield(disk.Entry(e), nil) {
				return
			}
		}
	}
}

// exportDisk writes the root disk.
func (r *runner) exportDisk(ctx context.Context, img image.Image, dest, layout string) error {
	bar := newBar(r.status, "disk")
	d, err := disk.Derive(ctx, img, disk.Options{
		Dir:      filepath.Join(r.home, "cache/disks"),
		Layout:   disk.Layout{Scheme: partition.Scheme(layout)},
		NotAfter: r.app.sourceDate(),
		Progress: bar.set,
	})
	bar.finish()
	if err != nil {
		return err
	}
	if err := disk.Copy(ctx, d, dest); err != nil {
		return fmt.Errorf("write %s: %w", dest, err)
	}
	r.status.line("disk", "%-22s %s %s, root=%s", dest, d.FS, formatSize(d.Size), d.Root)
	return nil
}

package cli

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/partition"
)

func newDisk(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "disk",
		Short: "Look into disks: list, read, copy, compare and check their files",
		Long: `Look into disk images with a Fast File System (FFS, UFS) of either version and
byte order: those of fakecracker, makefs and newfs, bare or with partitions. No
root and no mount are needed, and nothing is written to the disk.`,
		GroupID: "disk",
		Example: `  fakecracker disk ls -l disk.img /etc
  fakecracker disk cp disk.img /etc/rc.conf .
  fakecracker disk check disk.img`,
		Args: verbOnly,
		RunE: showHelp,
	}
	c.AddCommand(
		newDiskLs(a),
		newDiskCat(a),
		newDiskCp(a),
		newDiskTree(a),
		newDiskDiff(a),
		newDiskCheck(a),
	)
	return c
}

// declarePartition declares the flag that says where on a disk the files are.
func declarePartition(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "partition", "", "`NAME`, letter or number of the partition (default: the only FFS)")
}

// A diskFS is the file system on a disk.
type diskFS struct {
	*ffs.FS
	part io.ReaderAt // the file system's part of the file
	size int64       // bytes
	file *os.File
	seen map[uint32]bool // folders that were listed, by inode: damage could make them endless
}

// Close closes the disk, which was only read.
func (d *diskFS) Close() { _ = d.file.Close() }

// named makes an error about a path on the disk one that can't be taken for
// the host's: "disk.img: /etc/nix: file does not exist".
func (d *diskFS) named(err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) || p.Path == os.Stdout.Name() {
		return err
	}
	return fmt.Errorf("%s: %s: %w", d.file.Name(), path.Join("/", p.Path), p.Err)
}

// walk is Walk with errors that name the disk.
func (d *diskFS) walk(p string) iter.Seq2[ffs.Entry, error] {
	return func(yield func(ffs.Entry, error) bool) {
		for e, err := range d.Walk(p) {
			if !yield(e, d.named(err)) {
				return
			}
		}
	}
}

// openDisk opens the file system in a partition of the disk at name. What is
// no FFS at all is an error that tells what it is, if that is known.
func openDisk(name, part string) (*diskFS, error) {
	d, err := openPartition(name, part)
	if err != nil {
		return nil, fmt.Errorf("open disk %s: %w", name, err)
	}
	if d.FS, err = ffs.Open(d.part); err != nil {
		err = fmt.Errorf("open disk %s: %w", name, foreign(d.part, err))
		d.Close()
		return nil, err
	}
	return d, nil
}

// openPartition finds the partition, without a look into it.
func openPartition(name, part string) (*diskFS, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	switch fi.Mode().Type() { // to open a FIFO would wait for who writes to it
	case fs.ModeDir:
		return nil, errors.New("it is a folder")
	case fs.ModeNamedPipe, fs.ModeSocket:
		return nil, fmt.Errorf("it is a %s: write the disk to a file first", fileTypes[fi.Mode().Type()])
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	d := &diskFS{file: f, seen: map[uint32]bool{}}
	if d.size, err = f.Seek(0, io.SeekEnd); err == nil {
		err = d.find(part)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// find sets part and size to those of the partition with the name.
func (d *diskFS) find(name string) error {
	t, err := partition.Find(d.file, d.size)
	if err == nil {
		var p partition.Partition
		if p, err = t.Pick(name); err == nil {
			d.part, d.size = io.NewSectionReader(d.file, p.Offset, p.Size), p.Size
			return nil
		}
	}
	// Boot code at the beginning of a bare FFS can look like a table.
	if _, ffsErr := ffs.Open(d.file); name == "" && ffsErr == nil {
		d.part = d.file
		return nil
	}
	return err
}

// strangers are formats that a disk may have instead of an FFS, by bytes at
// an offset.
var strangers = []struct {
	at    int64
	magic string
	what  string
}{
	{1080, "\x53\xef", "it is an ext4 (or ext2, ext3) file system: Linux mounts it, and debugfs(8) reads it"},
	{0, "QFI\xfb", "it is a qcow2 disk: turn it into a raw one first (qemu-img convert -O raw)"},
	{32769, "CD001", "it is an ISO 9660 file system: Linux mounts it, and bsdtar(1) reads it"},
	{0, "\x1f\x8b", "it is compressed: gunzip it first"},
	{0, "\x28\xb5\x2f\xfd", "it is compressed: unzstd it first"},
	{0, "\xfd7zXZ", "it is compressed: unxz it first"},
}

// foreign tells what is there instead of an FFS, or else returns err.
func foreign(r io.ReaderAt, err error) error {
	for _, s := range strangers {
		b := make([]byte, len(s.magic))
		if n, _ := r.ReadAt(b, s.at); n == len(b) && string(b) == s.magic {
			return errors.New(s.what)
		}
	}
	return err
}

// imagePath is a path on a disk in the terms of io/fs: with or without a
// slash before it, "." for the root.
func imagePath(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// describe says in a few words what file system it is.
func (d *diskFS) describe() string {
	s := d.Superblock()
	order := "little-endian"
	if d.ByteOrder() == binary.BigEndian {
		order = "big-endian"
	}
	return fmt.Sprintf("FFSv%d, %s, %s", s.Version(), order, formatSize(s.Bytes()))
}

// diskArgs returns a check for a FILE and up to one PATH.
func diskArgs(c *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usagef("%s needs a disk, and takes a path: %s", c.CommandPath(), c.UseLine())
	}
	return nil
}

// pathArg is the path in the arguments, or the root.
func pathArg(args []string) string {
	if len(args) < 2 {
		return "."
	}
	return imagePath(args[1])
}

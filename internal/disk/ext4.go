package disk

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/Microsoft/hcsshim/ext4/tar2ext4"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// writeExt4 makes an ext4 at raw: tar2ext4 writes one that is full to the
// last block and for reading only, and grow gives it room.
func writeExt4(ctx context.Context, p *plan, raw string) error {
	f, err := os.OpenFile(raw, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	limit := ext4Limit(p)
	err = p.convert(ctx, f, limit)
	if err == nil {
		err = grow(f, growth{limit: limit, free: p.free, uuid: p.digest})
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write an ext4: %w", err)
	}
	return nil
}

// ext4Limit returns a size in bytes that the file system surely stays under.
// tar2ext4 keeps one block of group descriptors free for each 16 GiB of it,
// so to be generous costs nothing.
func ext4Limit(p *plan) int64 {
	perEntry := int64(3 * blockSize) // the last block's rest, inode, folder entry, long link
	return p.size + p.size/64 + int64(len(p.entries))*perEntry + 2*p.free + 64<<20
}

// convert streams the tree as a tar through tar2ext4 into f.
func (p *plan) convert(ctx context.Context, f *os.File, limit int64) error {
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := p.writeTar(ctx, w)
		_ = w.CloseWithError(err) // never fails; a nil err is io.EOF to the reader
		sent <- err
	}()
	err := tar2ext4.Convert(r, &sparseFile{f: f}, tar2ext4.MaximumDiskSize(limit))
	_ = r.CloseWithError(errors.New("conversion ended"))
	if sendErr := <-sent; err == nil || errors.Is(err, sendErr) {
		return sendErr // the same error without tar2ext4's words around it
	}
	return err
}

// writeTar writes the entries to w, hard links after the files that they name.
func (p *plan) writeTar(ctx context.Context, w io.Writer) error {
	buf := bufio.NewWriterSize(w, 256<<10)
	t := tar.NewWriter(buf)
	for _, e := range p.entries {
		if e.Type == tree.Hardlink {
			continue
		}
		if err := p.writeTarEntry(ctx, t, e); err != nil {
			return err
		}
	}
	for _, e := range p.entries {
		if e.Type != tree.Hardlink {
			continue
		}
		if err := p.writeTarEntry(ctx, t, e); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

var tarTypes = map[tree.Type]byte{
	tree.File: tar.TypeReg, tree.Dir: tar.TypeDir, tree.Symlink: tar.TypeSymlink, tree.Hardlink: tar.TypeLink,
	tree.Char: tar.TypeChar, tree.Block: tar.TypeBlock, tree.FIFO: tar.TypeFifo,
}

func (p *plan) writeTarEntry(ctx context.Context, t *tar.Writer, e tree.Entry) error {
	typ, ok := tarTypes[e.Type]
	if !ok {
		return fmt.Errorf("%s: a %s can't be in an ext4 made here", e.Path, e.Type)
	}
	h := &tar.Header{
		Typeflag: typ, Name: "." + e.Path, Linkname: e.Link, Size: e.Size,
		Mode: int64(e.Mode & 0o7777), Uid: int(e.UID), Gid: int(e.GID),
		ModTime: e.ModTime, AccessTime: e.ModTime, ChangeTime: e.ModTime,
		Devmajor: int64(e.Major), Devminor: int64(e.Minor), Format: tar.FormatPAX, PAXRecords: make(map[string]string),
	}
	for name, value := range e.Xattrs {
		if tree.LinuxXattr(name) { // image.Unkept tells of the others
			h.PAXRecords["SCHILY.xattr."+name] = string(value)
		}
	}
	if e.Type == tree.Dir {
		h.Name = strings.TrimSuffix(h.Name, "/") + "/"
	}
	if err := t.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", e.Path, err)
	}
	if e.Type != tree.File {
		return nil
	}
	return p.copyContent(ctx, t, e)
}

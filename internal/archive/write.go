package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// maxOctal is the largest number that a device's field of ustar holds: seven
// octal digits.
const maxOctal = 1<<21 - 1

// WriteTar writes entries as a tar archive in one canonical form, which
// depends on nothing but them: pax(1) headers with numeric owners, no names of
// them, times with all that they have below a second, paths without the
// slash at their beginning, "./" for the root. Entries come in the order given,
// but a Hardlink never before the file that it is another name of. Where an
// entry came from goes into a PAX record of ours, which ReadTar reads.
//
// A file's bytes must be those that its Digest names, where it has one.
func WriteTar(ctx context.Context, w io.Writer, entries []tree.Entry) error {
	out := &writer{
		ctx: ctx, tw: tar.NewWriter(w), buf: make([]byte, 1<<18),
		later: linkedFiles(entries), waiting: make(map[string][]tree.Entry),
	}
	for _, e := range entries {
		if err := out.add(e); err != nil {
			return fmt.Errorf("write %s to the archive: %w", e.Path, err)
		}
	}
	if err := out.tw.Close(); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

type writer struct {
	ctx     context.Context
	tw      *tar.Writer
	buf     []byte
	later   map[string]bool         // files that hard links name and that were not written yet
	waiting map[string][]tree.Entry // the links, by the file, that came before it
}

// linkedFiles returns the paths of the files that have other names among
// entries. The file of a link may also be elsewhere: in a layer below.
func linkedFiles(entries []tree.Entry) map[string]bool {
	named, files := make(map[string]bool), make(map[string]bool)
	for _, e := range entries {
		if e.Type == tree.Hardlink {
			named[e.Link] = true
		}
	}
	for _, e := range entries {
		if e.Type == tree.File && named[e.Path] {
			files[e.Path] = true
		}
	}
	return files
}

// add writes e, and the links that waited for it.
func (w *writer) add(e tree.Entry) error {
	if e.Type == tree.Hardlink && w.later[e.Link] {
		w.waiting[e.Link] = append(w.waiting[e.Link], e)
		return nil
	}
	if err := w.write(e); err != nil {
		return err
	}
	if e.Type != tree.File {
		return nil
	}
	delete(w.later, e.Path)
	for _, l := range w.waiting[e.Path] {
		if err := w.write(l); err != nil {
			return fmt.Errorf("its other name %s: %w", l.Path, err)
		}
	}
	return nil
}

func (w *writer) write(e tree.Entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	h, err := headerOf(e)
	if err != nil {
		return err
	}
	if err := w.tw.WriteHeader(h); err != nil {
		return err
	}
	if e.Type != tree.File {
		return nil
	}
	return w.copyBytes(e)
}

// copyBytes writes the bytes of e and checks them.
func (w *writer) copyBytes(e tree.Entry) (err error) {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	in := &limited{ctx: w.ctx, r: io.LimitReader(r, e.Size), limit: math.MaxInt64}
	n, err := io.CopyBuffer(io.MultiWriter(w.tw, h), in, w.buf)
	if err != nil {
		return err
	}
	if digest := "sha256:" + hex.EncodeToString(h.Sum(nil)); n != e.Size || e.Digest != "" && digest != e.Digest {
		return fmt.Errorf("%s has changed: it should have %d bytes with the digest %s", e.Content.Host, e.Size, e.Digest)
	}
	return nil
}

// flags are tar's letters of the types. A socket is an empty file, with a
// record that says what it is.
var flags = map[tree.Type]byte{
	tree.File: tar.TypeReg, tree.Dir: tar.TypeDir, tree.Symlink: tar.TypeSymlink, tree.Hardlink: tar.TypeLink,
	tree.Char: tar.TypeChar, tree.Block: tar.TypeBlock, tree.FIFO: tar.TypeFifo, tree.Socket: tar.TypeReg,
}

func headerOf(e tree.Entry) (*tar.Header, error) {
	flag, ok := flags[e.Type]
	if !ok {
		return nil, fmt.Errorf("it is of the type %q", e.Type)
	}
	if !strings.HasPrefix(e.Path, "/") {
		return nil, errors.New("its path is not absolute")
	}
	h := &tar.Header{
		Format: tar.FormatPAX, Typeflag: flag, Name: e.Path[1:], Linkname: e.Link,
		Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), ModTime: e.ModTime, PAXRecords: make(map[string]string),
	}
	switch e.Type {
	case tree.File:
		h.Size = e.Size
	case tree.Dir:
		h.Name += "/"
	case tree.Hardlink:
		h.Linkname = strings.TrimPrefix(e.Link, "/")
	case tree.Socket:
		h.PAXRecords[typeRecord] = socketType
	case tree.Char, tree.Block:
		h.Devmajor = device(h, majorRecord, e.Major)
		h.Devminor = device(h, minorRecord, e.Minor)
	}
	if err := addXattrs(h, e); err != nil {
		return nil, err
	}
	if e.Path == "/" {
		h.Name = "./"
	}
	if e.Why != "" && printable(e.Why) {
		h.PAXRecords[whyRecord] = e.Why
	}
	return h, nil
}

// device returns what the field of a device number says, and adds a record
// where that can't be all.
func device(h *tar.Header, record string, n uint32) int64 {
	if n > maxOctal {
		h.PAXRecords[record] = strconv.FormatUint(uint64(n), 10)
	}
	return int64(n & maxOctal)
}

package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// PAX records beside those of pax(1). Of the entries that tar has no room for,
// star(5) has records.
const (
	whyRecord   = "FAKECRACKER.why" // Entry.Why
	typeRecord  = "SCHILY.filetype" // socketType: tar knows no sockets
	majorRecord = "SCHILY.devmajor" // where ustar's seven octal digits do not do
	minorRecord = "SCHILY.devminor"
	socketType  = "socket"
	maxWhy      = 1024 // bytes
)

// ReadTar hands each entry of the tar archive r, which Decompress has
// unpacked, to add in their order, with a File's bytes in body: for as long as
// add runs, and as many as the entry's Size says. Digest and Content are for
// add to fill.
//
// Paths become clean and absolute, as do those that a Hardlink names; one that
// climbs above the root is refused. A symbolic link's target stays as it is:
// where it leads is for the tree to see. Sparse files come with their holes as
// zeros. Extended attributes are those of SCHILY.xattr records, which a link
// leaves to its file. An archive may name a path twice.
//
// What r has behind the archive's end is not read.
func ReadTar(ctx context.Context, r io.Reader, l Limits, add func(e tree.Entry, body io.Reader) error) error {
	in := &limited{ctx: ctx, r: r, limit: l.bytes()}
	tr := tar.NewReader(in)
	left := l.bytes() // of files: holes take no bytes in the archive
	attributes := maxXattrs
	for n := 1; ; n++ {
		h, err := tr.Next()
		switch {
		case err == io.EOF:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("read the archive after %d entries, at byte %d: %w", n-1, in.n, plain(err))
		case n > l.entries():
			return fmt.Errorf("read the archive: it has more than %d entries", l.entries())
		case passedOver(h.Typeflag):
			continue
		}
		if left -= h.Size; left < 0 || h.Size < 0 {
			return fmt.Errorf("read the archive: entry %d, %.80q: its files have more than %s", n, h.Name, size(l.bytes()))
		}
		if attributes -= xattrsSize(h); attributes < 0 {
			return fmt.Errorf("read the archive: entry %d, %.80q: the extended attributes so far have more than %s", n, h.Name, size(maxXattrs))
		}
		if err := readEntry(h, tr, l.path(), add); err != nil {
			return fmt.Errorf("read the archive: entry %d, %.80q: %w", n, h.Name, plain(err))
		}
	}
}

func readEntry(h *tar.Header, body io.Reader, maxPath int, add func(tree.Entry, io.Reader) error) error {
	e, err := entryOf(h, maxPath)
	if err != nil {
		return err
	}
	return add(e, body)
}

// plain says what errors of archive/tar mean.
func plain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends in the middle (%w)", err)
	case errors.Is(err, tar.ErrFieldTooLong):
		return errors.New("an entry's extended header or long name has more than 1 MiB")
	case errors.Is(err, tar.ErrHeader):
		return errors.New("it is damaged, or no tar archive")
	}
	return err
}

// passedOver reports whether an entry of the type is about the archive itself:
// defaults for the entries that follow, which tar(1) writes as comments, and
// GNU's label of a volume.
func passedOver(flag byte) bool { return flag == tar.TypeXGlobalHeader || flag == 'V' }

// types are those of tree by tar's letters; '7' and 'S' are ways to store a
// file.
var types = map[byte]tree.Type{
	tar.TypeReg: tree.File, tar.TypeCont: tree.File, tar.TypeGNUSparse: tree.File,
	tar.TypeDir: tree.Dir, tar.TypeSymlink: tree.Symlink, tar.TypeLink: tree.Hardlink,
	tar.TypeChar: tree.Char, tar.TypeBlock: tree.Block, tar.TypeFifo: tree.FIFO,
}

func entryOf(h *tar.Header, maxPath int) (e tree.Entry, err error) {
	typ, ok := types[h.Typeflag]
	if !ok {
		return e, fmt.Errorf("it is of the type %q, which is no file's", h.Typeflag)
	}
	e = tree.Entry{Type: typ, Mode: uint32(h.Mode) & 0o7777, ModTime: h.ModTime.UTC(), Why: whyOf(h)}
	if e.Path, err = cleanPath(h.Name, maxPath); err != nil {
		return e, err
	}
	if err := setNumbers(&e, h); err != nil {
		return e, err
	}
	if e.Xattrs, err = xattrsOf(h, typ); err != nil {
		return e, err
	}
	switch typ {
	case tree.File:
		e.Size = h.Size
		if h.PAXRecords[typeRecord] == socketType && h.Size == 0 {
			e.Type = tree.Socket
		}
	case tree.Hardlink:
		e.Link, err = cleanPath(h.Linkname, maxPath)
	case tree.Symlink:
		e.Link, err = h.Linkname, checkName(h.Linkname, maxPath)
	}
	return e, err
}

// setNumbers fills owner and device.
func setNumbers(e *tree.Entry, h *tar.Header) error {
	major, minor := h.Devmajor, h.Devminor
	for record, n := range map[string]*int64{majorRecord: &major, minorRecord: &minor} {
		s, ok := h.PAXRecords[record]
		if !ok {
			continue
		}
		var err error
		if *n, err = strconv.ParseInt(s, 10, 64); err != nil {
			return fmt.Errorf("its %s is %.20q", record, s)
		}
	}
	if e.Type != tree.Char && e.Type != tree.Block {
		major, minor = 0, 0
	}
	for _, f := range []struct {
		name string
		from int64
		to   *uint32
	}{{"owner", int64(h.Uid), &e.UID}, {"group", int64(h.Gid), &e.GID}, {"major number", major, &e.Major}, {"minor number", minor, &e.Minor}} {
		if f.from < 0 || f.from > math.MaxUint32 {
			return fmt.Errorf("its %s is %d", f.name, f.from)
		}
		*f.to = uint32(f.from)
	}
	return nil
}

// whyOf returns the entry's origin.
func whyOf(h *tar.Header) string {
	if why := h.PAXRecords[whyRecord]; printable(why) {
		return why
	}
	return ""
}

// printable reports whether an origin is one line, since it is shown to
// people.
func printable(why string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return len(why) <= maxWhy && utf8.ValidString(why) && !strings.ContainsFunc(why, unprintable)
}

// cleanPath returns the path of a tree that p stands for, taken from the root.
func cleanPath(p string, maxPath int) (string, error) {
	if err := checkName(p, maxPath); err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return "", fmt.Errorf("the path %.80q has .. in it, and could lead out of the root", p)
		}
	}
	return path.Join("/", p), nil
}

func checkName(p string, maxPath int) error {
	switch {
	case p == "":
		return errors.New("a path or link in it is empty")
	case len(p) > maxPath:
		return fmt.Errorf("a path or link of %d bytes, more than %d", len(p), maxPath)
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("the path or link %.80q has a NUL in it", p)
	}
	return nil
}

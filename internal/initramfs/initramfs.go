package initramfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"
)

// A File is one entry of the archive: a regular file, a folder or a character
// device. Times are those of 1970 and the owner is root, so that the same
// files give the same bytes.
type File struct {
	// Path is relative to the root, without a leading slash: "dev/console".
	// The folder that it is in stands before it.
	Path string
	Mode fs.FileMode // type and permission bits

	Data []byte // of a regular file; or:
	// Open gives a regular file's content, which must be Size bytes long.
	Open func() (io.ReadCloser, error)
	Size int64

	Major, Minor uint32 // of a device
}

// Unix file types (sys/stat.h), as the header's mode has them.
const (
	typeChar    = 0o020000
	typeFolder  = 0o040000
	typeRegular = 0o100000
)

const trailer = "TRAILER!!!"

// Write writes the archive of files, in their order, to w.
func Write(w io.Writer, files []File) error {
	a := &archive{w: bufio.NewWriterSize(w, 64<<10), have: map[string]bool{}, folders: map[string]bool{".": true}}
	for _, f := range files {
		if err := a.add(f); err != nil {
			return fmt.Errorf("write %s into the initramfs: %w", f.Path, err)
		}
	}
	if err := a.entry(header{links: 1}, trailer, nil); err != nil {
		return fmt.Errorf("write the initramfs: %w", err)
	}
	if err := a.w.Flush(); err != nil {
		return fmt.Errorf("write the initramfs: %w", err)
	}
	return nil
}

type archive struct {
	w             *bufio.Writer
	inode         uint32
	have, folders map[string]bool // paths written
}

func (a *archive) add(f File) error {
	if !fs.ValidPath(f.Path) || f.Path == "." || strings.ContainsRune(f.Path, 0) {
		return errors.New("not a clean relative path")
	}
	if a.have[f.Path] {
		return errors.New("the path was there already")
	}
	if !a.folders[path.Dir(f.Path)] {
		return errors.New("the folder that it is in does not stand before it")
	}
	h, err := headerOf(f)
	if err != nil {
		return err
	}
	content, err := contentOf(f)
	if err != nil {
		return err
	}
	a.inode++
	h.inode = a.inode
	a.have[f.Path], a.folders[f.Path] = true, f.Mode.IsDir()
	return errors.Join(a.entry(h, f.Path, content), content.Close())
}

// A header is the fixed part of an entry. On disk it is a magic number and
// thirteen fields of eight hexadecimal digits, without separators.
type header struct {
	inode        uint32
	mode         uint32 // type and permissions
	links        uint32
	size         uint32 // bytes of content
	major, minor uint32 // of a device
}

const magic = "070701"

// entry writes one entry: header, name with a NUL, content, each of the last
// two padded to 4 bytes.
func (a *archive) entry(h header, name string, content io.Reader) error {
	const fields = "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
	n, err := fmt.Fprintf(a.w, fields, magic,
		h.inode, h.mode, 0, 0, h.links, 0, h.size, // 0: uid, gid, mtime
		0, 0, h.major, h.minor, len(name)+1, 0) // 0: the file's device; checksum
	if err != nil {
		return err
	}
	if _, err := a.w.WriteString(name + "\x00"); err != nil {
		return err
	}
	if err := a.pad(n + len(name) + 1); err != nil {
		return err
	}
	if h.size == 0 {
		return nil
	}
	copied, err := io.CopyN(a.w, content, int64(h.size))
	if err != nil {
		return fmt.Errorf("%d of %d bytes read: %w", copied, h.size, err)
	}
	return a.pad(int(h.size))
}

func (a *archive) pad(n int) error {
	_, err := a.w.Write(make([]byte, -n&3))
	return err
}

func headerOf(f File) (header, error) {
	h := header{links: 1, mode: uint32(f.Mode.Perm())}
	switch f.Mode.Type() {
	case 0:
		size := int64(len(f.Data))
		if f.Open != nil {
			size = f.Size
		}
		if size < 0 || size > math.MaxUint32 {
			return h, fmt.Errorf("%d bytes: the format holds files of less than 4 GiB", size)
		}
		h.mode |= typeRegular
		h.size = uint32(size)
	case fs.ModeDir:
		h.mode |= typeFolder
		h.links = 2
	case fs.ModeDevice | fs.ModeCharDevice:
		h.mode |= typeChar
		h.major, h.minor = f.Major, f.Minor
	default:
		return h, fmt.Errorf("mode %s: only regular files, folders and character devices are written", f.Mode)
	}
	return h, nil
}

func contentOf(f File) (io.ReadCloser, error) {
	if f.Mode.IsRegular() && f.Open != nil {
		return f.Open()
	}
	return io.NopCloser(bytes.NewReader(f.Data)), nil
}

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// A File is one name of a guest's root and what its inode says, as lstat(2)
// has it.
type File struct {
	Path       string // absolute and clean
	Inode      uint64
	Generation uint32 // tells inodes of one number apart; 0 where it is not known
	Mode       uint32 // st_mode: type and permissions, in numbers that all Unixes share
	UID, GID   uint32
	Links      uint32 // names of the inode
	Size       int64  // bytes, of a regular file
	ModTime    time.Time
	ChangeTime time.Time // of the inode (ctime)

	Major, Minor uint32 // of a device
	Target       string // of a symbolic link

	// Xattrs are the extended attributes (xattr(7)) of a regular file or a
	// folder, by their whole names, as far as the guest lists them.
	Xattrs map[string][]byte

	Mounted bool // another file system hides what is here and below
	Bytes   bool // a regular file whose bytes follow the list
}

// The types in File.Mode (sys/stat.h).
const (
	TypeMask    = 0o170000
	TypeFIFO    = 0o010000
	TypeChar    = 0o020000
	TypeDir     = 0o040000
	TypeBlock   = 0o060000
	TypeFile    = 0o100000
	TypeSymlink = 0o120000
	TypeSocket  = 0o140000
)

// Type is one of the types above.
func (f File) Type() uint32 { return f.Mode & TypeMask }

// Limits of a list of files.
const (
	maxFiles = 1 << 22
	maxPath  = 4096     // PATH_MAX of Linux, with room
	maxList  = 64 << 20 // bytes

	maxXattrs = 1 << 10  // of one file
	maxXattr  = 64 << 10 // bytes of a value (XATTR_SIZE_MAX)
)

// A list of files is their number, and then of each: the strings with their
// lengths before them, and the numbers, all as varints of encoding/binary.
// Extended attributes are behind that, where a flag tells of some: their
// number, and names and values in the order of the names.

const (
	flagMounted = 1 << iota
	flagBytes
	flagXattrs
)

func appendFiles(b []byte, files []File) []byte {
	b = binary.AppendUvarint(b, uint64(len(files)))
	for _, f := range files {
		b = f.append(b)
	}
	return b
}

func (f File) append(b []byte) []byte {
	var flags uint64
	if f.Mounted {
		flags |= flagMounted
	}
	if f.Bytes {
		flags |= flagBytes
	}
	if len(f.Xattrs) > 0 {
		flags |= flagXattrs
	}
	b = appendString(appendString(b, f.Path), f.Target)
	for _, n := range [...]uint64{
		f.Inode, uint64(f.Generation), uint64(f.Mode), uint64(f.UID), uint64(f.GID), uint64(f.Links),
		uint64(f.Size), uint64(f.Major), uint64(f.Minor), flags,
	} {
		b = binary.AppendUvarint(b, n)
	}
	for _, t := range [...]time.Time{f.ModTime, f.ChangeTime} {
		b = binary.AppendVarint(b, t.Unix())
		b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
	}
	return f.appendXattrs(b)
}

func (f File) appendXattrs(b []byte) []byte {
	if len(f.Xattrs) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(f.Xattrs)))
	for _, name := range slices.Sorted(maps.Keys(f.Xattrs)) {
		b = appendString(appendString(b, name), string(f.Xattrs[name]))
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A decoder takes values from the beginning of its bytes. After the first
// error it gives zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) uint(limit uint64) uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail(errors.New("a number is cut short"))
		return 0
	}
	if n > limit {
		d.fail(fmt.Errorf("the number %d, at most %d is possible", n, limit))
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) uint32() uint32 { return uint32(d.uint(1<<32 - 1)) }

func (d *decoder) string(limit uint64) string {
	n := d.uint(limit)
	if n > uint64(len(d.b)) {
		d.fail(errors.New("a string is cut short"))
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) time() time.Time {
	sec, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail(errors.New("a time is cut short"))
		return time.Time{}
	}
	d.b = d.b[size:]
	return time.Unix(sec, int64(d.uint(999_999_999))).UTC()
}

func (d *decoder) file() File {
	f := File{Path: d.string(maxPath), Target: d.string(maxPath)}
	f.Inode, f.Generation, f.Mode = d.uint(1<<64-1), d.uint32(), d.uint32()
	f.UID, f.GID, f.Links = d.uint32(), d.uint32(), d.uint32()
	f.Size = int64(d.uint(1<<63 - 1))
	f.Major, f.Minor = d.uint32(), d.uint32()
	flags := d.uint(flagMounted | flagBytes | flagXattrs)
	f.Mounted, f.Bytes = flags&flagMounted != 0, flags&flagBytes != 0
	f.ModTime, f.ChangeTime = d.time(), d.time()
	if flags&flagXattrs != 0 {
		f.Xattrs = d.xattrs()
	}
	if d.err == nil {
		d.err = f.validate()
	}
	return f
}

func (d *decoder) xattrs() map[string][]byte {
	n := d.uint(maxXattrs)
	all := make(map[string][]byte)
	last := ""
	for range n {
		name, value := d.string(maxPath), d.string(maxXattr)
		if d.err == nil && name <= last {
			d.fail(fmt.Errorf("the extended attribute %q is behind %q", name, last))
		}
		if d.err != nil {
			return nil
		}
		all[name], last = []byte(value), name
	}
	return all
}

// validate refuses what no root can hold.
func (f File) validate() error {
	switch {
	case !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || strings.IndexByte(f.Path, 0) >= 0:
		return fmt.Errorf("%q is not a clean absolute path", f.Path)
	case f.Bytes && f.Type() != TypeFile:
		return fmt.Errorf("%s is not a regular file, and bytes of it are announced", f.Path)
	case f.Xattrs != nil && f.Type() != TypeFile && f.Type() != TypeDir:
		return fmt.Errorf("%s is neither a file nor a folder, and has extended attributes", f.Path)
	case strings.IndexByte(f.Target, 0) >= 0 || f.Target != "" && f.Type() != TypeSymlink:
		return fmt.Errorf("%s leads to %q, which can't be", f.Path, f.Target)
	}
	return nil
}

// decodeFiles is the inverse of appendFiles.
func decodeFiles(b []byte) ([]File, error) {
	d := &decoder{b: b}
	count := d.uint(maxFiles)
	files := make([]File, 0, min(count, uint64(len(b))/16))
	for range count {
		f := d.file()
		if d.err != nil {
			return nil, fmt.Errorf("decode the list of files: %w", d.err)
		}
		files = append(files, f)
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = fmt.Errorf("%d bytes are left over", len(d.b))
	}
	if d.err != nil {
		return nil, fmt.Errorf("decode the list of files: %w", d.err)
	}
	return files, nil
}

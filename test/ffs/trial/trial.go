// Package trial is what a test on the host and its program in a guest agree
// on: which disks the guest's kernel is to mount, what to do on them, and what
// it found there.
package trial

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A Job is one disk for the guest.
type Job struct {
	Name    string
	Device  string // "/dev/ld1d"
	Options string // of Linux's mount(8): "ufstype=ufs2"
	// Windows are the parts of files larger than Whole that are read.
	Windows []Range
	Load    *Load // nil: the disk is only read
}

// What a Load does.
const (
	Everything = "everything" // and fills the disk
	Some       = "some"       // all but filling it: there is too much room
	Only       = "fill"       // nothing but filling it: there is too little
)

// A Load is what a guest writes onto a disk.
type Load struct {
	Kind                    string
	Seed                    uint32
	BlockSize, FragmentSize int64
	Files                   map[string]Content // regular files with one name that are there: some are changed
	Sparse                  []int64            // places in a sparse file
}

// A Report is what came of a Job.
type Report struct {
	Job    string
	Error  string // what went wrong, if anything
	Before []File // all files before anything was written
	After  []File // after the last mount, which is read-only again
	// Wrote has the regular files of one name of the disk as the guest
	// wanted them to be.
	Wrote map[string]Content
	// FullInodes and FullSpace count the files that were made until there
	// was no inode and no block left.
	FullInodes, FullSpace int
}

// A File is a file as the guest's kernel shows it.
type File struct {
	Path                   string
	Mode                   uint32 // st_mode
	Inode                  uint64
	Links                  uint32
	UID, GID               uint32
	Major, Minor           uint32 // of a device
	Size, Blocks           int64  // bytes; 512 bytes
	Flags                  uint32 // st_flags; not on Linux
	Access, Modify, Change Time
	Birth                  Time   // not on Linux
	Target                 string // of a symbolic link
	Sum                    uint32 // of a regular file
	TypeInFolder           string // the type that its folder says, if that is another one
	HardToFind             string // what went wrong when it was looked up by its name
	Unreadable             string // what went wrong when it was read
}

// A Time is a struct timespec.
type Time struct{ Sec, Nsec int64 }

// Whole is the size up to which files are read from beginning to end.
const Whole = 4 << 20

// Sum is a checksum of a file of so many bytes, or of its windows.
func Sum(r io.ReaderAt, size int64, windows []Range) (uint32, error) {
	if size <= Whole {
		windows = []Range{{0, size}}
	}
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	buf := make([]byte, min(size, 256<<10)+1)
	for _, w := range windows {
		part := io.NewSectionReader(r, w.Off, max(min(w.Len, size-w.Off), 0))
		n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{part}, buf)
		if err != nil {
			return 0, err
		}
		if n != part.Size() {
			return 0, fmt.Errorf("%d bytes at %d: %w", n, w.Off, io.ErrUnexpectedEOF)
		}
	}
	return h.Sum32(), nil
}

// Orders are the jobs of a guest.
type Orders struct {
	Jobs   []Job
	Output string // device that the reports are put on
}

// What host and guest send each other is gob, for names are any bytes, after
// a magic number, its length and a checksum; the reports come on a raw disk.
const (
	magic     = "ffs trial\n"
	headBytes = 512
	maxBytes  = 256 << 20
)

// Encode returns v, padded to whole sectors.
func Encode(v any) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, headBytes))
	if err := gob.NewEncoder(b).Encode(v); err != nil {
		return nil, err
	}
	all := b.Bytes()
	copy(all, magic)
	binary.LittleEndian.PutUint32(all[16:], uint32(len(all)-headBytes))
	binary.LittleEndian.PutUint32(all[20:], crc32.ChecksumIEEE(all[headBytes:]))
	return append(all, make([]byte, -len(all)&(headBytes-1))...), nil
}

// Decode reads into v what Encode gave.
func Decode(r io.ReaderAt, v any) error {
	head := make([]byte, headBytes)
	if _, err := r.ReadAt(head, 0); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[16:])
	if string(head[:len(magic)]) != magic || n > maxBytes {
		return errors.New("there is nothing for us")
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, headBytes); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(b) != binary.LittleEndian.Uint32(head[20:]) {
		return errors.New("it is damaged")
	}
	return gob.NewDecoder(bytes.NewReader(b)).Decode(v)
}

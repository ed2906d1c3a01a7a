package tree

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Open opens a File's bytes, which are Size long. The caller closes it. A
// whole file of the host comes as an *os.File, which the kernel can copy. It
// fails when the host file that has the bytes is gone or too short; whether
// they are still those that Digest names is for the reader to check.
func (e Entry) Open() (Reader, error) {
	if e.Type != File {
		return nil, fmt.Errorf("open %s: it is a %s, not a file", e.Path, e.Type)
	}
	if e.Content.Host == "" {
		if int64(len(e.Content.Data)) != e.Size {
			return nil, fmt.Errorf("open %s: %d bytes are at hand of %d", e.Path, len(e.Content.Data), e.Size)
		}
		return data{io.NewSectionReader(bytes.NewReader(e.Content.Data), 0, e.Size)}, nil
	}
	f, err := os.Open(e.Content.Host)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Path, err)
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() < e.Content.Offset+e.Size {
		err = fmt.Errorf("%s is %d bytes long, %d are wanted", e.Content.Host, fi.Size(), e.Content.Offset+e.Size)
	}
	if err != nil {
		_ = f.Close() // only read from
		return nil, fmt.Errorf("open %s: %w", e.Path, err)
	}
	if e.Content.Offset == 0 && fi.Size() == e.Size {
		return f, nil
	}
	return hostRange{io.NewSectionReader(f, e.Content.Offset, e.Size), f}, nil
}

// A Reader reads a file's bytes in order or anywhere.
type Reader interface {
	io.ReadCloser
	io.ReaderAt
}

type data struct{ *io.SectionReader }

func (data) Close() error { return nil }

type hostRange struct {
	*io.SectionReader
	f *os.File
}

func (r hostRange) Close() error { return r.f.Close() }

// ReadFile returns the bytes of the File that p leads to, through symbolic
// links of the tree. It refuses one that is longer than limit bytes.
func (t *Tree) ReadFile(p string, limit int64) ([]byte, error) {
	e, err := t.Lookup(p)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	if e.Size > limit {
		return nil, fmt.Errorf("read %s: %d bytes are more than the %d expected", p, e.Size, limit)
	}
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return b, nil
}

// NewFile returns a File with these bytes and their digest.
func NewFile(p string, mode uint32, b []byte, t0 time.Time, why string) Entry {
	digest, n, _ := DigestOf(bytes.NewReader(b)) // a bytes.Reader doesn't fail
	return Entry{
		Path: p, Type: File, Mode: mode, ModTime: t0, Size: n,
		Digest: digest, Content: Content{Data: b}, Why: why,
	}
}

// ModeOf returns the bits of Entry.Mode for m.
func ModeOf(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, set := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= set
		}
	}
	return mode
}

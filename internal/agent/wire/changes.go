package wire

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// listMember is the first member of the archive of changes.
const listMember = "list"

// WriteChanges writes a tar archive to w: the list of all files, and then the
// bytes of those that have Bytes set, as "./" and their path. open opens one
// by its path.
func WriteChanges(w io.Writer, files []File, open func(p string) (io.ReadCloser, error)) error {
	buf := bufio.NewWriterSize(w, 1<<20)
	t := tar.NewWriter(buf)
	list := appendFiles(nil, files)
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: listMember, Size: int64(len(list)), Mode: 0o600})
	if err == nil {
		_, err = t.Write(list)
	}
	if err != nil {
		return fmt.Errorf("write the list of files: %w", err)
	}
	for _, f := range files {
		if !f.Bytes {
			continue
		}
		if err := writeMember(t, f, open); err != nil {
			return fmt.Errorf("write the changed %s: %w", f.Path, err)
		}
	}
	return errors.Join(t.Close(), buf.Flush())
}

func writeMember(t *tar.Writer, f File, open func(p string) (io.ReadCloser, error)) error {
	r, err := open(f.Path)
	if err != nil {
		return err
	}
	err = t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "." + f.Path, Size: f.Size, Mode: int64(f.Mode & 0o7777),
		Uid: int(f.UID), Gid: int(f.GID), ModTime: f.ModTime, Format: tar.FormatPAX,
	})
	if err == nil {
		_, err = io.Copy(t, r)
	}
	return errors.Join(err, r.Close())
}

// Changes is what WriteChanges wrote.
type Changes struct {
	Files []File                       // in the order in which they were written
	Bytes map[string]*io.SectionReader // of the changed files, by path
}

// ReadChanges reads what WriteChanges wrote from the first size bytes of r,
// all but the changed files' bytes: they are where Changes says. What stands
// behind the archive is not looked at.
func ReadChanges(r io.ReaderAt, size int64) (*Changes, error) {
	section := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(section) // which reads no more than it needs, and so leaves section at the bytes
	h, err := t.Next()
	if err != nil {
		return nil, fmt.Errorf("read the list of files: %w", noEOF(err))
	}
	if h.Name != listMember || h.Typeflag != tar.TypeReg || h.Size > maxList {
		return nil, fmt.Errorf("read the list of files: %q of %d bytes is in its place", h.Name, h.Size)
	}
	list, err := io.ReadAll(t)
	if err != nil {
		return nil, fmt.Errorf("read the list of files: %w", noEOF(err))
	}
	c := &Changes{Bytes: map[string]*io.SectionReader{}}
	if c.Files, err = decodeFiles(list); err != nil {
		return nil, err
	}
	if err := c.locate(t, section); err != nil {
		return nil, fmt.Errorf("read the changed files: %w", err)
	}
	return c, nil
}

// locate notes where the members' bytes are.
func (c *Changes) locate(t *tar.Reader, section *io.SectionReader) error {
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p, ok := strings.CutPrefix(h.Name, ".")
		if !ok || h.Typeflag != tar.TypeReg || len(c.Bytes) >= len(c.Files) {
			return fmt.Errorf("%q can't be among them", h.Name)
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if h.Size > section.Size()-at {
			return fmt.Errorf("%s: %w", p, io.ErrUnexpectedEOF)
		}
		c.Bytes[p] = io.NewSectionReader(section, at, h.Size)
	}
}

// noEOF makes of the end of an archive that should not be there an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

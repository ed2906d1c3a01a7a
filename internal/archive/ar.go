package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The header of an ar(5) member: name, time, owner, group, mode, size, each
// in text padded with blanks, and a magic at its end.
const (
	ArMagic       = "!<arch>\n" // what an ar archive begins with
	arHeaderSize  = 60
	arNameEnd     = 16 // name: bytes 0–15
	arSizeStart   = 48 // size: bytes 48–57, decimal
	arSizeEnd     = 58
	arHeaderMagic = "`\n" // bytes 58–59
)

// An ArReader reads the members of an ar(5) archive in order. Read reads the
// member that Next was at last.
type ArReader struct {
	r    io.Reader
	body io.LimitedReader // what is left of the member at hand
	pad  bool             // a byte follows it to make its length even
}

// NewArReader returns a reader of r, which has to begin with ArMagic.
func NewArReader(r io.Reader) (*ArReader, error) {
	var magic [len(ArMagic)]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil || string(magic[:]) != ArMagic {
		return nil, errors.New("it is not an ar archive")
	}
	return &ArReader{r: r, body: io.LimitedReader{R: r}}, nil
}

// Next goes to the next member and returns its name and its size in bytes, or
// io.EOF after the last one.
func (r *ArReader) Next() (name string, size int64, err error) {
	if err := r.skip(); err != nil {
		return "", 0, err
	}
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(r.r, h[:]); err == io.EOF {
		return "", 0, io.EOF
	} else if err != nil {
		return "", 0, fmt.Errorf("read ar header: %w", err)
	}
	if string(h[arSizeEnd:]) != arHeaderMagic {
		return "", 0, errors.New("read ar header: its end is not where it should be")
	}
	size, err = strconv.ParseInt(strings.TrimRight(string(h[arSizeStart:arSizeEnd]), " "), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("read ar header: size %q", h[arSizeStart:arSizeEnd])
	}
	r.body.N, r.pad = size, size%2 == 1
	name, err = r.name(string(h[:arNameEnd]))
	return name, r.body.N, err
}

// name returns a member's name, which is padded with blanks and may end in a
// slash. One that doesn't fit is before the member's bytes, as 4.4BSD has it:
// "#1/" and its length.
func (r *ArReader) name(field string) (string, error) {
	name := strings.TrimSuffix(strings.TrimRight(field, " "), "/")
	digits, ok := strings.CutPrefix(name, "#1/")
	if !ok {
		return name, nil
	}
	length, err := strconv.ParseUint(digits, 10, 15)
	if err != nil || int64(length) > r.body.N {
		return "", fmt.Errorf("read ar header: name %q", field)
	}
	long := make([]byte, length)
	if _, err := io.ReadFull(&r.body, long); err != nil {
		return "", fmt.Errorf("read ar header: its name: %w", err)
	}
	return strings.TrimRight(string(long), "\x00"), nil
}

// Read implements io.Reader.
func (r *ArReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err == io.EOF && r.body.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// skip reads what is left of a member.
func (r *ArReader) skip() error {
	if r.pad {
		r.body.N++
		r.pad = false
	}
	want := r.body.N
	n, err := io.Copy(io.Discard, &r.body)
	if err == nil && n < want-1 { // the last pad byte may be missing
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read ar member: %w", err)
	}
	return nil
}

package debian

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
	arMagic       = "!<arch>\n"
	arHeaderSize  = 60
	arNameEnd     = 16 // name: bytes 0–15
	arSizeStart   = 48 // size: bytes 48–57, decimal
	arSizeEnd     = 58
	arHeaderMagic = "`\n" // bytes 58–59
)

// arReader reads the members of an ar archive in order.
type arReader struct {
	r    io.Reader
	body *io.LimitedReader // what is left of the member at hand
	pad  bool              // a byte follows it to make its length even
}

func newArReader(r io.Reader) (*arReader, error) {
	var magic [len(arMagic)]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil || string(magic[:]) != arMagic {
		return nil, errors.New("it is not an ar archive")
	}
	return &arReader{r: r, body: &io.LimitedReader{R: r}}, nil
}

// next returns the name and size of the next member, to be read from r.body.
// It returns io.EOF after the last.
func (r *arReader) next() (name string, size int64, err error) {
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
	if err != nil || size < 0 || size > maxDeb {
		return "", 0, fmt.Errorf("read ar header: size %q", h[arSizeStart:arSizeEnd])
	}
	name = strings.TrimSuffix(strings.TrimRight(string(h[:arNameEnd]), " "), "/")
	r.body.N, r.pad = size, size%2 == 1
	return name, size, nil
}

// skip reads what is left of a member.
func (r *arReader) skip() error {
	if r.pad {
		r.body.N++
		r.pad = false
	}
	want := r.body.N
	n, err := io.Copy(io.Discard, r.body)
	if err == nil && n < want-1 { // the last pad byte may be missing
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read ar member: %w", err)
	}
	return nil
}

package pkgsrc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A signed package (pkg_admin(1), gpg-sign-package) is an ar(5) archive of
// +PKG_HASH, which has digests of the blocks of the package, of a signature of
// that, +PKG_SIGNATURE or +PKG_GPG_SIGNATURE, and of the package.
const arMagic = "!<arch>\n"

// arHeaderSize and those after it are the layout of a member's header.
const (
	arHeaderSize = 60 // bytes
	arNameEnd    = 16 // the name is before it, filled up with spaces
	arSizeStart  = 48 // the size in decimal digits…
	arSizeEnd    = 58 // …and spaces
	maxSignature = 64 << 20
)

// openSigned returns the package in r, which begins with arMagic. The
// signature is left unread: we have no keys to check it with.
func openSigned(r *bufio.Reader) (io.Reader, error) {
	if _, err := r.Discard(len(arMagic)); err != nil {
		return nil, err
	}
	hashed := false
	for {
		name, size, err := readMember(r)
		if err != nil {
			return nil, err
		}
		switch {
		case !strings.HasPrefix(name, "+") && hashed:
			return io.LimitReader(r, size), nil
		case size > maxSignature || !strings.HasPrefix(name, "+PKG_"):
			return nil, fmt.Errorf("it is an ar archive that begins with %.40q, no signed package", name)
		}
		hashed = hashed || name == "+PKG_HASH"
		if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
			return nil, fmt.Errorf("%s of the signed package: %w", name, err)
		}
	}
}

// readMember reads the header of a member. Names of more than 16 bytes are
// after it, as 4.4BSD has them: "#1/" and the length.
func readMember(r *bufio.Reader) (name string, size int64, err error) {
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return "", 0, errors.New("it is an ar archive without a package in it")
	}
	size, err = strconv.ParseInt(strings.TrimSpace(string(h[arSizeStart:arSizeEnd])), 10, 64)
	if err != nil || size < 0 || string(h[arSizeEnd:]) != "`\n" {
		return "", 0, errors.New("it is a damaged ar archive")
	}
	name = strings.TrimSuffix(strings.TrimRight(string(h[:arNameEnd]), " "), "/")
	length, ok := strings.CutPrefix(name, "#1/")
	if !ok {
		return name, size, nil
	}
	n, err := strconv.ParseInt(length, 10, 16)
	if err != nil || n < 1 || n > size {
		return "", 0, errors.New("it is a damaged ar archive")
	}
	long := make([]byte, n)
	if _, err := io.ReadFull(r, long); err != nil {
		return "", 0, errors.New("it is a damaged ar archive")
	}
	return strings.TrimRight(string(long), "\x00"), size - n, nil
}

package pkgsrc

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
)

// A signed package (pkg_admin(1), gpg-sign-package and x509-sign-package) is
// an ar(5) archive of +PKG_HASH, which has digests of the blocks of the
// package, of a signature of that, and of the package.
const (
	hashName     = "+PKG_HASH"
	gpgName      = "+PKG_GPG_SIGNATURE" // detached, of OpenPGP
	x509Name     = "+PKG_SIGNATURE"     // PKCS #7
	maxHash      = 64 << 20             // bytes
	maxSignature = 1 << 20              // bytes
)

// A signature is what there is of it in a signed package.
type signature struct {
	Kind string `json:"kind"` // gpgName, x509Name or another; empty where there is none
	Hash []byte `json:"hash"` // what was signed
	Sig  []byte `json:"sig"`
}

// openSigned returns the package in r, which begins with archive.ArMagic, and
// what it is signed with. The reader fails at the first block that is not the
// one that was signed; who signed is for checkSignature to tell.
func openSigned(r io.Reader) (io.Reader, *signedHash, *signature, error) {
	ar, err := archive.NewArReader(r)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &signature{}
	for {
		name, size, err := ar.Next()
		switch {
		case err == io.EOF:
			return nil, nil, nil, errors.New("it is an ar archive without a package in it")
		case err != nil:
			return nil, nil, nil, err
		case !strings.HasPrefix(name, "+") && s.Hash != nil:
			h, err := parseHash(s.Hash)
			if err == nil && h.size != size {
				err = fmt.Errorf("its signature is of %d bytes, it has %d", h.size, size)
			}
			return &blockReader{r: ar, hash: h, left: size}, h, s, err
		case name == hashName && s.Hash == nil:
			s.Hash, err = readMember(ar, name, size, maxHash)
		case strings.HasPrefix(name, "+PKG_") && name != hashName && s.Kind == "":
			s.Kind = name
			s.Sig, err = readMember(ar, name, size, maxSignature)
		default:
			err = fmt.Errorf("it is an ar archive that begins with %.40q, no signed package", name)
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
}

// readMember reads a member of no more than limit bytes.
func readMember(r io.Reader, name string, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%s of the signed package has %d bytes, more than %d", name, size, limit)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s of the signed package: %w", name, err)
	}
	return b, nil
}

// A signedHash is a +PKG_HASH.
type signedHash struct {
	name      string // of the package, with its version
	blockSize int64
	size      int64    // of the package's file
	blocks    []string // SHA-512 of each block, hex; the last one may be shorter
}

// Sizes of blocks, of which pkg_install writes 64 KiB.
const (
	minBlock = 1 << 10
	maxBlock = 16 << 20
)

// parseHash reads a +PKG_HASH: lines of words before digits, an empty line,
// the digests and an end.
func parseHash(b []byte) (*signedHash, error) {
	bad := errors.New("its " + hashName + " is damaged")
	head, digests, ok := strings.Cut(string(b), "\n\n")
	if !ok || head != "pkgsrc signature" {
		return nil, bad
	}
	head, digests, ok = strings.Cut(digests, "\n\n")
	digests, ended := strings.CutSuffix(digests, "end pkgsrc signature\n")
	lines := strings.Split(head, "\n")
	if !ok || !ended || len(lines) != 5 || lines[0] != "version: 1" || lines[2] != "algorithm: SHA512" {
		return nil, bad
	}
	h := &signedHash{blocks: strings.Fields(digests)}
	h.name, ok = strings.CutPrefix(lines[1], "pkgname: ")
	var err, serr error
	h.blockSize, err = strconv.ParseInt(strings.TrimPrefix(lines[3], "block size: "), 10, 64)
	h.size, serr = strconv.ParseInt(strings.TrimPrefix(lines[4], "file size: "), 10, 64)
	if !ok || err != nil || serr != nil || h.blockSize < minBlock || h.blockSize > maxBlock || h.size < 1 {
		return nil, bad
	}
	if n := (h.size-1)/h.blockSize + 1; n != int64(len(h.blocks)) {
		return nil, fmt.Errorf("%w: it has %d blocks, the package has %d", bad, len(h.blocks), n)
	}
	return h, nil
}

// A blockReader hands on blocks that were checked.
type blockReader struct {
	r    io.Reader
	hash *signedHash
	left int64 // bytes that are not yet read from r
	next int   // block
	buf  bytes.Buffer
}

// Read implements io.Reader.
func (b *blockReader) Read(p []byte) (int, error) {
	if b.buf.Len() == 0 {
		if b.left == 0 {
			return 0, io.EOF
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	return b.buf.Read(p)
}

// fill reads the next block.
func (b *blockReader) fill() error {
	size := min(b.left, b.hash.blockSize)
	b.buf.Reset()
	if _, err := io.CopyN(&b.buf, b.r, size); err != nil {
		b.buf.Reset()
		return io.ErrUnexpectedEOF
	}
	sum := sha512.Sum512(b.buf.Bytes())
	if got := hex.EncodeToString(sum[:]); got != b.hash.blocks[b.next] {
		b.buf.Reset()
		return fmt.Errorf("its block %d is not the one that was signed: its SHA-512 is %.16s…, signed was %.16s…", b.next, got, b.hash.blocks[b.next])
	}
	b.left, b.next = b.left-size, b.next+1
	return nil
}

package kernel

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

const (
	// maxUnpacked is the most that anything may unpack to, in bytes. An
	// allmodconfig vmlinux has some 100 MB.
	maxUnpacked = 512 << 20
	// maxWindow is the largest dictionary or window taken, in bytes: Linux
	// packs with up to 128 MiB.
	maxWindow = 128 << 20
)

var gzipMagic = []byte{0x1f, 0x8b, 8}

// compressions are those that Linux's build knows, by the first bytes
// (lib/decompress.c). Those without open are told apart for the message.
var compressions = []struct {
	name string
	mark string
	open func(io.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"xz", "\xfd7zXZ\x00", openXZ},
	{"zstd", "\x28\xb5\x2f\xfd", openZstd},
	{"bzip2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"lz4", "\x02\x21\x4c\x18", openLZ4},
	{"lzma", "\x5d\x00\x00", nil},
	{"lzo", "\x89LZO", nil},
}

func openXZ(r io.Reader) (io.Reader, error) {
	z, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

func openZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// compressionOf names the compression of p.
func compressionOf(p *io.SectionReader) (string, error) {
	head := make([]byte, min(8, p.Size()))
	if err := readAt(p, head, 0, p.Size()); err != nil {
		return "", err
	}
	for _, c := range compressions {
		if bytes.HasPrefix(head, []byte(c.mark)) {
			return c.name, nil
		}
	}
	return "", errors.New("compressed in an unknown way")
}

// unpackPayload unpacks a bzImage's kernel and checks its length.
func unpackPayload(p *io.SectionReader) ([]byte, error) {
	name, err := compressionOf(p)
	if err != nil {
		return nil, err
	}
	if p.Size() < 8 {
		return nil, errors.New("damaged bzImage: it holds no kernel")
	}
	var last [4]byte
	if err := readAt(p, last[:], p.Size()-4, p.Size()); err != nil {
		return nil, err
	}
	want := binary.LittleEndian.Uint32(last[:])
	n := p.Size()
	if name != "gzip" {
		n -= 4
	}
	b, err := unpack(io.NewSectionReader(p, 0, n), name, int64(want))
	if err == nil && len(b) != int(want) {
		err = fmt.Errorf("damaged %s data: it unpacks to %d bytes, not %d", name, len(b), want)
	}
	return b, err
}

// gunzip unpacks gzip data.
func gunzip(r io.Reader) ([]byte, error) { return unpack(r, "gzip", 0) }

// unpack unpacks all of r, up to maxUnpacked. expect is how much that will
// be, where it is known.
func unpack(r io.Reader, name string, expect int64) ([]byte, error) {
	for _, c := range compressions {
		if c.name != name {
			continue
		}
		if c.open == nil {
			return nil, fmt.Errorf("compressed with %s: not supported (gzip, xz, zstd, lz4 and bzip2 are)", name)
		}
		z, err := c.open(r)
		if err != nil {
			return nil, fmt.Errorf("damaged %s data: %w", name, err)
		}
		return readAll(z, name, expect)
	}
	return nil, fmt.Errorf("compressed with %s: not supported", name)
}

func readAll(z io.Reader, name string, expect int64) (_ []byte, err error) {
	if c, ok := z.(io.Closer); ok {
		// A reader's Close repeats the error of its last Read.
		defer func() {
			if e := c.Close(); err == nil {
				err = e
			}
		}()
	}
	var buf bytes.Buffer
	// The size comes from the file: trust it only as far as to save copies
	// of what kernels usually have.
	buf.Grow(int(min(max(expect, 0), 64<<20)) + bytes.MinRead)
	n, err := io.Copy(&buf, io.LimitReader(z, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("damaged %s data: %w", name, err)
	}
	if n > maxUnpacked {
		return nil, fmt.Errorf("%s data that unpacks to more than %d MiB", name, maxUnpacked>>20)
	}
	return buf.Bytes(), nil
}

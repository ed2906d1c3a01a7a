// Package archive reads tar archives that anyone may have made, compressed or
// not, and writes them in one canonical form. Nothing is written to the host
// by a name that an archive has: its entries are those of a tree.
//
// The formats are tar(5) with its ustar, pax and GNU forms, gzip (RFC 1952),
// bzip2, xz and zstd (RFC 8878).
package archive

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// Memory of decompressors, in bytes, that data may ask for.
const (
	maxXZDict     = 128 << 20 // as Linux is packed with; xz -9 takes half of it
	maxZstdWindow = 128 << 20 // as zstd --ultra -22 takes
)

// formats are the compressions by how their data begins.
var formats = []struct {
	name, mark string
	open       func(io.Reader) (io.ReadCloser, error)
}{
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
	{"xz", "\xfd7zXZ\x00", openXZ},
	{"zstd", zstdMark, openZstd},
}

// A frame of zstd data begins with zstdMark, or, where it is to be skipped,
// with any byte from 0x50 to 0x5f and skippedMark (RFC 8878, 3.1).
const (
	zstdMark    = "\x28\xb5\x2f\xfd"
	skippedMark = "\x2a\x4d\x18"
)

// longestMark is the length of the longest one in bytes.
const longestMark = 6

func openXZ(r io.Reader) (io.ReadCloser, error) {
	z, err := xz.NewReader(r, maxXZDict)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(z), nil
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// Decompress returns what r holds, unpacked where it begins like gzip, bzip2,
// xz or zstd data, else as it is. There is no limit to what comes out: that is
// for the reader to set, as ReadTar does. Close frees memory; it leaves r open.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(longestMark)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) > 0 && head[0]>>4 == 5 && strings.HasPrefix(string(head[1:]), skippedMark) {
		head = []byte(zstdMark)
	}
	for _, f := range formats {
		if !strings.HasPrefix(string(head), f.mark) {
			continue
		}
		z, err := f.open(br)
		if err != nil {
			return nil, fmt.Errorf("damaged %s data: %w", f.name, err)
		}
		return &unpacked{z, f.name}, nil
	}
	return io.NopCloser(br), nil
}

// unpacked names the format in errors.
type unpacked struct {
	io.ReadCloser
	name string
}

// Read implements io.Reader.
func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("damaged %s data: %w", u.name, err)
	}
	return n, err
}

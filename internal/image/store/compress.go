package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how layers are packed outside of the store.
type Compression string

// The compressions.
const (
	Zstd Compression = "zstd" // what "" means
	Gzip Compression = "gzip" // for programs of before 2022
)

// mediaTypes are those of layers so compressed.
func (c Compression) mediaType() types.MediaType {
	if c == Gzip {
		return types.OCILayer
	}
	return types.OCILayerZStd
}

// writer returns a compressor with the same result for the same bytes: one
// thread, a fixed level, no time and no name.
func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.DefaultCompression)
	case Zstd, "":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(zstdWindow))
	}
	return nil, fmt.Errorf("no compression is called %q: want %s or %s", c, Zstd, Gzip)
}

// zstdWindow is what a reader needs of memory, in bytes: what every program
// that unpacks layers allows (RFC 8878, section 3.1.1.1.2).
const zstdWindow = 8 << 20

// A packed is a layer's compressed archive in a file.
type packed struct {
	path   string
	digest string // "sha256:" and hex
	size   int64  // bytes
}

// compress writes the layer's archive into a new file of dir.
func (s *Store) compress(ctx context.Context, diffID, dir string, c Compression) (_ packed, err error) {
	l, err := s.readLayer(diffID)
	if err != nil {
		return packed{}, err
	}
	p := packed{path: filepath.Join(dir, hexOf(diffID)+"."+string(c))}
	f, err := os.Create(p.path)
	if err != nil {
		return packed{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, plain := sha256.New(), sha256.New()
	count := &countWriter{w: io.MultiWriter(f, sum)}
	z, err := c.writer(count)
	if err != nil {
		return packed{}, err
	}
	if err := l.writeTar(ctx, io.MultiWriter(z, plain)); err != nil {
		return packed{}, errors.Join(err, z.Close())
	}
	if err := z.Close(); err != nil {
		return packed{}, err
	}
	if got := digestPrefix + hex.EncodeToString(plain.Sum(nil)); got != diffID {
		return packed{}, fmt.Errorf("layer %s: its files are no longer what they were (the archive has the digest %s): build, pull or load the image again", short(diffID), got)
	}
	p.digest, p.size = digestPrefix+hex.EncodeToString(sum.Sum(nil)), count.n
	return p, nil
}

// countWriter counts bytes.
type countWriter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

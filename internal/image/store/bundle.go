package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Bounds of an archive of images.
const (
	maxBundleFiles = 20_000
	maxBundle      = 256 << 30 // bytes, unpacked
)

// A bundle is the files that images are in: an archive's, or a folder's.
type bundle interface {
	// open opens a file, and returns its size. The error is fs.ErrNotExist
	// where there is none.
	open(name string) (io.ReadCloser, int64, error)
}

// A folder is a bundle that lies unpacked. Links can't lead out of it.
type folder struct{ root *os.Root }

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	fi, err := file.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is no ordinary file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, fi.Size(), nil
}

// A tarball is a bundle in a tar archive that is not compressed.
type tarball struct {
	file  io.ReaderAt
	files map[string]part
	links map[string]string // symbolic and hard ones, to other names in it
}

type part struct{ at, size int64 } // bytes

func (t tarball) open(name string) (io.ReadCloser, int64, error) {
	p, ok := t.files[name]
	if !ok {
		p, ok = t.files[t.links[name]]
	}
	if !ok {
		return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(t.file, p.at, p.size)), p.size, nil
}

// indexTar finds out where the files of an archive are. Of two of one name the
// later one counts.
func indexTar(ctx context.Context, f io.ReadSeeker) (tarball, error) {
	t := tarball{files: map[string]part{}, links: map[string]string{}}
	r := tar.NewReader(f)
	for n := 0; ; n++ {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return t, nil
		case ctx.Err() != nil:
			return t, ctx.Err()
		case err != nil:
			return t, err
		case n >= maxBundleFiles:
			return t, fmt.Errorf("it has more than %d files: that is no archive of images", maxBundleFiles)
		}
		if err := t.note(h, f); err != nil {
			return t, err
		}
	}
}

func (t tarball) note(h *tar.Header, f io.Seeker) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		for k := range h.PAXRecords {
			if strings.HasPrefix(k, "GNU.sparse") {
				return fmt.Errorf("%q in it is a sparse file: make the archive without", h.Name)
			}
		}
		t.files[name] = part{at, h.Size}
	case tar.TypeSymlink: // docker's of old are relative
		t.links[name] = path.Join(path.Dir(name), h.Linkname)
	case tar.TypeLink:
		t.links[name] = path.Clean(h.Linkname)
	}
	return nil
}

// openTar opens an archive, which is unpacked into a file of dir first if it is
// compressed or not a file. What is unpacked goes away with close.
func openTar(ctx context.Context, r io.Reader, dir string) (_ tarball, close func() error, _ error) {
	f, ok := r.(*os.File)
	if ok && isPlainTar(f) {
		t, err := indexTar(ctx, f)
		t.file = f
		return t, func() error { return nil }, err
	}
	tmp, err := os.CreateTemp(dir, "archive-*")
	if err != nil {
		return tarball{}, nil, err
	}
	remove := func() error { return errors.Join(tmp.Close(), os.Remove(tmp.Name())) }
	err = spool(ctx, tmp, r)
	var t tarball
	if err == nil {
		t, err = indexTar(ctx, tmp)
		t.file = tmp
	}
	if err != nil {
		return tarball{}, nil, errors.Join(err, remove())
	}
	return t, remove, nil
}

// spool unpacks r into tmp, and goes back to its start.
func spool(ctx context.Context, tmp *os.File, r io.Reader) error {
	plain, err := archive.Decompress(r)
	if err != nil {
		return err
	}
	defer plain.Close() // frees memory; was only read
	n, err := io.Copy(tmp, io.LimitReader(tree.Interruptible(ctx, plain), maxBundle+1))
	if err != nil {
		return err
	}
	if n > maxBundle {
		return fmt.Errorf("it unpacks to more than %d GiB", maxBundle>>30)
	}
	_, err = tmp.Seek(0, io.SeekStart)
	return err
}

// isPlainTar reports whether f is a file with a tar archive at its start.
func isPlainTar(f *os.File) bool {
	const magicAt = 257 // in the header's block, of ustar and GNU's form alike
	fi, err := f.Stat()
	b := make([]byte, 5)
	if err != nil || !fi.Mode().IsRegular() {
		return false
	}
	_, err = f.ReadAt(b, magicAt)
	return err == nil && string(b) == "ustar"
}

// A layout is a bundle in the form of the image specification ("OCI Image
// Layout"): blobs by their digests.
type layout struct{ bundle }

func blobName(digest string) string { return "blobs/sha256/" + hexOf(digest) }

// open implements depot.
func (l layout) open(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	if !isDigest(d.Digest.String()) {
		return nil, fmt.Errorf("%q is no SHA-256 digest", d.Digest)
	}
	r, size, err := l.bundle.open(blobName(d.Digest.String()))
	if err == nil && d.Size > 0 && size != d.Size {
		err = errors.Join(fmt.Errorf("%s has %d bytes, not %d", blobName(d.Digest.String()), size, d.Size), r.Close())
	}
	return r, err
}

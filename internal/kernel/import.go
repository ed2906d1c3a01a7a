package kernel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// tempPattern names what is not yet, or no longer, a part of the store.
const tempPattern = atomicfile.Prefix + "*"

// Import copies the kernel at path into the store and names it; an empty name
// gives it none. A name that another kernel has moves to this one. A gzipped
// ELF kernel is stored unpacked, and of a Linux bzImage the vmlinux within,
// which QEMU enters through PVH. Kernels that can't boot are taken too: their
// Info says why.
func (s *Store) Import(ctx context.Context, name, path string) (Kernel, error) {
	return s.importFile(ctx, name, path, path)
}

// importFile imports the file at path; origin tells where it came from.
func (s *Store) importFile(ctx context.Context, name, path, origin string) (_ Kernel, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Kernel{}, fmt.Errorf("import kernel %s: %w", origin, bare(err))
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return Kernel{}, fmt.Errorf("import kernel %s: %w", origin, bare(err))
	}
	if !fi.Mode().IsRegular() {
		return Kernel{}, fmt.Errorf("import kernel %s: %w: %s", origin, ErrNotKernel, kindOf(fi.Mode()))
	}
	k, err := s.add(ctx, name, origin, func(d *draft) error {
		return d.writeKernel(ctx, f, fi.Size())
	})
	if err != nil {
		return Kernel{}, fmt.Errorf("import kernel %s: %w", origin, err)
	}
	return k, nil
}

// A draft is a kernel's folder before it has its final name.
type draft struct {
	dir     string
	info    Info
	modules []string // file names below modules/
	sums    []byte   // "digest name\n" of each module
}

// add builds a kernel's folder with fill and puts it in its place.
func (s *Store) add(ctx context.Context, name, origin string, fill func(*draft) error) (_ Kernel, err error) {
	if name != "" && !isName(name) {
		return Kernel{}, fmt.Errorf("%q can't be a kernel's name (letters, digits, and . _ + - after the first)", name)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return Kernel{}, err
	}
	sweep(s.Dir)
	d := draft{}
	if d.dir, err = os.MkdirTemp(s.Dir, tempPattern); err != nil {
		return Kernel{}, err
	}
	defer func() { err = both(err, os.RemoveAll(d.dir)) }()
	if err := fill(&d); err != nil {
		return Kernel{}, err
	}
	digest, err := d.finish(origin)
	if err != nil {
		return Kernel{}, err
	}
	return s.publish(ctx, name, digest, d.dir)
}

// publish moves a finished folder to its digest, unless that is there, and
// names it.
func (s *Store) publish(ctx context.Context, name, digest, dir string) (k Kernel, err error) {
	err = s.locked(ctx, func() error {
		ix, err := s.readIndex()
		if err != nil {
			return err
		}
		to := filepath.Join(s.Dir, digest)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
			if err := both(os.Rename(dir, to), syncDir(s.Dir)); err != nil {
				return err
			}
		}
		if name != "" {
			ix.Names[name] = digest
			if err := s.writeIndex(ix); err != nil {
				return err
			}
		}
		k, err = s.load(digest, ix)
		return err
	})
	return k, err
}

// writeKernel stores the kernel in r in the form in which QEMU takes it, and
// inspects what it stored.
func (d *draft) writeKernel(ctx context.Context, r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, headSize))
	if err := readAt(r, head, 0, size); err != nil {
		return err
	}
	var src io.Reader = io.NewSectionReader(r, 0, size)
	switch {
	case isBzImage(head):
		b, err := bootableLinux(r, size)
		if err != nil {
			return err
		}
		if b != nil {
			src = bytes.NewReader(b)
		}
	case bytes.HasPrefix(head, gzipMagic):
		b, err := gunzip(src)
		if err != nil {
			return err
		}
		src = bytes.NewReader(b)
	case !bytes.HasPrefix(head, []byte("\x7fELF")):
		return fmt.Errorf("%w: %s", ErrNotKernel, identify(head))
	}
	path := filepath.Join(d.dir, "kernel")
	err := atomicfile.Write(path, 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, limited(ctx, src))
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	d.info, err = Inspect(path)
	return unprefixed(err)
}

// bootableLinux unpacks a bzImage's vmlinux, or returns nil where that can't
// be entered through PVH: then QEMU must boot the bzImage itself.
func bootableLinux(r io.ReaderAt, size int64) ([]byte, error) {
	b, err := extractVmlinux(r, size)
	if err != nil {
		return nil, err
	}
	i, err := InspectReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("the vmlinux in the bzImage: %w", err)
	}
	if !slices.Contains(i.Boot, BootPVH) {
		return nil, nil
	}
	return b, nil
}

// finish writes info.json and returns the digest.
func (d *draft) finish(origin string) (string, error) {
	digest, err := fileDigest(filepath.Join(d.dir, "kernel"))
	if err != nil {
		return "", err
	}
	if len(d.modules) > 0 {
		digest = sum(append([]byte(digest+" kernel\n"), d.sums...))
	}
	b, err := json.MarshalIndent(record{
		Version: recordVersion, Digest: digest, Origin: origin,
		Imported: time.Now().UTC().Truncate(time.Second), Info: d.info, Modules: d.modules,
	}, "", "  ")
	if err != nil {
		return "", err
	}
	return digest, atomicfile.WriteFile(filepath.Join(d.dir, "info.json"), append(b, '\n'), 0o644)
}

// sweep removes what was left in a folder of ours by who was killed, a day
// later. It is a courtesy: what it can't remove, the next one may.
func sweep(dir string) { _ = atomicfile.Sweep(dir, atomicfile.Prefix, atomicfile.Stale) }

// limited stops reading when ctx ends, and fails above maxUnpacked bytes.
func limited(ctx context.Context, r io.Reader) io.Reader {
	return &limitedReader{ctx: ctx, r: r, left: maxUnpacked}
}

type limitedReader struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("more than %d MiB", maxUnpacked>>20)
	}
	return n, err
}

// unprefixed drops the "kernel <temporary path>: " of Inspect's error.
func unprefixed(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// FileDigest returns the hex SHA-256 of a kernel file, which is Kernel.Digest
// where there are no modules.
func FileDigest(path string) (string, error) {
	d, err := fileDigest(path)
	if err != nil {
		return "", fmt.Errorf("kernel %s: %w", path, bare(err))
	}
	return d, nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sum(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return both(d.Sync(), d.Close())
}

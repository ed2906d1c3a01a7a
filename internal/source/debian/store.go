package debian

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// An unpacked package is one file, <sha256 of the .deb>.files: the bytes of
// its regular files one after another, then an index in JSON, then a trailer.
//
//	offset from the end  bytes  what
//	16                   8      length of the index in bytes, little-endian
//	8                    8      storeMagic
const (
	storeMagic    = "fc-deb-1"
	storeTrailer  = 16
	maxStoreIndex = 1 << 30 // bytes
)

// formatVersion is counted up when the index gets another form.
const formatVersion = 1

// index is what an unpacked package's file says about itself.
type index struct {
	Version int          `json:"version"`
	Control control      `json:"control"`
	Entries []tree.Entry `json:"entries"` // Content.Host is filled on reading
}

// load returns the unpacked packages, unpacking those that are not yet, two
// at a time.
func (s *Source) load(ctx context.Context, pkgs []Package) ([]index, error) {
	all, errs := make([]index, len(pkgs)), make([]error, len(pkgs))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := range next {
				if all[i], errs[i] = s.loadOne(ctx, pkgs[i]); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range pkgs {
		next <- i
	}
	close(next)
	workers.Wait()
	for i, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("unpack %s: %w", pkgs[i], err)
		}
	}
	return all, errors.Join(errs...)
}

func (s *Source) loadOne(ctx context.Context, p Package) (index, error) {
	if err := ctx.Err(); err != nil {
		return index{}, err
	}
	x, err := readStore(s.unpacked(p))
	if err == nil {
		return x, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		s.log().Warn("unpack again", "package", p.Name, "err", err)
	}
	f, err := os.Open(s.deb(p))
	if errors.Is(err, os.ErrNotExist) {
		return readStore(s.unpacked(p)) // another process has unpacked and removed it
	}
	if err != nil {
		return index{}, err
	}
	x, err = s.unpackLocked(ctx, p, f)
	return x, errors.Join(err, f.Close())
}

// unpackLocked unpacks the package that f has open, unless another process
// does so meanwhile: the lock is on the .deb itself, which goes with it.
func (s *Source) unpackLocked(ctx context.Context, p Package, f *os.File) (index, error) {
	if err := flock(ctx, f); err != nil {
		return index{}, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if x, err := readStore(s.unpacked(p)); err == nil {
		return x, nil
	}
	s.progress("unpack " + p.String())
	if err := unpack(ctx, f, s.unpacked(p), p.SHA256); err != nil {
		return index{}, err
	}
	// All of it is in the other file.
	if err := os.Remove(s.deb(p)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return index{}, err
	}
	return readStore(s.unpacked(p))
}

// unpack makes the file at to from the package deb, whose bytes must have the
// SHA-256 digest.
func unpack(ctx context.Context, deb *os.File, to, digest string) error {
	h := sha256.New()
	r := io.TeeReader(deb, h)
	return atomicfile.Write(to, 0o644, func(w io.Writer) error {
		bw := bufio.NewWriterSize(w, 1<<18)
		st := &storer{w: bw}
		c, err := readDeb(ctxReader{ctx, r}, st.add)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil { // what is behind data.tar
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != digest {
			return fmt.Errorf("%s has SHA256 %s, not %s: remove it and try again", deb.Name(), got, digest)
		}
		if err := st.finish(index{Version: formatVersion, Control: c, Entries: st.entries}); err != nil {
			return err
		}
		return bw.Flush()
	})
}

// ctxReader ends with ctx.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// storer writes the bytes of files, and keeps the entries that point to them.
type storer struct {
	w       io.Writer
	off     int64
	entries []tree.Entry
}

// types are the entries that a package may have.
var types = map[byte]tree.Type{
	tar.TypeReg: tree.File, tar.TypeDir: tree.Dir, tar.TypeSymlink: tree.Symlink, tar.TypeLink: tree.Hardlink,
	tar.TypeChar: tree.Char, tar.TypeBlock: tree.Block, tar.TypeFifo: tree.FIFO,
}

func (st *storer) add(h *tar.Header, r io.Reader) error {
	t, ok := types[h.Typeflag]
	if !ok {
		return fmt.Errorf("entry of type %q", h.Typeflag)
	}
	if h.Uid < 0 || h.Gid < 0 || h.Devmajor < 0 || h.Devminor < 0 {
		return errors.New("negative owner or device")
	}
	e := tree.Entry{
		Path: h.Name, Type: t, Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid),
		ModTime: h.ModTime.UTC(), Major: uint32(h.Devmajor), Minor: uint32(h.Devminor),
	}
	if t == tree.Symlink || t == tree.Hardlink {
		e.Link = h.Linkname
	}
	if t == tree.Symlink {
		e.Mode = 0o777 // no system looks at another
	}
	if t == tree.File {
		digest, n, err := tree.DigestOf(io.TeeReader(r, st.w))
		if err != nil {
			return err
		}
		e.Digest, e.Size, e.Content.Offset = digest, n, st.off
		st.off += n
	}
	st.entries = append(st.entries, e)
	return nil
}

// finish writes the index and the trailer.
func (st *storer) finish(x index) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	trailer := append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), storeMagic...)
	_, err = st.w.Write(append(b, trailer...))
	return err
}

// readStore reads the index of an unpacked package.
func readStore(p string) (x index, err error) {
	f, err := os.Open(p)
	if err != nil {
		return index{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return index{}, err
	}
	var trailer [storeTrailer]byte
	if _, err := f.ReadAt(trailer[:], fi.Size()-storeTrailer); err != nil || string(trailer[8:]) != storeMagic {
		return index{}, fmt.Errorf("%s is damaged", p)
	}
	size := binary.LittleEndian.Uint64(trailer[:])
	if size > maxStoreIndex || int64(size) > fi.Size()-storeTrailer {
		return index{}, fmt.Errorf("%s is damaged", p)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, fi.Size()-storeTrailer-int64(size)); err != nil {
		return index{}, err
	}
	if err := json.Unmarshal(b, &x); err != nil || x.Version != formatVersion {
		return index{}, fmt.Errorf("%s is damaged, or another version's", p)
	}
	for i := range x.Entries {
		if x.Entries[i].Type == tree.File {
			x.Entries[i].Content.Host = p
		}
	}
	return x, nil
}

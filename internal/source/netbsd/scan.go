package netbsd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// inMemory is how long an ELF file may be to be looked at in memory, in bytes;
// a longer one goes through a temporary file. Of a release's sets some dozens
// are longer, most of them in debug.tar.xz.
const inMemory = 8 << 20

// What a set may unpack to: leastInflated bytes, or inflation times the size
// of its archive, whatever is more. Real ones unpack to some five times; the
// largest, debug.tar.xz of amd64, has 700 MB.
const (
	leastInflated = 1 << 30 // bytes
	inflation     = 100
	maxEntries    = 1 << 20 // each takes memory
)

// limits bounds what an archive of so many bytes may have in it.
func limits(size int64) archive.Limits {
	return archive.Limits{Bytes: max(leastInflated, inflation*size), Entries: maxEntries}
}

// readArchive hands the entries of the archive at path to add, as
// archive.ReadTar does, and reads on to the end of the file where all of them
// were wanted. raw, if not nil, gets the archive's own bytes.
func readArchive(ctx context.Context, path string, raw io.Writer, add func(e tree.Entry, body io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return bare(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return bare(err)
	}
	var in io.Reader = bufio.NewReaderSize(f, 1<<18)
	if raw != nil {
		in = io.TeeReader(in, raw)
	}
	unpacked, err := archive.Decompress(in)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := unpacked.Close(); err == nil { // after an error it says the same
			err = cerr
		}
	}()
	if err := archive.ReadTar(ctx, unpacked, limits(fi.Size()), add); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// scan reads the archive at path from end to end. Long files are looked at
// through a temporary file in dir.
func scan(ctx context.Context, path, dir string) (_ *index, err error) {
	s := scanner{dir: dir, found: make(map[string]scanned)}
	defer func() { err = errors.Join(err, s.close()) }()
	sum := sha256.New()
	size := counter(0)
	if err := readArchive(ctx, path, io.MultiWriter(sum, &size), s.add); err != nil {
		return nil, err
	}
	ix, err := s.settle()
	if err != nil {
		return nil, err
	}
	ix.digest, ix.size = "sha256:"+hex.EncodeToString(sum.Sum(nil)), int64(size)
	return ix, nil
}

// counter counts the bytes that are written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// scanner collects what an archive has.
type scanner struct {
	dir   string
	n     int64 // entries read
	found map[string]scanned
	buf   []byte
	spill *os.File // of no name, or nil
}

// scanned is an entry and what it needs, if anything.
type scanned struct {
	entry tree.Entry
	needs *need
}

// add takes the next entry. Of two with one path the later one counts.
func (s *scanner) add(e tree.Entry, body io.Reader) error {
	one := scanned{entry: e}
	one.entry.Content.Offset = s.n
	one.entry.Why = ""
	s.n++
	if e.Type == tree.File {
		n, err := s.look(e, body)
		if err != nil {
			return err
		}
		if n.problem != "" || n.needs != (tree.Needs{}) {
			one.needs = &n
		}
	}
	s.found[e.Path] = one
	return nil
}

// look reads what a file needs. That its bytes say it badly is no error of the
// archive's.
func (s *scanner) look(e tree.Entry, body io.Reader) (need, error) {
	r, err := s.random(e, body)
	if err != nil || r == nil {
		return need{}, err
	}
	needs, err := tree.ReadNeeds(r)
	if err != nil {
		return need{problem: oneLine(err.Error())}, nil
	}
	return need{needs: needs}, nil
}

// random returns the file for reading anywhere in it, or nil where its first
// bytes show that it needs nothing. It is good until the next call.
func (s *scanner) random(e tree.Entry, body io.Reader) (io.ReaderAt, error) {
	const marks = 4096 // more than the first line of a script may have
	if s.buf == nil {
		s.buf = make([]byte, inMemory)
	}
	head := s.buf[:min(e.Size, marks)]
	if _, err := io.ReadFull(body, head); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return bytes.NewReader(head), nil
	case !bytes.HasPrefix(head, []byte("\x7fELF")):
		return nil, nil
	case e.Size <= inMemory:
		_, err := io.ReadFull(body, s.buf[len(head):e.Size])
		return bytes.NewReader(s.buf[:e.Size]), err
	}
	return s.throughFile(io.MultiReader(bytes.NewReader(head), body))
}

// throughFile copies body to the temporary file.
func (s *scanner) throughFile(body io.Reader) (io.ReaderAt, error) {
	if s.spill == nil {
		f, err := os.CreateTemp(s.dir, atomicfile.Prefix+"*")
		if err != nil {
			return nil, err
		}
		s.spill = f
		if err := os.Remove(f.Name()); err != nil {
			return nil, err
		}
	}
	if err := s.spill.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := s.spill.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	_, err := io.Copy(s.spill, body)
	return s.spill, err
}

func (s *scanner) close() error {
	if s.spill == nil {
		return nil
	}
	return s.spill.Close()
}

// settle sorts what was found and sees to it that each Hardlink names a File.
func (s *scanner) settle() (*index, error) {
	ix := &index{entries: make([]tree.Entry, 0, len(s.found))}
	for i, p := range slices.Sorted(maps.Keys(s.found)) {
		one, err := s.follow(p)
		if err != nil {
			return nil, err
		}
		ix.entries = append(ix.entries, one.entry)
		if one.needs != nil && one.entry.Type == tree.File {
			one.needs.entry = i
			ix.needs = append(ix.needs, *one.needs)
		}
	}
	return ix, ix.check()
}

// follow returns the entry at p. A Hardlink of a link becomes one of the file
// itself; one of what is no file, such as a symbolic link or a device, becomes
// the like of that.
func (s *scanner) follow(p string) (scanned, error) {
	one := s.found[p]
	if one.entry.Type != tree.Hardlink {
		return one, nil
	}
	to, ok := one, true
	for range len(s.found) {
		if !ok || to.entry.Type != tree.Hardlink {
			break
		}
		to, ok = s.found[to.entry.Link]
	}
	switch {
	case !ok || to.entry.Type == tree.Hardlink || to.entry.Type == tree.Dir:
		return one, fmt.Errorf("%s is another name of %s, which is no file of it", p, one.entry.Link)
	case to.entry.Type == tree.File:
		one.entry.Link = to.entry.Path
		return one, nil
	}
	to.entry.Path = p
	return to, nil
}

// oneLine makes a text fit into a message.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

package pkgsrc

import (
	"bufio"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// What a package may be. The largest real ones have 5 GB in 100,000 files.
const (
	maxPackageEntries = 1 << 20
	maxMetaFiles      = 64
	maxMeta           = maxContents + 1<<20 // bytes of those together

	// A package unpacks to leastInflated bytes, or inflation times the size of
	// its file, whatever is more. Real ones unpack to some ten times.
	leastInflated = 256 << 20
	inflation     = 100
)

// unpacked is a package that was unpacked into a pack: its files are the
// pack's entries, below the prefix, as the archive has them. What the packing
// list says of their modes and owners is not yet applied.
type unpacked struct {
	// Format is counted up when the rest gets another form.
	Format int               `json:"format"`
	Digest string            `json:"digest"` // of the package's file, "sha256:…"
	Size   int64             `json:"size"`   // of it, bytes
	Meta   map[string]string `json:"meta"`   // the files +CONTENTS, +INSTALL and so on

	Signature *signature `json:"signature,omitempty"` // nil where it is in no signed archive

	list    *plist
	entries []tree.Entry
}

const unpackedFormat = 2

// readUnpacked opens the pack at p.
func readUnpacked(p string) (*unpacked, error) {
	u := &unpacked{}
	var err error
	if u.entries, err = pack.Read(p, u); err != nil {
		return nil, err
	}
	if u.Format != unpackedFormat {
		return nil, fmt.Errorf("read %s: %w", p, pack.ErrDamaged)
	}
	u.list, err = parsePlist(u.Meta["+CONTENTS"])
	return u, err
}

// unpack makes the pack at to from the package e, whose file is at from.
func unpack(ctx context.Context, e *entry, from, to string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	var wrong error // with the package, which to has nothing to do with
	err = pack.Create(to, func(w *pack.Writer) error {
		u := &unpacker{unpacked: unpacked{Format: unpackedFormat, Meta: make(map[string]string)}, w: w, seen: make(map[string]bool)}
		wrong = u.unpack(ctx, e, f, fi.Size())
		w.Meta(&u.unpacked)
		return wrong
	})
	if wrong != nil {
		return wrong
	}
	return err
}

// An unpacker reads one package's archive: first the files whose names begin
// with a plus sign, then those that the packing list among them names.
type unpacker struct {
	unpacked
	w     *pack.Writer
	files map[string]plistLine // of the packing list; nil while that is not read
	hash  *signedHash          // of a signed package
	meta  int64                // bytes of Meta
	seen  map[string]bool      // files that were there
}

// unpack reads the package e in r, whose file has size bytes, and checks that
// it is the one listed.
func (u *unpacker) unpack(ctx context.Context, e *entry, r io.Reader, size int64) error {
	sums := newSummer(e.Sum)
	l := archive.Limits{Bytes: max(leastInflated, inflation*size), Entries: maxPackageEntries}
	if err := u.read(ctx, io.TeeReader(r, sums), l); err != nil {
		return err
	}
	var err error
	if u.Digest, err = sums.digest(); err != nil {
		return err
	}
	if u.Size = sums.n; e.Size != 0 && e.Size != u.Size {
		return fmt.Errorf("it is %d bytes long, the repository says %d", u.Size, e.Size)
	}
	return u.complete(e)
}

// read reads r to its end.
func (u *unpacker) read(ctx context.Context, r io.Reader, l archive.Limits) error {
	b := bufio.NewReaderSize(r, 1<<16)
	var in io.Reader = b
	if head, err := b.Peek(len(archive.ArMagic)); err == nil && string(head) == archive.ArMagic {
		if in, u.hash, u.Signature, err = openSigned(b); err != nil {
			return err
		}
	}
	z, err := archive.Decompress(in)
	if err != nil {
		return err
	}
	if err := cmp.Or(archive.ReadTar(ctx, z, l, u.add), z.Close()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, b) // what is behind the archive counts for the digest
	return err
}

func (u *unpacker) add(e tree.Entry, body io.Reader) error {
	name := strings.TrimPrefix(e.Path, "/")
	if u.files == nil && strings.HasPrefix(name, "+") && !strings.Contains(name, "/") {
		return u.addMeta(name, e, body)
	}
	if u.files == nil {
		if err := u.openList(); err != nil {
			return err
		}
	}
	if e.Type == tree.Dir {
		return nil // packing lists have no folders but @pkgdir
	}
	line, ok := u.files[name]
	if !ok || u.seen[name] {
		return fmt.Errorf("it has the file %s, which its packing list has not, or not twice", name)
	}
	u.seen[name] = true
	e.Path = path.Join(u.list.prefix, name)
	if e.Type == tree.Hardlink {
		e.Link = path.Join(u.list.prefix, e.Link)
	}
	sum := md5.New()
	if body != nil {
		body = io.TeeReader(body, sum)
	}
	if _, err := u.w.Add(e, body); err != nil {
		return err
	}
	return check(e, line, hex.EncodeToString(sum.Sum(nil)))
}

// check compares what was unpacked with what the packing list says of it.
func check(e tree.Entry, line plistLine, sum string) error {
	if e.Type == tree.File && line.md5 != "" && line.md5 != sum {
		return fmt.Errorf("%s has the MD5 %s, the packing list says %s", line.arg, sum, line.md5)
	}
	if line.link != "" && (e.Type != tree.Symlink || line.link != e.Link) {
		return fmt.Errorf("%s is no symbolic link to %s, as the packing list says", line.arg, line.link)
	}
	return nil
}

// addMeta keeps one of the files that are about the package.
func (u *unpacker) addMeta(name string, e tree.Entry, body io.Reader) error {
	if u.meta += e.Size; e.Type != tree.File || u.meta > maxMeta || len(u.Meta) == maxMetaFiles {
		return fmt.Errorf("%s is no file that can be about a package", name)
	}
	b, err := io.ReadAll(io.LimitReader(body, maxMeta))
	if err != nil {
		return err
	}
	u.Meta[name] = string(b)
	return nil
}

func (u *unpacker) openList() error {
	text, ok := u.Meta["+CONTENTS"]
	if !ok {
		return errors.New("it does not begin with +CONTENTS: it is no package of pkgsrc")
	}
	var err error
	if u.list, err = parsePlist(text); err != nil {
		return err
	}
	u.files = u.list.files()
	return nil
}

// complete checks that the archive was the package e and had all its files.
func (u *unpacker) complete(e *entry) error {
	if u.files == nil { // none but those that begin with a plus sign
		if err := u.openList(); err != nil {
			return err
		}
	}
	if u.list.name != e.name() {
		return fmt.Errorf("it is the package %s", u.list.name)
	}
	if u.hash != nil && u.hash.name != e.name() {
		return fmt.Errorf("its signature is of the package %s", u.hash.name)
	}
	for _, name := range slices.Sorted(maps.Keys(u.files)) {
		if !u.seen[name] {
			return fmt.Errorf("it lacks %s, which its packing list has", name)
		}
	}
	return nil
}

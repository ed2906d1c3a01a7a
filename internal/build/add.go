package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// addAddress adds the file at a web address.
func (b *builder) addAddress(ctx context.Context, c copying, addr string) error {
	if b.Fetch == nil || b.Cache == "" {
		return fmt.Errorf("%s: nothing can be fetched here", addr)
	}
	u, err := url.Parse(addr)
	if err != nil {
		return err
	}
	name := path.Base(u.Path)
	if name == "/" || name == "." {
		if strings.HasSuffix(c.Dest, "/") || c.isFolder(path.Clean(c.Dest)) {
			return fmt.Errorf("%s: the address has no file's name in it: write the target in full, as in %s", addr, path.Join(c.Dest, "index.html"))
		}
		name = path.Base(c.Dest)
	}
	e, err := b.fetchFile(ctx, addr, c.Checksum, name)
	if err != nil {
		return err
	}
	e.Path = c.target(name)
	var part tree.Tree
	if err := c.put(&part, e); err != nil {
		return err
	}
	return b.mergeCopy(c, part)
}

// fetchFile gets the file at the address, once in a build, or takes the one of
// an earlier build that has the digest.
func (b *builder) fetchFile(ctx context.Context, addr, digest, name string) (tree.Entry, error) {
	from := addr + " " + digest
	if e, ok := b.fetched[from]; ok {
		return e, nil
	}
	b.volatile = b.volatile || digest == ""
	e, ok := b.keptFile(ctx, digest)
	if !ok {
		b.progress("fetch " + addr)
		err := b.Fetch.File(ctx, addr, digest, func(file string) error {
			var err error
			e, err = b.keepFile(ctx, file, name)
			return err
		})
		if err != nil {
			return e, err
		}
	}
	if b.fetched == nil {
		b.fetched = make(map[string]tree.Entry)
	}
	b.fetched[from] = e
	b.report.Fetched = append(b.report.Fetched, Fetched{addr, e.Digest})
	return e, nil
}

// keptFile returns the file of the digest that an earlier build got.
func (b *builder) keptFile(ctx context.Context, digest string) (tree.Entry, bool) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok {
		return tree.Entry{}, false
	}
	file := b.addPacks().file(filePack(hex))
	b.addPacks().use(ctx, file)
	entries, err := pack.Read(file, nil)
	if err != nil || len(entries) != 1 || entries[0].Digest != digest {
		return tree.Entry{}, false // it is got anew
	}
	e := entries[0]
	e.ModTime = b.time()
	return e, true
}

// filePack names the pack of one file by its SHA-256.
func filePack(hex string) string { return hex + "-file" }

// keepFile keeps the bytes of a host file in the cache, and returns an entry
// of the name for them, with the mode that ADD gives to what it fetched.
func (b *builder) keepFile(ctx context.Context, host, name string) (tree.Entry, error) {
	e, err := tree.FromFile(host, "/"+name, 0o600, "")
	if err != nil {
		return e, err
	}
	e.ModTime = b.time()
	entries, err := b.keep(ctx, filePack(strings.TrimPrefix(e.Digest, "sha256:")), func(w *pack.Writer) error {
		f, err := e.Open()
		if err != nil {
			return err
		}
		_, err = w.Add(e, f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return e, err
	}
	e.Content = entries[0].Content
	return e, nil
}

// keep returns the pack of the name, which fill makes where there is none.
func (b *builder) keep(ctx context.Context, name string, fill func(*pack.Writer) error) ([]tree.Entry, error) {
	packs := b.addPacks()
	file := packs.file(name)
	packs.use(ctx, file)
	if entries, err := pack.Read(file, nil); err == nil {
		return entries, nil
	}
	if err := os.MkdirAll(packs.dir, 0o755); err != nil {
		return nil, err
	}
	b.wrote = true
	if err := pack.Create(file, fill); err != nil {
		return nil, err
	}
	return pack.Read(file, nil)
}

// unpackAll puts what is in those of the files found that are archives into
// the tree, and takes the archives themselves out of part.
func (b *builder) unpackAll(ctx context.Context, c copying, part *tree.Tree, found []string) error {
	for _, p := range found {
		e, err := c.from.Lookup(p)
		if err != nil || e.Type != tree.File {
			continue // a folder: what is in it is never unpacked
		}
		is, err := isTar(ctx, e)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		part.Remove(c.target(p)) // before that becomes a folder
		if err := b.unpack(ctx, c, e); err != nil {
			return fmt.Errorf("unpack %s: %w", strings.TrimPrefix(p, "/"), err)
		}
	}
	return nil
}

// unpack puts what is in the archive into the target, which is a folder.
func (b *builder) unpack(ctx context.Context, c copying, e tree.Entry) error {
	if b.Cache == "" {
		return errors.New("there is no cache to unpack it into")
	}
	entries, err := b.keep(ctx, strings.TrimPrefix(e.Digest, "sha256:")+"-tar", func(w *pack.Writer) error {
		return readTar(ctx, e, func(e tree.Entry, body io.Reader) error {
			_, err := w.Add(e, body)
			return err
		})
	})
	if err != nil {
		return err
	}
	var from, part tree.Tree
	for _, e := range entries {
		if err := from.Put(e); err != nil {
			return err
		}
	}
	from.MakeParents(c.time)
	c.from, c.own = &from, true
	if err := c.add(&part, "/"); err != nil {
		return err
	}
	return b.mergeCopy(c, part)
}

// isTar reports whether e begins as an archive does, compressed or not.
func isTar(ctx context.Context, e tree.Entry) (is bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	f, err := e.Open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := archive.Decompress(f)
	if err != nil {
		return false, nil // it only looks compressed
	}
	_, err = tar.NewReader(r).Next()
	_ = r.Close() // the rest was not read
	return err == nil, nil
}

func readTar(ctx context.Context, e tree.Entry, add func(tree.Entry, io.Reader) error) (err error) {
	f, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := archive.Decompress(f)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = cerr // else it says the same again
		}
	}()
	return archive.ReadTar(ctx, r, addLimits(e.Size), add)
}

// addLimits bounds what an archive of so many bytes may unpack to. gzip makes
// a thousandth of what it is given at the best; who has more zeros than that
// can unpack them in a step.
func addLimits(size int64) archive.Limits {
	const (
		little  = 1 << 30 // bytes that any archive may have in it
		ratio   = 1024
		entries = 1 << 20 // each takes memory
	)
	return archive.Limits{Bytes: max(little, ratio*size), Entries: entries}
}

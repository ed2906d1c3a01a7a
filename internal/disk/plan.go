package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"path"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// formatVersion is raised whenever the same files would give other bytes, so
// that disks of an older program are not taken for ours.
const formatVersion = 1

// maxSize bounds what is asked for, far above any guest and far below where
// block numbers of 32 bits end.
const maxSize = 8 << 40

// A plan is all that decides a disk's bytes.
type plan struct {
	fs      string
	entries []tree.Entry // sorted, complete: parents, nodes, mount points
	size    int64        // bytes of the files' contents
	free    int64        // bytes
	newest  time.Time    // the latest modification time
	digest  string       // hex, of all the above

	progress func(done, total int64)
	done     int64
}

func newPlan(img image.Image, o Options) (*plan, error) {
	fs := o.FS
	if fs == "" {
		fs = map[string]string{"netbsd": FFS, "linux": Ext4}[img.Guest.OS]
	}
	if fs != FFS && fs != Ext4 {
		return nil, fmt.Errorf("no file system for a guest of system %q (known: netbsd, linux)", img.Guest.OS)
	}
	t, err := compose(img, o.Extra)
	if err != nil {
		return nil, err
	}
	p := &plan{fs: fs, entries: t.All(), size: t.Size(), progress: o.Progress}
	if o.Free.Bytes < 0 || o.Free.Percent < 0 || o.Free.Bytes > maxSize || o.Free.Percent > 10_000 {
		return nil, fmt.Errorf("free space of %d bytes or %d %%: out of range", o.Free.Bytes, o.Free.Percent)
	}
	p.free = o.Free.of(p.size)
	if p.size+p.free > maxSize {
		return nil, fmt.Errorf("files of %d bytes and %d free: more than a disk can hold here (%d)", p.size, p.free, int64(maxSize))
	}
	for _, e := range p.entries {
		if err := check(e, &t); err != nil {
			return nil, err
		}
		if e.ModTime.After(p.newest) {
			p.newest = e.ModTime
		}
	}
	p.digest = p.sum()
	return p, nil
}

// check refuses what no file system here can hold.
func check(e tree.Entry, t *tree.Tree) error {
	if base := path.Base(e.Path); len(base) > 255 {
		return fmt.Errorf("%s: the name has %d bytes, file systems hold 255", e.Path, len(base))
	}
	switch e.Type {
	case tree.File:
		if e.Digest == "" {
			return fmt.Errorf("%s has no digest", e.Path)
		}
	case tree.Hardlink:
		if to, ok := t.Get(e.Link); !ok || to.Type != tree.File {
			return fmt.Errorf("%s is a hard link to %s, which is no file of the tree", e.Path, e.Link)
		}
	case tree.Dir, tree.Symlink, tree.Char, tree.Block, tree.FIFO, tree.Socket:
	default:
		return fmt.Errorf("%s: unknown type %q", e.Path, e.Type)
	}
	return nil
}

// sum returns the key of the cache. It runs at every start of a machine, so
// it is made of a plain encoding: a tree of 2,000 entries takes about 1 ms,
// a fifth of what JSON would.
func (p *plan) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "fakecracker disk %d %s free %d\n", formatVersion, p.fs, p.free)
	var b []byte
	for _, e := range p.entries {
		b = appendEntry(b[:0], e)
		writeHash(h, b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeHash exists to say once that a hash never returns an error.
func writeHash(h hash.Hash, b []byte) { _, _ = h.Write(b) }

// appendEntry encodes what reaches the disk of e: strings with their length
// first, so that no two entries have the same encoding.
func appendEntry(b []byte, e tree.Entry) []byte {
	for _, s := range []string{e.Path, string(e.Type), e.Link, e.Digest} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range []uint32{e.Mode, e.UID, e.GID, e.Major, e.Minor, uint32(e.ModTime.Nanosecond())} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, e.ModTime.Unix())
	return binary.AppendVarint(b, e.Size)
}

// compose returns the image's files with the extra ones, the device nodes and
// mount points that the guest needs, and every parent folder.
func compose(img image.Image, extra []tree.Entry) (tree.Tree, error) {
	var t tree.Tree
	for _, e := range img.Tree.All() {
		if err := t.Put(e); err != nil {
			return t, err
		}
	}
	for _, e := range extra {
		e, err := placed(&t, e)
		if err != nil {
			return t, err
		}
		if err := t.Put(e); err != nil {
			return t, err
		}
	}
	if err := addNodes(&t, img.Guest.OS); err != nil {
		return t, err
	}
	t.MakeParents(epoch)
	return t, nil
}

// placed returns e with its folder's symbolic links followed (/sbin is
// usr/sbin in today's Linux) and with a digest.
func placed(t *tree.Tree, e tree.Entry) (tree.Entry, error) {
	dir, err := follow(t, path.Dir(e.Path))
	if err != nil {
		return e, fmt.Errorf("put %s into the tree: %w", e.Path, err)
	}
	if e.Path != "/" {
		e.Path = path.Join(dir, path.Base(e.Path))
	}
	if e.Type != tree.File || e.Digest != "" || e.Content.Host != "" {
		return e, nil
	}
	e.Digest, e.Size, err = tree.DigestOf(bytes.NewReader(e.Content.Data))
	return e, err
}

// follow returns the absolute path p with the tree's symbolic links resolved.
func follow(t *tree.Tree, p string) (string, error) {
	done, rest := "/", strings.Trim(p, "/")
	for links := 0; rest != ""; {
		name, after, _ := strings.Cut(rest, "/")
		next := path.Join(done, name)
		e, ok := t.Get(next)
		if !ok || e.Type != tree.Symlink {
			done, rest = next, after
			continue
		}
		if links++; links > 32 {
			return "", fmt.Errorf("%s: too many levels of symbolic links", p)
		}
		if path.IsAbs(e.Link) {
			done = "/"
		}
		rest = strings.Trim(path.Clean(e.Link)+"/"+after, "/")
	}
	return done, nil
}

package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"path"
	"slices"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// formatVersion is raised whenever the same files would give other bytes, so
// that disks of an older program are not taken for ours.
const formatVersion = 4

// maxSize bounds what is asked for, far above any guest and far below where
// block numbers of 32 bits end.
const maxSize = 8 << 40

// A key is the name of a disk in the cache: all that decides its bytes. It is
// computed at every start of a machine, so from what was given and before
// anything is made of it: 2,000 entries take 1.5 ms, mostly to sort them.
type key struct {
	fs     string
	layout Layout // resolved
	digest string // hex
}

func newKey(img image.Image, o Options) (key, error) {
	k := key{fs: map[string]string{"netbsd": FFS, "linux": Ext4}[img.Guest.OS]}
	if k.fs == "" {
		return k, fmt.Errorf("no file system for a guest of system %q (known: netbsd, linux)", img.Guest.OS)
	}
	var err error
	if k.layout, err = o.Layout.resolve(img, k.fs); err != nil {
		return k, err
	}
	extra, err := digested(o.Extra)
	if err != nil {
		return k, err
	}
	free := o.Free.orDefault()
	h := sha256.New()
	fmt.Fprintf(h, "fakecracker disk %d %s %s free %d %d layout %+q", formatVersion, k.fs, img.Guest.OS, free.Bytes, free.Percent, fmt.Sprint(k.layout))
	fmt.Fprintf(h, " until %d\n", o.NotAfter.Unix())
	for _, entries := range [][]tree.Entry{img.Tree.All(), extra, nodesOf(img.Guest)} {
		if err := writeEntries(h, entries); err != nil {
			return k, err
		}
	}
	k.digest = hex.EncodeToString(h.Sum(nil))
	return k, nil
}

// writeEntries writes what reaches the disk of entries, in a plain encoding:
// numbers and strings with their lengths, so that no two lists are the same.
func writeEntries(h hash.Hash, entries []tree.Entry) error {
	b := binary.AppendUvarint(make([]byte, 0, 64<<10), uint64(len(entries)))
	for _, e := range entries {
		if e.Type == tree.File && e.Digest == "" {
			return fmt.Errorf("%s has no digest", e.Path)
		}
		if b = appendEntry(b, e); len(b) > 60<<10 {
			_, _ = h.Write(b) // a hash never fails
			b = b[:0]
		}
	}
	_, _ = h.Write(b)
	return nil
}

func appendEntry(b []byte, e tree.Entry) []byte {
	for _, s := range [...]string{e.Path, string(e.Type), e.Link, e.Digest + string(tree.AppendXattrs(nil, e.Xattrs))} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range [...]uint32{e.Mode, e.UID, e.GID, e.Major, e.Minor, uint32(e.ModTime.Nanosecond())} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, e.ModTime.Unix())
	return binary.AppendVarint(b, e.Size)
}

// A plan is what a disk that has to be made will hold.
type plan struct {
	key
	entries []tree.Entry // sorted, complete: parents, nodes, mount points
	size    int64        // bytes of the files' contents
	free    int64        // bytes

	progress func(done, total int64)
	done     int64
}

func newPlan(k key, img image.Image, o Options) (*plan, error) {
	t, err := compose(img, o.Extra)
	if err != nil {
		return nil, err
	}
	p := &plan{key: k, entries: tree.Clamp(t.All(), o.NotAfter), size: t.Size(), progress: o.Progress}
	if o.Free.Bytes < 0 || o.Free.Percent < 0 || o.Free.Bytes > maxSize || o.Free.Percent > 10_000 {
		return nil, fmt.Errorf("free space of %d bytes or %d %%: out of range", o.Free.Bytes, o.Free.Percent)
	}
	p.free = o.Free.orDefault().of(p.size)
	if p.size+p.free > maxSize {
		return nil, fmt.Errorf("files of %d bytes and %d free: more than a disk can hold here (%d)", p.size, p.free, int64(maxSize))
	}
	for _, e := range p.entries {
		if err := check(e, &t); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// check refuses what no file system here can hold.
func check(e tree.Entry, t *tree.Tree) error {
	if base := path.Base(e.Path); len(base) > 255 {
		return fmt.Errorf("%s: the name has %d bytes, file systems hold 255", e.Path, len(base))
	}
	switch e.Type {
	case tree.Hardlink:
		if to, ok := t.Get(e.Link); !ok || to.Type != tree.File {
			return fmt.Errorf("%s is a hard link to %s, which is no file of the tree", e.Path, e.Link)
		}
	case tree.File, tree.Dir, tree.Symlink, tree.Char, tree.Block, tree.FIFO, tree.Socket:
	default:
		return fmt.Errorf("%s: unknown type %q", e.Path, e.Type)
	}
	return nil
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
	extra, err := digested(extra)
	if err != nil {
		return t, err
	}
	for _, e := range extra {
		if e.Path, err = t.ResolveParent(e.Path); err != nil { // /sbin is usr/sbin in today's Linux
			return t, err
		}
		if err := t.Put(e); err != nil {
			return t, err
		}
	}
	if err := addNodes(&t, img.Guest); err != nil {
		return t, err
	}
	t.MakeParents(epoch)
	return t, nil
}

// digested returns entries with a digest for those that carry their bytes.
func digested(entries []tree.Entry) ([]tree.Entry, error) {
	entries = slices.Clone(entries)
	for i, e := range entries {
		if e.Type != tree.File || e.Digest != "" || e.Content.Host != "" {
			continue
		}
		var err error
		if entries[i].Digest, entries[i].Size, err = tree.DigestOf(bytes.NewReader(e.Content.Data)); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

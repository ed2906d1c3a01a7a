package store

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/partition"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// The form in which smolBSD's smoler.sh pushes images (v0.90.0): an artifact
// with one blob, the raw disk, whose title is images/NAME-ARCH.img.
const (
	smolArtifact = "application/vnd.smolbsd.image"
	rawDisk      = types.MediaType("application/x-raw-disk-image")
	emptyConfig  = types.MediaType("application/vnd.oci.empty.v1+json")
	titleKey     = "org.opencontainers.image.title"
	diskSuffix   = ".img"
)

// Bounds of disks from elsewhere.
const (
	maxDisk      = 64 << 30 // bytes
	maxDiskFiles = 4 << 20
)

// What ext2 and its successors have in their superblock (struct
// ext4_super_block in Linux's fs/ext4/ext4.h), which is 1024 bytes from the
// start.
const (
	extMagicAt = 1024 + 56
	extMagic   = "\x53\xef"
)

// diskOf returns the blob of a raw disk, if that is what the manifest is of.
func diskOf(raw []byte) (v1.Descriptor, bool) {
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil || len(m.Layers) != 1 {
		return v1.Descriptor{}, false
	}
	l := m.Layers[0]
	return l, kindOf(m) == smolArtifact || l.MediaType == rawDisk
}

// takeManifest takes what a manifest is of: an image, or a disk.
func (s *Store) takeManifest(ctx context.Context, from depot, raw []byte, names []string, origin string, o TakeOptions) (Info, error) {
	if d, ok := diskOf(raw); ok {
		return s.takeDiskBlob(ctx, from, d, names, origin, o)
	}
	p, err := parcelOf(ctx, from, raw)
	if err != nil {
		return Info{}, err
	}
	p.names, p.origin = names, origin
	return s.take(ctx, p, o)
}

// takeDiskBlob copies the blob to a file, checks it, and takes the disk.
func (s *Store) takeDiskBlob(ctx context.Context, from depot, d v1.Descriptor, names []string, origin string, o TakeOptions) (_ Info, err error) {
	if !isDigest(d.Digest.String()) || d.Size < 0 || d.Size > maxDisk {
		return Info{}, fmt.Errorf("its disk %q of %d bytes is not named by a SHA-256 digest, or larger than %d GiB", d.Digest, d.Size, maxDisk>>30)
	}
	st, err := s.stage(ctx)
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	b := blob{digest: d.Digest.String(), size: d.Size, open: func(ctx context.Context) (io.ReadCloser, error) { return from.open(ctx, d) }}
	b.open = newCounter([]blob{b}, o.Progress).opens(b.open)
	f, err := os.CreateTemp(st.dir, "disk-*")
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := copyBlob(ctx, f, b); err != nil {
		return Info{}, err
	}
	title := d.Annotations[titleKey]
	if len(names) == 0 {
		names = diskNames(title)
	}
	return s.takeDisk(ctx, f, d.Size, diskParcel{title: title, names: names, origin: origin}, o)
}

func copyBlob(ctx context.Context, w io.Writer, b blob) (err error) {
	r, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in := newSummed(io.LimitReader(ctxReader{ctx, r}, b.size+1))
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if in.n != b.size {
		return fmt.Errorf("the disk has %d bytes or more, not the %d it should have", in.n, b.size)
	}
	return in.is(b.digest)
}

// A diskParcel is what is known of a disk beside its bytes.
type diskParcel struct {
	title  string   // "images/web-amd64.img", or its file's name
	names  []string // in full
	origin string
}

// takeDisk makes an image of one layer of the root file system on a disk.
func (s *Store) takeDisk(ctx context.Context, r io.ReaderAt, size int64, p diskParcel, o TakeOptions) (_ Info, err error) {
	root, err := openRoot(r, size)
	if err != nil {
		return Info{}, err
	}
	if len(o.Names) > 0 {
		if p.names, err = fullNames(o.Names); err != nil {
			return Info{}, err
		}
	}
	st, err := s.stage(ctx)
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	l, id, err := st.putDisk(ctx, root, "disk "+path.Base(p.title))
	if err != nil {
		return Info{}, err
	}
	t, err := Merge(l)
	if err != nil {
		return Info{}, err
	}
	set := settings{created: latest(l.Entries), diffIDs: []string{id}}
	if set.guest, err = guestOfDisk(&t, p.title, o.Guest); err != nil {
		return Info{}, err
	}
	set.config = image.Config{Init: has(&t, "/sbin/init") && has(&t, "/etc/rc")}
	set.history = []v1.History{{Created: v1.Time{Time: set.created}, CreatedBy: "disk " + path.Base(p.title)}}
	config, err := set.encode()
	if err != nil {
		return Info{}, err
	}
	return s.commit(ctx, commit{config: config, layers: st, names: p.names, origin: p.origin})
}

// openRoot opens the root file system of a disk, bare or in a partition.
func openRoot(r io.ReaderAt, size int64) (*ffs.FS, error) {
	part, err := rootPart(r, size)
	if err != nil {
		return nil, fmt.Errorf("find the disk's root: %w", err)
	}
	root, err := ffs.Open(part)
	if err == nil {
		return root, nil
	}
	magic := make([]byte, len(extMagic))
	if n, _ := part.ReadAt(magic, extMagicAt); n == len(magic) && string(magic) == extMagic {
		return nil, errors.New("the disk's root is ext2, which is not read here: build the image on NetBSD or FreeBSD, whose root is an FFS, or take its files with debugfs(8)")
	}
	return nil, fmt.Errorf("the disk's root is no FFS: %w", err)
}

func rootPart(r io.ReaderAt, size int64) (io.ReaderAt, error) {
	t, err := partition.Find(r, size)
	var p partition.Partition
	if err == nil {
		p, err = t.Pick("")
	}
	if err != nil {
		if _, ffsErr := ffs.Open(r); ffsErr == nil { // boot code can look like a table
			return r, nil
		}
		return nil, err
	}
	return io.NewSectionReader(r, p.Offset, p.Size), nil
}

// putDisk keeps the files of a file system as a layer.
func (st *staging) putDisk(ctx context.Context, root *ffs.FS, why string) (Layer, string, error) {
	name := filepath.Join(st.dir, "files")
	var l Layer
	err := pack.Create(name, func(w *pack.Writer) error {
		w.Meta(layerMeta{Version: layerVersion})
		for e, err := range root.Entries() {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && len(l.Entries) >= maxDiskFiles {
				err = fmt.Errorf("more than %d files", maxDiskFiles)
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", e.Path, err)
			}
			kept, err := addDiskEntry(w, e, why)
			if err != nil {
				return err
			}
			l.Entries = append(l.Entries, kept)
		}
		return nil
	})
	if err != nil {
		return l, "", err
	}
	sorted, err := l.sorted()
	if err != nil {
		return l, "", err
	}
	id, err := sorted.diffID(ctx)
	if err != nil || st.reuse(id) {
		return sorted, id, err
	}
	st.add(id)
	return sorted, id, os.Rename(name, st.path(id))
}

func addDiskEntry(w *pack.Writer, e ffs.Entry, why string) (_ tree.Entry, err error) {
	out := tree.Entry{
		Path: e.Path, Mode: permissions(e.Mode), UID: e.UID, GID: e.GID, ModTime: e.ModTime.UTC(),
		Link: e.Target, Major: e.Major, Minor: e.Minor, Why: why,
	}
	if e.Hardlink != "" {
		out.Type, out.Link = tree.Hardlink, e.Hardlink
		return w.Add(out, nil)
	}
	types := map[fs.FileMode]tree.Type{
		0: tree.File, fs.ModeDir: tree.Dir, fs.ModeSymlink: tree.Symlink, fs.ModeDevice: tree.Block,
		fs.ModeDevice | fs.ModeCharDevice: tree.Char, fs.ModeNamedPipe: tree.FIFO, fs.ModeSocket: tree.Socket,
	}
	var ok bool
	if out.Type, ok = types[e.Mode.Type()]; !ok {
		return out, fmt.Errorf("%s is of no type that an image can have", e.Path)
	}
	if out.Type != tree.File {
		return w.Add(out, nil)
	}
	out.Size = e.Size
	r, err := e.Open()
	if err != nil {
		return out, fmt.Errorf("read %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return w.Add(out, r)
}

// permissions are the bits of tree.Entry.Mode.
func permissions(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for bit, set := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			bits |= set
		}
	}
	return bits
}

func latest(entries []tree.Entry) time.Time {
	t := time.Unix(0, 0).UTC()
	for _, e := range entries {
		if e.ModTime.After(t) {
			t = e.ModTime
		}
	}
	return t
}

func has(t *tree.Tree, p string) bool {
	_, err := t.Lookup(p)
	return err == nil
}

// guestOfDisk tells the guest by the programs on the disk, else by the disk's
// name, else it is the one that was asked for.
func guestOfDisk(t *tree.Tree, title string, wish image.Guest) (image.Guest, error) {
	g := guestOfPrograms(t)
	_, arch := splitTitle(title)
	switch {
	case g.Arch != "":
	case arch != "":
		g = image.Guest{OS: "netbsd", Arch: arch}
	case wish.Arch != "":
		g = wish
	default:
		return g, errors.New("the disk doesn't tell its processor, by a program or its name: say it with --guest netbsd/i386 or netbsd/amd64")
	}
	if _, err := platformOf(g); err != nil {
		return g, err
	}
	if !fits(wish, g) {
		return g, fmt.Errorf("it is for %s", g)
	}
	return g, nil
}

func guestOfPrograms(t *tree.Tree) image.Guest {
	for _, p := range []string{"/sbin/init", "/bin/sh", "/rescue/init", "/rescue/sh"} {
		e, err := t.Lookup(p)
		if err != nil || e.Type != tree.File {
			continue
		}
		if f, err := e.ELF(); err == nil {
			return image.Guest{OS: f.OS, Arch: f.Arch}
		}
	}
	return image.Guest{}
}

// splitTitle returns the service and the processor of "images/web-amd64.img".
// A tag stands behind the processor: "web-amd64:1.img".
func splitTitle(title string) (name, arch string) {
	name = strings.TrimSuffix(path.Base(title), diskSuffix)
	name, tag, tagged := strings.Cut(name, ":")
	for suffix, ours := range map[string]string{"-amd64": "amd64", "-x86_64": "amd64", "-i386": "i386", "-evbarm-aarch64": "aarch64"} {
		if service, ok := strings.CutSuffix(name, suffix); ok {
			name, arch = service, ours
			break
		}
	}
	if tagged {
		name += ":" + tag
	}
	return name, arch
}

// diskNames is what a disk of that title is called, if that can be a name.
func diskNames(title string) []string {
	name, _ := splitTitle(title)
	full, err := fullName(name)
	if err != nil {
		return nil
	}
	return []string{full}
}

// isDisk reports whether a file is a disk by its name, or by a file system at
// its start.
func isDisk(name string, f *os.File) bool {
	if isPlainTar(f) {
		return false
	}
	if strings.HasSuffix(name, diskSuffix) {
		return true
	}
	_, err := ffs.Open(f)
	return err == nil
}

// WriteDisk writes a raw disk to w as an archive in the form of the image
// specification's layout, that holds it in smolBSD's form. The disk is called
// images/NAME-ARCH.img there, for the base of the image's name.
func WriteDisk(ctx context.Context, w io.Writer, full string, g image.Guest, disk *os.File) error {
	if err := writeDisk(ctx, w, full, g, disk); err != nil {
		return fmt.Errorf("save %s: %w", full, err)
	}
	return nil
}

func writeDisk(ctx context.Context, w io.Writer, full string, g image.Guest, disk *os.File) error {
	if _, err := disk.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := newSummed(ctxReader{ctx, disk})
	if _, err := io.Copy(io.Discard, sum); err != nil {
		return err
	}
	blob := v1.Descriptor{
		MediaType: rawDisk, Size: sum.n, Digest: v1.Hash{Algorithm: "sha256", Hex: hexOf(sum.digest())},
		Annotations: map[string]string{titleKey: "images/" + baseName(full) + "-" + g.Arch + diskSuffix},
	}
	config := []byte("{}")
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: smolArtifact,
		Config: descriptor(config, emptyConfig), Layers: []v1.Descriptor{blob},
	})
	if err != nil {
		return err
	}
	d := descriptor(raw, types.OCIManifestSchema1)
	d.ArtifactType, d.Annotations = smolArtifact, annotations(full)
	ix := newIndexManifest()
	ix.Manifests = append(ix.Manifests, d)
	index, err := json.Marshal(ix)
	if err != nil {
		return err
	}
	if _, err := disk.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return writeDiskLayout(ctx, tar.NewWriter(w), index, raw, config, blob, disk)
}

func writeDiskLayout(ctx context.Context, tw *tar.Writer, index, manifest, config []byte, blob v1.Descriptor, disk io.Reader) error {
	for _, f := range []member{
		{"oci-layout", []byte(layoutVersion)},
		{"index.json", index},
		{blobName(digestOf(manifest)), manifest},
		{blobName(digestOf(config)), config},
	} {
		if err := writeMember(tw, f.name, int64(len(f.data)), strings.NewReader(string(f.data))); err != nil {
			return err
		}
	}
	if err := writeMember(tw, blobName(blob.Digest.String()), blob.Size, ctxReader{ctx, disk}); err != nil {
		return err
	}
	return tw.Close()
}

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/fakecracker/fakecracker/internal/image"
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
	in := newSummed(io.LimitReader(tree.Interruptible(ctx, r), b.size+1))
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if in.n != b.size {
		return fmt.Errorf("the disk has %d bytes or more, not the %d it should have", in.n, b.size)
	}
	return in.is(b.digest)
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

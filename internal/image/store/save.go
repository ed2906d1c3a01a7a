package store

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// SaveOptions say how images are saved.
type SaveOptions struct {
	Compression Compression // "": Zstd
	// Progress is told how many bytes of the layers were packed, of how many
	// about; it may be nil.
	Progress func(done, total int64)
}

// Save writes the images to w as one archive in the form of the image
// specification's layout, with the document besides that docker load goes by.
// It has the same bytes for the same images and names.
func (s *Store) Save(ctx context.Context, w io.Writer, refs []string, o SaveOptions) error {
	if err := s.save(ctx, w, refs, o); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, w io.Writer, refs []string, o SaveOptions) (err error) {
	st, err := s.stage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	out := saver{s: s, o: o, st: st, blobs: map[string]packed{}, index: newIndexManifest()}
	for _, ref := range refs {
		info, err := s.Find(ctx, ref)
		if err != nil {
			return err
		}
		out.total += info.Size
	}
	for _, ref := range refs {
		if err := out.add(ctx, ref); err != nil {
			return err
		}
	}
	return out.write(ctx, w)
}

func newIndexManifest() v1.IndexManifest {
	return v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
}

// A saver gathers what an archive will have.
type saver struct {
	s  *Store
	o  SaveOptions
	st *staging // whose folder compressed layers are in

	files  []member          // small ones, in their order
	layers []packed          // in their order
	blobs  map[string]packed // layers by DiffID
	index  v1.IndexManifest
	docker []dockerManifest

	done, total int64 // bytes of layers
}

// A member is a small file of the archive.
type member struct {
	name string
	data []byte
}

func (o *saver) add(ctx context.Context, ref string) error {
	info, err := o.s.Find(ctx, ref)
	if err != nil {
		return err
	}
	m, err := o.manifest(ctx, info)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	platform, err := platformOf(info.Guest)
	if err != nil {
		return err
	}
	d := descriptor(raw, types.OCIManifestSchema1)
	d.Platform = &platform
	o.member(blobName(d.Digest.String()), raw)
	full := nameFor(ref, info)
	images := dockerManifest{Config: blobName(info.ID)}
	if full != "" {
		d.Annotations = annotations(full)
		images.RepoTags = []string{full}
	}
	for _, l := range m.Layers {
		images.Layers = append(images.Layers, blobName(l.Digest.String()))
	}
	o.index.Manifests = append(o.index.Manifests, d)
	o.docker = append(o.docker, images)
	return nil
}

// nameFor is the name that an image is saved with: the one that was asked for,
// else its first.
func nameFor(ref string, info Info) string {
	for _, n := range info.Names {
		if full, err := fullName(ref); err == nil && full == n {
			return n
		}
	}
	if len(info.Names) > 0 {
		return info.Names[0]
	}
	return ""
}

// annotations say what an image is called.
func annotations(full string) map[string]string {
	_, tag := SplitName(full)
	return map[string]string{nameAnnotation: full, refAnnotation: tag}
}

// manifest compresses the image's layers, and returns its manifest.
func (o *saver) manifest(ctx context.Context, info Info) (v1.Manifest, error) {
	config, err := o.s.rawConfig(info.ID)
	if err != nil {
		return v1.Manifest{}, err
	}
	o.member(blobName(info.ID), config)
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: descriptor(config, types.OCIConfigJSON), Layers: []v1.Descriptor{},
	}
	for _, id := range info.Layers {
		p, ok := o.blobs[id]
		if !ok {
			if p, err = o.s.compress(ctx, id, o.st.dir, o.o.Compression); err != nil {
				return m, err
			}
			o.blobs[id], o.layers = p, append(o.layers, p)
		}
		if o.done += o.s.layerSize(id); o.o.Progress != nil {
			o.o.Progress(o.done, o.total)
		}
		m.Layers = append(m.Layers, v1.Descriptor{
			MediaType: o.o.Compression.mediaType(), Size: p.size,
			Digest: v1.Hash{Algorithm: "sha256", Hex: hexOf(p.digest)},
		})
	}
	return m, nil
}

// member adds a file, once.
func (o *saver) member(name string, data []byte) {
	for _, f := range o.files {
		if f.name == name {
			return
		}
	}
	o.files = append(o.files, member{name, data})
}

func descriptor(b []byte, t types.MediaType) v1.Descriptor {
	return v1.Descriptor{MediaType: t, Size: int64(len(b)), Digest: v1.Hash{Algorithm: "sha256", Hex: hexOf(digestOf(b))}}
}

// layoutVersion is the file that marks a layout.
const layoutVersion = `{"imageLayoutVersion":"1.0.0"}`

// write writes the archive: what a reader needs first comes first.
func (o *saver) write(ctx context.Context, w io.Writer) error {
	index, err := json.Marshal(o.index)
	if err != nil {
		return err
	}
	docker, err := json.Marshal(o.docker)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	small := append([]member{{"oci-layout", []byte(layoutVersion)}, {"index.json", index}, {"manifest.json", docker}}, o.files...)
	for _, f := range small {
		if err := writeMember(tw, f.name, int64(len(f.data)), bytes.NewReader(f.data)); err != nil {
			return err
		}
	}
	written := map[string]bool{}
	for _, l := range o.layers {
		if written[l.digest] {
			continue
		}
		written[l.digest] = true
		if err := writeLayer(ctx, tw, l); err != nil {
			return err
		}
	}
	return tw.Close()
}

func writeLayer(ctx context.Context, tw *tar.Writer, l packed) (err error) {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeMember(tw, blobName(l.digest), l.size, tree.Interruptible(ctx, f))
}

// writeMember writes a file that has neither owner nor time.
func writeMember(tw *tar.Writer, name string, size int64, r io.Reader) error {
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(tw, r)
	return err
}

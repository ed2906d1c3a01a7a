package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Annotations of a manifest in an index that say what the image is called: the
// specification's, and containerd's, which has the whole name.
const (
	refAnnotation  = "org.opencontainers.image.ref.name"
	nameAnnotation = "io.containerd.image.name"
)

// Load takes the images that are at name: an archive that Save or docker save
// wrote, compressed or not, or a folder in the form of the image
// specification's layout, or a raw disk with an FFS, as smolBSD makes them (its
// name ends in .img, or it has no partitions). The images have the names that they were saved with;
// with o.Names there may be only one. When one of them is damaged, the error
// says so, and those before it are kept.
func (s *Store) Load(ctx context.Context, name string, o TakeOptions) (_ []Info, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("load %s: %w", name, err)
		}
	}()
	fi, err := os.Stat(name)
	if err != nil {
		return nil, bare(err)
	}
	if fi.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, bare(err)
		}
		defer root.Close() // was only read
		return s.loadBundle(ctx, folder{root}, o)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close() // was only read
	if isDisk(name, f) {
		info, err := s.takeDisk(ctx, f, fi.Size(), diskParcel{title: name, names: diskNames(name)}, o)
		if err != nil {
			return nil, err
		}
		return []Info{info}, nil
	}
	return s.loadTar(ctx, f, o)
}

// LoadFrom is Load for an archive that r reads.
func (s *Store) LoadFrom(ctx context.Context, r io.Reader, o TakeOptions) ([]Info, error) {
	infos, err := s.loadTar(ctx, r, o)
	if err != nil {
		return infos, fmt.Errorf("load: %w", err)
	}
	return infos, nil
}

func (s *Store) loadTar(ctx context.Context, r io.Reader, o TakeOptions) (_ []Info, err error) {
	st, err := s.stage(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	t, done, err := openTar(ctx, r, st.dir)
	if err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	return s.loadBundle(ctx, t, o)
}

// loadBundle takes the images of a bundle in either form; the specification's
// goes first, as docker writes both.
func (s *Store) loadBundle(ctx context.Context, b bundle, o TakeOptions) ([]Info, error) {
	index, err := file(b, "index.json")
	if err == nil {
		return s.loadLayout(ctx, layout{b}, index, o)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	manifest, err := file(b, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no image in it: neither index.json (OCI) nor manifest.json (docker save)")
	}
	if err != nil {
		return nil, err
	}
	return s.loadDocker(ctx, b, manifest, o)
}

// file returns a file of a bundle that is small enough for memory.
func file(b bundle, name string) (_ []byte, err error) {
	r, _, err := b.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	data, err := readSmall(r, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func (s *Store) loadLayout(ctx context.Context, l layout, index []byte, o TakeOptions) ([]Info, error) {
	var ix v1.IndexManifest
	if err := json.Unmarshal(index, &ix); err != nil {
		return nil, fmt.Errorf("index.json is damaged: %w", err)
	}
	if len(ix.Manifests) > maxManifests {
		return nil, fmt.Errorf("index.json has %d manifests, more than %d", len(ix.Manifests), maxManifests)
	}
	if len(ix.Manifests) == 0 {
		return nil, errors.New("there is no image in it: its index.json is empty")
	}
	tops := guests(ix.Manifests, o.Guest)
	if len(o.Names) > 0 && len(tops) > 1 { // several platforms of one image
		d, err := pick(tops, o.Guest)
		if err != nil {
			return nil, fmt.Errorf("it has %d images%s, and a name is for one: copy that one to an archive of its own, or load all without --tag", len(tops), tagsOf(tops))
		}
		tops = []v1.Descriptor{d}
	}
	var all []Info
	for _, top := range tops {
		d, raw, err := choose(ctx, l, top, o.Guest)
		if err != nil {
			return all, err
		}
		info, err := s.takeManifest(ctx, l, raw, namesOf(top.Annotations), "", o)
		if err != nil {
			return all, fmt.Errorf("image %s: %w", d.Digest, err)
		}
		all = append(all, info)
	}
	return all, nil
}

// tagsOf lists what images are called, in brackets.
func tagsOf(all []v1.Descriptor) string {
	const most = 5
	var tags []string
	for _, d := range all {
		if tag := d.Annotations[refAnnotation]; tag != "" && len(tags) < most {
			tags = append(tags, fmt.Sprintf("%.40q", tag))
		}
	}
	if tags == nil {
		return ""
	}
	return " (" + strings.Join(tags, ", ") + ")"
}

// namesOf returns what the annotations say an image is called. Many have only
// a tag in the specification's, which is no name.
func namesOf(annotations map[string]string) []string {
	for _, key := range []string{nameAnnotation, refAnnotation} {
		text := annotations[key]
		if full, err := fullName(text); err == nil && (key == nameAnnotation || strings.ContainsAny(text, ":/")) {
			return []string{full}
		}
	}
	return nil
}

// dockerManifest is an image of manifest.json, as docker save writes it.
type dockerManifest struct {
	Config   string   // name of a file in the archive
	RepoTags []string // names
	Layers   []string // names of files, from the bottom up
}

func (s *Store) loadDocker(ctx context.Context, b bundle, manifest []byte, o TakeOptions) ([]Info, error) {
	var images []dockerManifest
	if bytes.HasPrefix(bytes.TrimSpace(manifest), []byte("{")) {
		return nil, errors.New("it is in skopeo's own form (dir:), which is not read here: make an archive of it with skopeo copy dir:FOLDER oci-archive:FILE")
	}
	if err := json.Unmarshal(manifest, &images); err != nil {
		return nil, fmt.Errorf("manifest.json is damaged: %w", err)
	}
	switch {
	case len(images) == 0:
		return nil, errors.New("there is no image in it: its manifest.json is empty")
	case len(images) > maxManifests:
		return nil, fmt.Errorf("manifest.json has %d images, more than %d", len(images), maxManifests)
	case len(images) > 1 && len(o.Names) > 0:
		return nil, fmt.Errorf("it has %d images, and a name is for one", len(images))
	}
	var all []Info
	for _, m := range images {
		p, err := dockerParcel(b, m)
		if err != nil {
			return all, err
		}
		info, err := s.take(ctx, p, o)
		if err != nil {
			return all, fmt.Errorf("image %.80q: %w", m.Config, err)
		}
		all = append(all, info)
	}
	return all, nil
}

func dockerParcel(b bundle, m dockerManifest) (parcel, error) {
	if len(m.Layers) > maxLayers {
		return parcel{}, fmt.Errorf("it has %d layers, more than %d", len(m.Layers), maxLayers)
	}
	config, err := file(b, path.Clean(m.Config))
	if err != nil {
		return parcel{}, err
	}
	names, err := fullNames(m.RepoTags)
	if err != nil {
		return parcel{}, err
	}
	p := parcel{config: config, names: names}
	for _, l := range m.Layers {
		name := path.Clean(l)
		r, size, err := b.open(name)
		if err != nil {
			return parcel{}, err
		}
		if err := r.Close(); err != nil {
			return parcel{}, err
		}
		p.layers = append(p.layers, blob{size: size, open: func(context.Context) (io.ReadCloser, error) {
			r, _, err := b.open(name)
			return r, err
		}})
	}
	return p, nil
}

// bare takes the path from an error that a message names already.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

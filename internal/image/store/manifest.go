package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/fakecracker/fakecracker/internal/image"
)

// Bounds of manifests from elsewhere.
const (
	maxManifest  = 4 << 20 // bytes
	maxManifests = 1000    // in an index
)

// A depot hands out blobs by the digest that they should have: a registry's
// repository, an archive, a folder. It need not check it.
type depot interface {
	open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
}

// document returns a blob that is small enough for memory, checked.
func document(ctx context.Context, from depot, d v1.Descriptor, limit int64) (_ []byte, err error) {
	r, err := from.open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := readSmall(r, limit)
	if err != nil {
		return nil, err
	}
	if got := digestOf(b); got != d.Digest.String() {
		return nil, fmt.Errorf("its bytes have the digest %s, not %s: it is damaged or was changed", got, d.Digest)
	}
	return b, nil
}

// readSmall reads all of r, which may have limit bytes.
func readSmall(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return b, err
}

// choose goes from a descriptor to a manifest, through indexes, which hold an
// image for each of several platforms.
func choose(ctx context.Context, from depot, d v1.Descriptor, wish image.Guest) (v1.Descriptor, []byte, error) {
	const depth = 4
	for range depth {
		b, err := document(ctx, from, d, maxManifest)
		if err != nil {
			return d, nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
		}
		var peek struct {
			MediaType types.MediaType `json:"mediaType"`
			Manifests []v1.Descriptor `json:"manifests"`
		}
		if err := json.Unmarshal(b, &peek); err != nil {
			return d, nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
		}
		if len(peek.Manifests) == 0 {
			return d, b, nil
		}
		if len(peek.Manifests) > maxManifests {
			return d, nil, fmt.Errorf("index %s: %d manifests, more than %d", d.Digest, len(peek.Manifests), maxManifests)
		}
		if d, err = pick(peek.Manifests, wish); err != nil {
			return d, nil, err
		}
	}
	return d, nil, fmt.Errorf("index %s: more than %d are in one another", d.Digest, depth)
}

// parcelOf returns the image of a manifest. Its layers are not read yet.
func parcelOf(ctx context.Context, from depot, raw []byte) (parcel, error) {
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return parcel{}, fmt.Errorf("its manifest is damaged: %w", err)
	}
	switch {
	case m.SchemaVersion == 1:
		return parcel{}, errors.New("its manifest has the form of 2015 (schema 1): push it again with a program of today")
	case !m.Config.MediaType.IsConfig():
		return parcel{}, fmt.Errorf("it is no image of files, but %q", kindOf(m))
	case len(m.Layers) > maxLayers:
		return parcel{}, fmt.Errorf("it has %d layers, more than %d", len(m.Layers), maxLayers)
	}
	config, err := document(ctx, from, m.Config, maxConfig)
	if err != nil {
		return parcel{}, fmt.Errorf("its configuration: %w", err)
	}
	p := parcel{config: config}
	for _, l := range m.Layers {
		if !l.MediaType.IsDistributable() {
			return parcel{}, fmt.Errorf("its layer %s may not be distributed, and is only at an address of its own", l.Digest)
		}
		if !isDigest(l.Digest.String()) || l.Size < 0 {
			return parcel{}, fmt.Errorf("its layer %q of %d bytes is not named by a SHA-256 digest", l.Digest, l.Size)
		}
		p.layers = append(p.layers, blob{
			digest: l.Digest.String(), size: l.Size,
			open: func(ctx context.Context) (io.ReadCloser, error) { return from.open(ctx, l) },
		})
	}
	return p, nil
}

// kindOf names what a manifest is of, that is no image.
func kindOf(m v1.Manifest) string {
	if m.ArtifactType != "" {
		return m.ArtifactType
	}
	return string(m.Config.MediaType)
}

func bytesReader(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

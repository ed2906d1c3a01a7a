package store

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

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
	sum := newSummed(tree.Interruptible(ctx, disk))
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
	if err := writeMember(tw, blobName(blob.Digest.String()), blob.Size, tree.Interruptible(ctx, disk)); err != nil {
		return err
	}
	return tw.Close()
}

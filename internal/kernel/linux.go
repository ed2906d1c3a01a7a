package kernel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// A Bundle is a Linux kernel as a distribution packs it.
type Bundle struct {
	Image  func() (io.ReadCloser, error) // vmlinuz: a bzImage
	Files  []BundleFile                  // all below lib/modules/<release>/
	Origin string                        // "linux-image-6.1.0-56-cloud-amd64 6.1.192-2"
}

// A BundleFile is one file of a Bundle.
type BundleFile struct {
	Path string // slash-separated; only its last element matters
	Open func() (io.ReadCloser, error)
}

// ImportLinux stores the kernel of a bundle with the modules that a guest
// needs for its disk, network and file system, and names it.
func (s *Store) ImportLinux(ctx context.Context, name string, b Bundle) (Kernel, error) {
	image, err := readImage(ctx, b)
	if err != nil {
		return Kernel{}, fmt.Errorf("import kernel %s: %w", b.Origin, err)
	}
	k, err := s.add(ctx, name, b.Origin, func(d *draft) error {
		if err := d.writeKernel(ctx, bytes.NewReader(image), int64(len(image))); err != nil {
			return err
		}
		set, err := newModuleSet(b.Files)
		if err != nil {
			return err
		}
		modules, err := set.loadOrder()
		if err != nil {
			return err
		}
		return d.writeModules(modules)
	})
	if err != nil {
		return Kernel{}, fmt.Errorf("import kernel %s: %w", b.Origin, err)
	}
	return k, nil
}

func readImage(ctx context.Context, b Bundle) (_ []byte, err error) {
	r, err := b.Image()
	if err != nil {
		return nil, fmt.Errorf("open its image: %w", err)
	}
	defer func() { err = both(err, r.Close()) }()
	image, err := io.ReadAll(limited(ctx, r))
	if err != nil {
		return nil, fmt.Errorf("read its image: %w", err)
	}
	return image, nil
}

// writeModules stores modules in the folder's modules/, checking that they
// are of this kernel.
func (d *draft) writeModules(modules []module) error {
	dir := filepath.Join(d.dir, "modules")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, m := range modules {
		release, _, _ := strings.Cut(m.vermagic, " ")
		if d.info.Version != "" && release != d.info.Version {
			return fmt.Errorf("module %s is for Linux %s, the kernel is %s", m.name, release, d.info.Version)
		}
		file := m.name + ".ko"
		if err := atomicfile.WriteFile(filepath.Join(dir, file), m.data, 0o644); err != nil {
			return err
		}
		d.modules = append(d.modules, file)
		d.sums = append(d.sums, sum(m.data)+" "+file+"\n"...)
	}
	return nil
}

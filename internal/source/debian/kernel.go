package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Kernel is Debian's Linux kernel for virtual machines.
type Kernel struct {
	Origin  string                        // "Debian package linux-image-… 6.1.140-1"
	Release string                        // as uname -r has it
	Image   func() (io.ReadCloser, error) // vmlinuz: a bzImage
	Files   []KernelFile                  // what is below /lib/modules/<Release>
}

// A KernelFile is a file that goes with a kernel.
type KernelFile struct {
	Path string // relative: "lib/modules/6.1.0-37-cloud-amd64/kernel/fs/…"
	Size int64  // bytes
	Open func() (io.ReadCloser, error)
}

// LinuxKernel gets the newest kernel of Debian's "cloud" flavour for arch:
// "amd64", or "arm64". It is one package of some 30 MB; nothing that it
// depends on is got.
func (s *Source) LinuxKernel(ctx context.Context, arch string) (Kernel, error) {
	k := *s
	k.Arch = arch
	p, err := k.kernelPackage(ctx)
	if err != nil {
		return Kernel{}, fmt.Errorf("find Debian's kernel: %w", err)
	}
	if err := k.Fetch(ctx, []source.Package{p}); err != nil {
		return Kernel{}, fmt.Errorf("get Debian's kernel: %w", err)
	}
	all, err := k.load(ctx, []source.Package{p})
	if err != nil {
		return Kernel{}, err
	}
	return kernelOf(p, all[0])
}

// kernelPackage finds the package that the one without a version depends on.
func (s *Source) kernelPackage(ctx context.Context) (source.Package, error) {
	pkgs, err := s.Resolve(ctx, []string{"linux-image-cloud-" + s.arch()})
	if err != nil {
		return source.Package{}, err
	}
	real := regexp.MustCompile(`^linux-image-[0-9].*-cloud-` + s.arch() + `(-unsigned)?$`)
	for _, p := range pkgs {
		if real.MatchString(p.Name) {
			return p, nil
		}
	}
	return source.Package{}, errors.New("no package of a kernel image is among what linux-image-cloud-" + s.arch() + " depends on")
}

func kernelOf(p source.Package, x index) (Kernel, error) {
	k := Kernel{Origin: "Debian package " + p.String()}
	var image tree.Entry
	for _, e := range x.Entries {
		if e.Type != tree.File {
			continue
		}
		if rel, ok := strings.CutPrefix(e.Path, "/boot/vmlinuz-"); ok {
			image, k.Release = e, rel
		}
		// /lib is a link to /usr/lib since Debian 12: packages have either.
		file, ok := strings.CutPrefix(strings.TrimPrefix(e.Path, "/usr"), "/lib/modules/")
		if ok {
			k.Files = append(k.Files, KernelFile{Path: "lib/modules/" + file, Size: e.Size, Open: opener(e)})
		}
	}
	if image.Path == "" {
		return Kernel{}, fmt.Errorf("package %s has no /boot/vmlinuz", p)
	}
	k.Image = opener(image)
	return k, nil
}

func opener(e tree.Entry) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return e.Open() }
}

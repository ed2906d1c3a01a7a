package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
)

// defaultKernels are fetched for a guest when no kernel at hand fits it.
var defaultKernels = map[image.Guest]string{
	{OS: machine.NetBSD, Arch: "i386"}:  "netbsd-10.1-i386",
	{OS: machine.NetBSD, Arch: "amd64"}: "smol-amd64",
	{OS: machine.Linux, Arch: "amd64"}:  "linux",
}

func (a *app) kernelStore(home string) *kernel.Store {
	return &kernel.Store{Dir: filepath.Join(home, "kernels")}
}

// namedKernel is what --kernel names: a file if there is a slash in it, else
// a kernel of the store.
func (r *runner) namedKernel(name string) (kernel.Kernel, error) {
	if !strings.Contains(name, "/") {
		return r.app.kernelStore(r.home).Get(name)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return kernel.Kernel{}, err
	}
	info, err := kernel.Inspect(name)
	if err != nil {
		return kernel.Kernel{}, err
	}
	if info.Compression != "" || info.Format == "bzimage" {
		return kernel.Kernel{}, fmt.Errorf("kernel %s: it is compressed, and is unpacked once at import: fakecracker kernel import --name mine %s, then --kernel mine", name, name)
	}
	return kernel.Kernel{Names: []string{name}, Path: path, Info: info}, nil
}

// fits fails where the kernel that the user named is not one for the guest.
func fits(k kernel.Kernel, g image.Guest) error {
	if k.Info.OS == g.OS && (k.Info.Arch == g.Arch || g.OS == machine.Linux) {
		return nil
	}
	return fmt.Errorf("kernel %s is for %s/%s, the guest is %s: name another by --kernel, or the guest by --guest", k.Name(), k.Info.OS, k.Info.Arch, g)
}

// kernelDigest identifies the kernel as images do: "sha256:…", "" for none.
func kernelDigest(k kernel.Kernel) (string, error) {
	if k.Path == "" {
		return "", nil
	}
	digest := k.Digest
	if digest == "" {
		var err error
		if digest, err = kernel.FileDigest(k.Path); err != nil {
			return "", err
		}
	}
	return "sha256:" + digest, nil
}

// imagesKernel returns the kernel to run a stored image with: the one that the
// user named, else the one that the image was made for, else one at hand.
// Where that is another than the image's, it says so.
func (r *runner) imagesKernel(ctx context.Context, named kernel.Kernel) (kernel.Kernel, error) {
	want := ""
	if r.stored != nil {
		want = r.stored.Kernel
	}
	k := named
	var err error
	if k.Path == "" && want != "" {
		k, err = r.app.kernelStore(r.home).Get(want)
		if err == nil {
			return k, nil
		}
	}
	if k.Path == "" {
		if k, err = r.anyKernel(ctx); err != nil {
			return k, err
		}
	}
	have, err := kernelDigest(k)
	if err == nil && want != "" && have != want {
		r.status.line("note", "image %s was made for the kernel %.19s, and runs with %s", r.ship, want, k.Name())
	}
	return k, err
}

// anyKernel returns a kernel at hand for the guest, fetched if there is none.
func (r *runner) anyKernel(ctx context.Context) (kernel.Kernel, error) {
	all, err := r.app.kernelStore(r.home).List()
	if err != nil {
		return kernel.Kernel{}, err
	}
	var unfit error
	for _, k := range all {
		if k.Info.OS != r.guest.OS || k.Info.Arch != r.guest.Arch {
			continue
		}
		if err := bootsOn(k.Info, r.flags.machine); err != nil {
			unfit = err
			continue
		}
		return k, nil
	}
	name := defaultKernels[r.guest]
	k, err := r.app.fetchKernel(ctx, r.home, name, fetchFlags{mirror: r.flags.sources.mirror, packages: r.flags.sources.packages}, r.status)
	if err != nil {
		return k, errors.Join(noKernel(r.guest, err), unfit)
	}
	return k, nil
}

// bootsOn checks a kernel for a machine type, or for any when it is "".
func bootsOn(i kernel.Info, machineType string) error {
	if machineType != "" {
		return i.CanBoot(machineType)
	}
	if err := i.CanBoot(machine.TypeMicroVM); err == nil {
		return nil
	}
	return i.CanBoot(machine.TypePC)
}

// noKernel says what a user can do who has no kernel for a guest.
func noKernel(g image.Guest, err error) error {
	if g.OS == machine.Linux {
		return err
	}
	return fmt.Errorf("%w; or run it as a Linux guest: --guest linux", err)
}

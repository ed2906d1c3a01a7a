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

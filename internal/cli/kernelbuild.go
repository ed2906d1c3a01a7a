package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/kernel"
)

// buildFlags are the flags of kernel build.
type buildFlags struct {
	kernel.BuildOptions
	with []string
	name string
}

func newKernelBuild(a *app) *cobra.Command {
	var f buildFlags
	c := &cobra.Command{
		Use:   "build --src TREE",
		Short: "Build a NetBSD kernel with a source tree's build.sh, and import it",
		Long: `Build a NetBSD kernel by the build.sh of a source tree that is on this host, as
the article does: the tools first, if they are missing, then the kernel. Nothing
is fetched, and the tree is not written to. Without --config, the configuration
is what 'kernel config' writes for that tree. It takes an hour for the tools and
minutes for a kernel.`,
		Example: `  fakecracker kernel build --src ~/src/netbsd --arch i386 --name mine
  fakecracker kernel build --src ~/src/netbsd --arch amd64 --config GENERIC`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.Src == "" {
				return usagef("%s needs --src, a NetBSD source tree", c.CommandPath())
			}
			return a.buildKernel(c.Context(), f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.Src, "src", "", "the NetBSD source `TREE`")
	fl.StringVar(&f.Arch, "arch", "i386", "i386 or amd64")
	fl.StringVar(&f.ConfigFile, "config", "", "a configuration's `FILE`, or the name of one of the tree's")
	fl.StringSliceVar(&f.with, "with", nil, "more `FEATURES` for the configuration, see 'kernel config'")
	fl.StringVar(&f.Dir, "dir", "", "where objects and tools go, some 3 GB (default: below the state folder)")
	fl.StringVar(&f.ToolDir, "tools", "", "a `FOLDER` with tools that are built already")
	fl.IntVarP(&f.Jobs, "jobs", "j", 0, "jobs at a time (default: one for each processor)")
	fl.StringVar(&f.name, "name", "", "the kernel's name among the kernels at hand (default: FAKECRACKER-<arch>)")
	return c
}

func (a *app) buildKernel(ctx context.Context, f buildFlags) (err error) {
	home, err := a.home()
	if err != nil {
		return err
	}
	if f.Dir == "" {
		f.Dir = filepath.Join(home, "cache/kernel-build")
	}
	if f.name == "" {
		f.name = "fakecracker-" + f.Arch
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("build a kernel: %w", err)
	}
	if f.ConfigFile == "" {
		if f.ConfigFile, err = writeConfig(f); err != nil {
			return err
		}
	}
	logPath := filepath.Join(f.Dir, "build.log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("build a kernel: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	st := &status{w: a.err}
	st.line("log", "%s", logPath)
	f.Log = log
	f.Progress = func(step string) { st.line("build", "%s", step) }
	path, err := kernel.Build(ctx, f.BuildOptions)
	if err != nil {
		return err
	}
	k, err := a.kernelStore(home).Import(ctx, f.name, path)
	if err != nil {
		return err
	}
	return a.printKernel(k)
}

// writeConfig writes a minimal configuration for the tree.
func writeConfig(f buildFlags) (string, error) {
	var text bytes.Buffer
	if _, err := kernel.Config(&text, kernel.ConfigOptions{Arch: f.Arch, With: f.with, Src: f.Src}); err != nil {
		return "", err
	}
	path := filepath.Join(f.Dir, "FAKECRACKER")
	return path, atomicfile.WriteFile(path, text.Bytes(), 0o644)
}

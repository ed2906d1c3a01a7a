package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/kernel"
)

func newKernel(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "kernel",
		Short:   "List, inspect, fetch, configure and build kernels",
		GroupID: "kernel",
		Example: `  fakecracker kernel ls
  fakecracker kernel fetch netbsd-10.1-i386`,
		Args: verbOnly,
		RunE: showHelp,
	}
	c.AddCommand(
		newKernelLs(a),
		newKernelInspect(a),
		newKernelImport(a),
		newKernelFetch(a),
		newKernelConfig(a),
		newKernelBuild(a),
		newKernelRm(a),
	)
	return c
}

// store returns the kernels of the user's state folder.
func (a *app) store() (*kernel.Store, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	return a.kernelStore(home), nil
}

func newKernelLs(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Short:   "List the kernels at hand",
		Example: "  fakecracker kernel ls --json",
		Args:    exactArgs(0),
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			all, err := s.List()
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(all)
			}
			return a.printKernels(all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printKernels(all []kernel.Kernel) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.err, "no kernels yet: fakecracker kernel fetch --list, or: fakecracker kernel import FILE")
		return err
	}
	t := newTable(a.out, "NAME", "DIGEST", "KERNEL", "BOOTS ON", "SIZE")
	for _, k := range all {
		name := strings.Join(k.Names, ",")
		if name == "" {
			name = "-"
		}
		t.row(name, k.Digest[:12], k.Info.String(), strings.Join(k.Info.Machines, ","), formatSize(k.Info.Size))
	}
	return t.flush()
}

func newKernelInspect(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect FILE|NAME",
		Short: "Tell what a kernel is, and what it can boot on",
		Long: `Tell what a kernel is: format, system, version, boot protocols, drivers, file
systems and consoles, and the machine types it can boot on, or why it can't. A
name without a slash is a kernel of 'kernel ls' first, else a file.`,
		Example: `  fakecracker kernel inspect ./netbsd
  fakecracker kernel inspect --json netbsd-10.1-i386`,
		Args: exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			info, err := a.inspect(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(info)
			}
			return a.printKernelInfo(info)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) inspect(name string) (kernel.Info, error) {
	if !strings.Contains(name, "/") {
		home, err := a.homePath()
		if err != nil {
			return kernel.Info{}, err
		}
		if k, err := a.kernelStore(home).Get(name); err == nil {
			return k.Info, nil
		}
	}
	return kernel.Inspect(name)
}

func (a *app) printKernelInfo(i kernel.Info) error {
	t := newTable(a.out)
	row := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			t.row(name, text)
		}
	}
	format := i.Format
	if i.Compression != "" {
		format += ", " + i.Compression
	}
	row("kernel", "%s", i)
	row("format", "%s, %s", format, formatSize(i.Size))
	row("boot", "%s", strings.Join(i.Boot, ", "))
	row("boots on", "%s", strings.Join(i.Machines, ", "))
	if i.DriversFrom == "" {
		row("drivers", "not known from the file")
	} else {
		row("drivers", "%s", strings.Join(i.Drivers, ", "))
		row("files", "%s", strings.Join(i.Filesystems, ", "))
	}
	row("console", "%s", strings.Join(i.Consoles, ", "))
	for _, p := range i.Problems {
		row("problem", "%s", p)
	}
	return t.flush()
}

func newKernelImport(a *app) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Put a kernel file among the kernels at hand",
		Example: `  fakecracker kernel import --name mine ~/obj/sys/arch/i386/compile/FIRECRACKER/netbsd
  fakecracker run --kernel mine examples/static`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			if name == "" {
				name = defaultKernelName(args[0])
			}
			k, err := s.Import(c.Context(), name, args[0])
			if err != nil {
				return err
			}
			return a.printKernel(k)
		},
	}
	c.Flags().StringVar(&name, "name", "", "its name (default: the file's)")
	return c
}

// defaultKernelName is a file's name without what is around the kernel.
func defaultKernelName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".gz")
}

// printKernel says in a line what was put into the store.
func (a *app) printKernel(k kernel.Kernel) error {
	_, err := fmt.Fprintf(a.out, "%s  %s, boots on %s\n", k.Name(), k.Info, strings.Join(k.Info.Machines, ", "))
	if err != nil {
		return err
	}
	for _, p := range k.Info.Problems {
		if _, err := fmt.Fprintf(a.err, "note: %s\n", p); err != nil {
			return err
		}
	}
	return nil
}

func newKernelRm(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME...",
		Short:   "Remove kernels",
		Example: "  fakecracker kernel rm netbsd-10.1-i386",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes a name: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			return removeKernels(c.Context(), s, args)
		},
	}
}

func removeKernels(ctx context.Context, s *kernel.Store, names []string) error {
	for _, name := range names {
		if err := s.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

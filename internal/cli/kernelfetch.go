package cli

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian"
)

// fetchFlags say where a kernel is fetched from.
type fetchFlags struct {
	mirror     string
	smolMirror string
	packages   packageFlags
}

// packageFlags say how Debian's packages are got.
type packageFlags struct {
	offline bool
	refresh bool
	archive archiveFlags
}

func (f *packageFlags) declare(c *cobra.Command) {
	c.Flags().BoolVar(&f.offline, "offline", false, "use the package lists and packages that are there")
	c.Flags().BoolVar(&f.refresh, "refresh", false, "get new package lists, also when there are recent ones")
	f.archive.declare(c)
}

func newKernelFetch(a *app) *cobra.Command {
	var f fetchFlags
	var list bool
	c := &cobra.Command{
		Use:   "fetch NAME",
		Short: "Fetch a kernel, checked against its published digest",
		Long: `Fetch a kernel: a NetBSD release's, smolBSD's, or Debian's for Linux guests. It
is checked against the published digest, and a download that was broken off
goes on where it stopped. --list prints the names.`,
		Example: `  fakecracker kernel fetch netbsd-10.1-i386
  fakecracker kernel fetch --mirror /mnt/NetBSD netbsd-10.1-i386
  fakecracker kernel fetch linux`,
		Args: func(c *cobra.Command, args []string) error {
			if list {
				return exactArgs(0)(c, args)
			}
			return exactArgs(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if list {
				return a.printCatalog()
			}
			home, err := a.home()
			if err != nil {
				return err
			}
			k, err := a.fetchKernel(c.Context(), home, args[0], f, &status{w: a.err})
			if err != nil {
				return err
			}
			return a.printKernel(k)
		},
	}
	c.Flags().Var((*place)(&f.mirror), "mirror", serverUsage("mirror", "`ADDRESS` or folder that holds NetBSD's releases"))
	c.Flags().StringVar(&f.smolMirror, "smol-mirror", "", "`ADDRESS` or folder that holds smolBSD's kernels")
	f.packages.declare(c)
	c.Flags().BoolVar(&list, "list", false, "list the names that can be fetched")
	return c
}

func (a *app) printCatalog() error {
	t := newTable(a.out, "NAME", "GUEST", "WHAT")
	for _, r := range kernel.Catalog() {
		t.row(r.Name, r.OS+"/"+r.Arch, r.Text)
	}
	return t.flush()
}

// fetchKernel fetches a kernel into the store, with progress.
func (a *app) fetchKernel(ctx context.Context, home, name string, f fetchFlags, st *status) (kernel.Kernel, error) {
	st.line("kernel", "%-22s fetching", name)
	bar := newBar(st, "kernel "+name)
	defer bar.finish()
	return a.kernelStore(home).Fetch(ctx, name, kernel.FetchOptions{
		Mirror:     f.mirror,
		SmolMirror: f.smolMirror,
		CacheDir:   filepath.Join(home, "cache/downloads"),
		Packages:   linuxPackages{a.debian(home, f.packages, st)},
		Progress:   bar.set,
	})
}

// debian returns the source of Debian packages with its state below home.
func (a *app) debian(home string, f packageFlags, st *status) *debian.Source {
	return &debian.Source{
		Dir:      filepath.Join(home, "cache/apt"),
		Arch:     "amd64",
		Archive:  f.archive.source(),
		Offline:  f.offline,
		Refresh:  f.refresh,
		Time:     a.sourceDate(),
		Observer: source.Observer{Logger: a.logger(), Progress: func(text string) { st.pass("packages", text) }},
	}
}

// sourceDate is the time of generated files, and the latest of others:
// SOURCE_DATE_EPOCH, in seconds since 1970, or zero. What is no number was
// refused before.
func (a *app) sourceDate() time.Time {
	n, err := strconv.ParseInt(a.getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// linuxPackages finds Linux kernels among Debian's packages.
type linuxPackages struct{ source *debian.Source }

// LinuxKernel implements kernel.Packages.
func (p linuxPackages) LinuxKernel(ctx context.Context, arch string) (kernel.Bundle, error) {
	k, err := p.source.LinuxKernel(ctx, arch)
	if err != nil {
		return kernel.Bundle{}, err
	}
	b := kernel.Bundle{Image: k.Image, Origin: k.Origin}
	for _, f := range k.Files {
		b.Files = append(b.Files, kernel.BundleFile{Path: f.Path, Open: f.Open})
	}
	return b, nil
}

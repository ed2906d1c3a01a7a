package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/partition"
)

type saveFlags struct {
	output string
	gzip   bool
	format string
}

// The forms that images are saved in.
const (
	formatOCI     = "oci"
	formatSmolBSD = "smolbsd"
)

func newSave(a *app) *cobra.Command {
	var f saveFlags
	c := &cobra.Command{
		Use:   "save [-o FILE] NAME...",
		Short: "Save images to an archive",
		Long: `Save images to one archive in the form of the OCI image layout, which 'fakecracker
load', 'docker load' and others read. The archive is always the same for the
same images. Layers are packed with zstd; --gzip is for programs that do not
know that. --format smolbsd saves the root disk of one image of a NetBSD guest
in an archive of the same form, as smolBSD pushes it to registries.`,
		GroupID: "image",
		Example: `  fakecracker save -o web.tar web
  fakecracker save web | ssh server fakecracker load -`,
		Args: someArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return a.save(c.Context(), args, f)
		},
	}
	c.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE` (default: standard output, if it is no terminal)")
	c.Flags().BoolVar(&f.gzip, "gzip", false, "pack layers with gzip")
	c.Flags().StringVar(&f.format, "format", formatOCI, "`oci` or smolbsd: what is in the archive")
	return c
}

func (f saveFlags) check(names []string) error {
	switch {
	case f.format != formatOCI && f.format != formatSmolBSD:
		return usagef("--format %q: want %s or %s", f.format, formatOCI, formatSmolBSD)
	case f.format == formatSmolBSD && f.gzip:
		return usagef("--format smolbsd has no layers to pack with gzip")
	case f.format == formatSmolBSD && len(names) > 1:
		return usagef("--format smolbsd saves one image, not %d", len(names))
	}
	return nil
}

func (a *app) save(ctx context.Context, names []string, f saveFlags) error {
	if (f.output == "" || f.output == "-") && isTerminal(a.out) {
		return usagef("save writes an archive: say where to (-o FILE), or send it through a pipe")
	}
	s, err := a.images()
	if err != nil {
		return err
	}
	if f.output != "" && f.output != "-" {
		if err := checkDest(f.output); err != nil {
			return fmt.Errorf("-o %w", err)
		}
	}
	for _, name := range names {
		if _, err := s.Find(ctx, name); err != nil {
			return err
		}
	}
	write := func(w io.Writer) error { return a.saveImages(ctx, s, w, names, f) }
	if f.format == formatSmolBSD {
		write = func(w io.Writer) error { return a.saveDisk(ctx, s, w, names[0]) }
	}
	if f.output == "" || f.output == "-" {
		return write(a.out)
	}
	return atomicfile.Write(f.output, 0o644, write)
}

func (a *app) saveImages(ctx context.Context, s *store.Store, w io.Writer, names []string, f saveFlags) error {
	b := newBar(&status{w: a.err}, "save")
	defer b.finish()
	o := store.SaveOptions{Progress: b.set}
	if f.gzip {
		o.Compression = store.Gzip
	}
	return s.Save(ctx, w, names, o)
}

// saveDisk writes the image's root disk in smolBSD's form: a GPT with one
// partition that is called after the service.
func (a *app) saveDisk(ctx context.Context, s *store.Store, w io.Writer, name string) (err error) {
	img, info, err := s.Image(ctx, name)
	if err != nil {
		return err
	}
	if img.Guest.OS != machine.NetBSD {
		return fmt.Errorf("save %s: it is for %s, and smolBSD's form is for NetBSD", name, img.Guest)
	}
	if !img.Config.Init {
		fmt.Fprintf(a.err, "note: %s brings no /sbin/init with an /etc/rc: smolBSD's kernel will find nothing to start\n", name)
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	b := newBar(&status{w: a.err}, "disk")
	defer b.finish()
	d, err := disk.Derive(ctx, img, disk.Options{
		Dir:      filepath.Join(home, "cache/disks"),
		Layout:   disk.Layout{Scheme: partition.GPT, Version: 1},
		NotAfter: a.sourceDate(),
		Progress: b.set,
	})
	if err != nil {
		return err
	}
	b.finish()
	f, err := os.Open(d.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return store.WriteDisk(ctx, w, info.Name(), img.Guest, f)
}

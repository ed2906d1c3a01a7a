package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func newLoad(a *app) *cobra.Command {
	var f takeFlags
	c := &cobra.Command{
		Use:   "load FILE|FOLDER|-",
		Short: "Load images from an archive",
		Long: `Load images from an archive of 'fakecracker save' or 'docker save', compressed or
not, from a folder in the form of the OCI image layout, or from standard input
(-). A raw disk with an FFS, such as smolBSD's .img files, becomes an image of
its files. Each digest is checked before anything of an image is kept.`,
		GroupID: "image",
		Example: `  fakecracker load web.tar
  fakecracker load --guest netbsd/amd64 bozohttpd-amd64.img
  docker save debian:12 | fakecracker load -
  ssh builder fakecracker save web | fakecracker load -`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.load(c.Context(), args[0], f)
		},
	}
	f.declare(c)
	return c
}

func (a *app) load(ctx context.Context, from string, f takeFlags) error {
	s, err := a.images()
	if err != nil {
		return err
	}
	st := &status{w: a.err, quiet: f.quiet}
	b := newBar(st, "load "+from)
	defer b.finish()
	o, err := f.options(b)
	if err != nil {
		return err
	}
	var notes takeNotes
	o.Note = notes.add
	var all []store.Info
	if from == "-" {
		all, err = s.LoadFrom(ctx, a.in, o)
	} else {
		all, err = s.Load(ctx, from, o)
	}
	if err != nil {
		return err
	}
	b.finish()
	notes.print(st, from)
	return a.printTaken(all, f)
}

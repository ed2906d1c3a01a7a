package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

// takeFlags say how images from elsewhere are taken.
type takeFlags struct {
	tag   []string
	guest string
	json  bool
	quiet bool
}

func (f *takeFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.tag, "tag", "t", nil, "call it `NAME[:TAG]` (default: as it is called there)")
	fl.StringVar(&f.guest, "guest", "", "of several, the image for netbsd[/i386|/amd64] or linux (default: linux, else the only one)")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print the image's ID only")
}

// options returns what the flags mean, with a bar for the progress.
func (f *takeFlags) options(b *bar) (store.TakeOptions, error) {
	guest, err := parseGuest(f.guest)
	if err != nil {
		return store.TakeOptions{}, withCode(exitUsage, err)
	}
	return store.TakeOptions{Names: f.tag, Guest: guest, Progress: b.set}, nil
}

func newPull(a *app) *cobra.Command {
	var f takeFlags
	c := &cobra.Command{
		Use:   "pull NAME",
		Short: "Pull an image from a registry",
		Long: `Pull an image from a registry, to run it or to build on it. NAME is as docker has
it: alone it is one of Docker Hub's. Passwords are those of docker login; a
registry on this host may be without TLS. What is here already of an image's
layers is not fetched again.`,
		GroupID: "image",
		Example: `  fakecracker pull alpine:3.20
  fakecracker pull -t cache localhost:5000/team/cache:2`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.pull(c.Context(), args[0], f)
		},
	}
	f.declare(c)
	return c
}

func (a *app) pull(ctx context.Context, name string, f takeFlags) error {
	s, err := a.images()
	if err != nil {
		return err
	}
	st := &status{w: a.err, quiet: f.quiet}
	b := newBar(st, "pull "+name)
	defer b.finish()
	o, err := f.options(b)
	if err != nil {
		return err
	}
	var notes takeNotes
	o.Note = notes.add
	info, err := s.Pull(ctx, name, o)
	if err != nil {
		return err
	}
	b.finish()
	notes.print(st, name)
	return a.printTaken([]store.Info{info}, f)
}

// takeNotes are what of an image has no effect in a guest, to be printed once
// the bar is gone.
type takeNotes []string

func (n *takeNotes) add(text string) { *n = append(*n, text) }

func (n *takeNotes) print(st *status, name string) {
	for _, text := range *n {
		st.line("note", "%s: %s", name, text)
	}
}

// printTaken says what was put into the store.
func (a *app) printTaken(all []store.Info, f takeFlags) error {
	if f.json {
		return a.printJSON(all)
	}
	for _, i := range all {
		var err error
		if f.quiet {
			_, err = fmt.Fprintln(a.out, i.ID)
		} else {
			_, err = fmt.Fprintf(a.out, "%s  %s, %s, %s, %s\n", i.Name(), shortID(i.ID), i.Guest, countOf(len(i.Layers), "layer"), formatSize(i.Size))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

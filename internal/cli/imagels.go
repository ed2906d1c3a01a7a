package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func newImageLs(a *app) *cobra.Command {
	var asJSON, quiet bool
	c := &cobra.Command{
		Use:     "ls",
		Short:   "List the images at hand",
		Example: "  fakecracker image ls --json",
		Args:    exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			all, err := s.List(c.Context())
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.printJSON(all)
			case quiet:
				return a.printIDs(all)
			}
			return a.printImages(all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	return c
}

func (a *app) printIDs(all []store.Info) error {
	for _, i := range all {
		if _, err := fmt.Fprintln(a.out, shortID(i.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printImages(all []store.Info) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.err, "no images yet: fakecracker build PATH, pull NAME or load FILE")
		return err
	}
	t := newTable(a.out, "NAME", "TAG", "GUEST", "SIZE", "CREATED", "ID")
	for _, i := range all {
		names := i.Names
		if len(names) == 0 {
			names = []string{"-"}
		}
		for _, n := range names {
			repo, tag := store.SplitName(n)
			if tag == "" {
				tag = "-"
			}
			t.row(repo, tag, i.Guest.String(), formatSize(i.Size), i.Created.Format(time.DateOnly), shortID(i.ID))
		}
	}
	return t.flush()
}

// shortID is the part of an image's ID that people are shown.
func shortID(id string) string {
	const algorithm, digits = len("sha256:"), 12
	return id[min(algorithm, len(id)):min(algorithm+digits, len(id))]
}

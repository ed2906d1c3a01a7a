package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newImagePrune(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "prune",
		Short:   "Remove images without a name, and what no image needs",
		Example: "  fakecracker image prune",
		Args:    exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			p, err := s.Prune(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(p)
			}
			_, err = fmt.Fprintf(a.out, "removed %s and %s, %s\n", countOf(len(p.Images), "image"), countOf(p.Layers, "layer"), formatSize(p.Bytes))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

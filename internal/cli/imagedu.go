package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func newImageDu(a *app) *cobra.Command {
	var asJSON bool
	var by string
	c := &cobra.Command{
		Use:   "du NAME",
		Short: "Tell what takes the room in an image, the largest first",
		Example: `  fakecracker image du web
  fakecracker image du --by layer web`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			img, info, err := s.Image(c.Context(), args[0])
			if err != nil {
				return err
			}
			shares, err := s.Usage(img, info, by)
			if err != nil {
				return withCode(exitUsage, err)
			}
			if asJSON {
				return a.printJSON(shares)
			}
			return a.printShares(shares)
		},
	}
	c.Flags().StringVar(&by, "by", store.ByPackage, "`package`, layer or reason: what sizes are summed up by")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printShares(shares []store.Share) error {
	t := newTable(a.out, "SIZE", "FILES", "WHAT")
	var sum store.Share
	for _, s := range shares {
		t.row(formatSize(s.Size), strconv.Itoa(s.Files), inLine(s.What))
		sum.Size += s.Size
		sum.Files += s.Files
	}
	t.row(formatSize(sum.Size), strconv.Itoa(sum.Files), "all")
	return t.flush()
}

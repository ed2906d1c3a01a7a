package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func newImageHistory(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "history NAME",
		Short:   "Show the steps that made an image, the newest first",
		Example: "  fakecracker image history web",
		Args:    exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			info, err := s.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			slices.Reverse(info.History)
			if asJSON {
				return a.printJSON(info.History)
			}
			return a.printHistory(info.History)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printHistory(steps []store.History) error {
	t := newTable(a.out, "LAYER", "SIZE", "CREATED BY")
	for _, h := range steps {
		layer, size := "-", "-"
		if h.Layer != "" {
			layer, size = shortID(h.Layer), formatSize(h.Size)
		}
		t.row(layer, size, inLine(h.CreatedBy))
	}
	return t.flush()
}

// inLine is a text, which may come from anyone, as one line.
func inLine(text string) string {
	return printable(strings.Join(strings.Fields(text), " "))
}

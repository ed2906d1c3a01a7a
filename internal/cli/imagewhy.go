package cli

import (
	"bufio"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func newImageWhy(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "why NAME PATH",
		Short: "Tell what brought a file into an image",
		Long: `Tell what brought a file into an image: the file that needs it, the package that
is from, the packages that need that one, and the line that asked for it. Of a
file of a pulled image it tells the step of its layer.`,
		Example: "  fakecracker image why web /usr/lib/libpcre2-8.so.0",
		Args:    exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			img, info, err := s.Image(c.Context(), args[0])
			if err != nil {
				return err
			}
			e, reasons, err := store.Why(&img.Tree, info.Packages, path.Clean("/"+args[1]))
			if err != nil {
				return fmt.Errorf("image %s: %w", args[0], err)
			}
			if asJSON {
				return a.printJSON(whyResult{e.Path, e.Type, e.Size, reasons})
			}
			return a.printWhy(e, reasons)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// whyResult is what image why prints as JSON.
type whyResult struct {
	Path    string    `json:"path"`
	Type    tree.Type `json:"type"`
	Size    int64     `json:"size"` // bytes
	Reasons []string  `json:"reasons"`
}

func (a *app) printWhy(e tree.Entry, reasons []string) error {
	what := string(e.Type)
	switch e.Type {
	case tree.File:
		what = formatSize(e.Size)
	case tree.Symlink, tree.Hardlink:
		what += " to " + e.Link
	}
	out := bufio.NewWriter(a.out)
	fmt.Fprintf(out, "%s (%s)\n", quoted(e.Path), printable(what))
	for _, r := range reasons {
		fmt.Fprintf(out, "  %s\n", strings.TrimSpace(printable(r)))
	}
	if len(reasons) == 0 {
		fmt.Fprintln(out, "  the image doesn't say")
	}
	return out.Flush()
}

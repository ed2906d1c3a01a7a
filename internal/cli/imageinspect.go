package cli

import "github.com/spf13/cobra"

func newImageInspect(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect NAME",
		Short: "Print all that is known of an image, as JSON",
		Example: `  fakecracker image inspect web
  fakecracker image inspect web:1 | jq .config.env`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			info, err := s.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printJSON(info)
		},
	}
}

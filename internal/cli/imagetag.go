package cli

import "github.com/spf13/cobra"

func newImageTag(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "tag NAME NEW",
		Short: "Give an image another name",
		Example: `  fakecracker image tag web web:stable
  fakecracker image tag 3f2a11c0 web`,
		Args: exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			return s.Tag(c.Context(), args[1], args[0])
		},
	}
}

package cli

import "github.com/spf13/cobra"

func newImageRm(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove names of images, and images without a name",
		Long: `Remove names of images. An image goes with its last name, and with it what no
other image has of its files. A VM that runs is not disturbed.`,
		Example: "  fakecracker image rm web:1",
		Args:    someArgs,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := s.Remove(c.Context(), name, force); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "remove the image with all its names")
	return c
}

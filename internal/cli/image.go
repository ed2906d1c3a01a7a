package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

func newImage(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "image",
		Short: "List, inspect, compare, name and remove images",
		Long: `List, inspect, compare, name and remove the images on this machine: those that
were built, pulled and loaded. NAME is a name with or without a tag (:latest is
meant then), or the beginning of an ID.`,
		GroupID: "image",
		Example: `  fakecracker image ls
  fakecracker image why web /usr/lib/libpcre2-8.so.0
  fakecracker image du web`,
		Args: verbOnly,
		RunE: showHelp,
	}
	c.AddCommand(
		newImageLs(a),
		newImageInspect(a),
		newImageHistory(a),
		newImageWhy(a),
		newImageDu(a),
		newImageDiff(a),
		newImageTag(a),
		newImageRm(a),
		newImagePrune(a),
	)
	return c
}

// images returns the images of the user's state folder.
func (a *app) images() (*store.Store, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	return &store.Store{Dir: filepath.Join(home, "images"), Logger: a.logger()}, nil
}

// someArgs returns a check that a command has an argument or more, which its
// usage line names.
func someArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s takes a name: %s", c.CommandPath(), c.UseLine())
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newDiskCat(a *app) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:   "cat [flags] FILE PATH...",
		Short: "Write files on a disk to standard output",
		Example: `  fakecracker disk cat disk.img /etc/rc.conf
  fakecracker disk cat disk.img /var/log/messages | tail`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("%s needs a disk and a path: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			d, err := openDisk(args[0], partition)
			if err != nil {
				return err
			}
			defer d.Close()
			for _, p := range args[1:] {
				if err := a.diskCat(c.Context(), d, imagePath(p)); err != nil {
					return d.named(err)
				}
			}
			return nil
		},
	}
	declarePartition(c, &partition)
	return c
}

func (a *app) diskCat(ctx context.Context, d *diskFS, p string) error {
	f, err := d.Open(p)
	if err != nil {
		return err
	}
	defer f.Close() // was only read
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("cat %s: not a file with contents: it is a %s", p, fileTypes[fi.Mode().Type()])
	}
	_, err = io.Copy(contextWriter{ctx, a.out}, f)
	return err
}

// A contextWriter writes until a context ends.
type contextWriter struct {
	ctx context.Context // of the one copy that it is made for
	w   io.Writer
}

func (w contextWriter) Write(b []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}

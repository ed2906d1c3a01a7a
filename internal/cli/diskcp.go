package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/copyout"
)

func newDiskCp(a *app) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:   "cp [flags] FILE PATH... DEST",
		Short: "Copy files and folders from a disk to this host",
		Long: `Copy files and folders from a disk to this host, as cp -a does: with modes,
times, links and holes, and as root with owners and devices. Into DEST if that
is a folder, else under that name; what the root folder holds comes right into
DEST. Nothing is written anywhere else, whatever names and links the disk has.`,
		Example: `  fakecracker disk cp disk.img /etc/rc.conf .
  fakecracker disk cp disk.img / everything
  fakecracker disk cp disk.img /bin /usr/bin programs/`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 3 {
				return usagef("%s needs a disk, a path and where to copy to: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			d, err := openDisk(args[0], partition)
			if err != nil {
				return err
			}
			defer d.Close()
			return a.diskCp(c.Context(), d, args[1:len(args)-1], args[len(args)-1])
		},
	}
	declarePartition(c, &partition)
	return c
}

func (a *app) diskCp(ctx context.Context, d *diskFS, paths []string, dest string) error {
	var sum copyout.Result
	for _, p := range paths {
		r, err := a.copyPath(ctx, d, imagePath(p), dest, len(paths) > 1)
		if err != nil {
			return err
		}
		sum.Owners += r.Owners
		sum.Devices += r.Devices
		sum.Failed += r.Failed
	}
	var kept []string
	if sum.Owners > 0 {
		kept = append(kept, countOf(sum.Owners, "owner")+" not kept")
	}
	if sum.Devices > 0 {
		kept = append(kept, countOf(sum.Devices, "device")+" not made")
	}
	if len(kept) > 0 {
		fmt.Fprintf(a.err, "note: %s: that takes root\n", strings.Join(kept, ", "))
	}
	if sum.Failed > 0 {
		return fmt.Errorf("%s could not be copied", countOf(sum.Failed, "file"))
	}
	return nil
}

// copyPath copies what is at the image's path p into dest, or to that name.
func (a *app) copyPath(ctx context.Context, d *diskFS, p, dest string, several bool) (copyout.Result, error) {
	fi, err := d.Lstat(p)
	if err != nil {
		return copyout.Result{}, err
	}
	dir, name, err := destination(p, dest, fi.IsDir(), several)
	if err != nil {
		return copyout.Result{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return copyout.Result{}, fmt.Errorf("copy to %s: %w", dest, errors.Unwrap(err))
	}
	defer root.Close() // what is written is closed already
	return copyout.Copy(ctx, root, name, path.Join("/", p), d.Walk(p), copyout.Options{Failed: func(err error) error {
		_, err = fmt.Fprintf(a.err, "%s\n", oneLine(err))
		return err
	}})
}

// destination returns the host's folder, and the name in it, that the image's
// path p is copied to.
func destination(p, dest string, isDir, several bool) (dir, name string, err error) {
	fi, err := os.Stat(dest)
	switch {
	case err == nil && fi.IsDir():
		return dest, path.Base(p), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", "", err
	case err == nil && (several || isDir):
		return "", "", fmt.Errorf("copy to %s: it is no folder", dest)
	case err == nil && !fi.Mode().IsRegular(): // a device would lose its name
		return "", "", fmt.Errorf("copy to %s: it is a %s: name a file or a folder, or use cat", dest, fileTypes[fi.Mode().Type()])
	case several:
		return "", "", fmt.Errorf("copy to %s: there is no such folder", dest)
	case isDir: // DEST itself bounds what is written
		if err := os.Mkdir(dest, 0o700); err != nil {
			return "", "", err
		}
		return dest, ".", nil
	case strings.HasSuffix(dest, "/"):
		return "", "", fmt.Errorf("copy to %s: there is no such folder", dest)
	}
	dest = filepath.Clean(dest)
	return filepath.Dir(dest), filepath.Base(dest), nil
}

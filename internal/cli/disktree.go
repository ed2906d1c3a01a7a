package cli

import (
	"bufio"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/spf13/cobra"
)

func newDiskTree(a *app) *cobra.Command {
	var partition string
	var depth int
	c := &cobra.Command{
		Use:   "tree [flags] FILE [PATH]",
		Short: "Show the files on a disk as a tree",
		Example: `  fakecracker disk tree disk.img
  fakecracker disk tree --depth 2 disk.img /usr`,
		Args: diskArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if depth < 0 {
				return usagef("--depth %d: want a number of levels, or 0 for all", depth)
			}
			d, err := openDisk(args[0], partition)
			if err != nil {
				return err
			}
			defer d.Close()
			return d.named(a.diskTree(c.Context(), d, pathArg(args), depth))
		},
	}
	c.Flags().IntVar(&depth, "depth", 0, "show so many `LEVELS` (default: all)")
	declarePartition(c, &partition)
	return c
}

func (a *app) diskTree(ctx context.Context, d *diskFS, p string, depth int) error {
	fi, err := d.Stat(p)
	if err != nil {
		return err
	}
	l, err := d.list(p, fi)
	if err != nil {
		return err
	}
	t := treePrinter{disk: d, out: bufio.NewWriter(a.out), depth: depth}
	fmt.Fprintln(t.out, quoted(l.Path))
	if fi.IsDir() {
		err = t.folder(ctx, p, "", 1)
		fmt.Fprintf(t.out, "\n%s, %s\n", countOf(t.folders, "folder"), countOf(t.files, "file"))
	}
	if flushErr := t.out.Flush(); flushErr != nil { // keeps the first error of writing
		return flushErr
	}
	return err
}

type treePrinter struct {
	disk           *diskFS
	out            *bufio.Writer
	depth          int
	files, folders int
}

// folder prints what is in the folder at p, each line after the indent.
func (t *treePrinter) folder(ctx context.Context, p, indent string, level int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	files, below, err := t.disk.listDir(p)
	for n, l := range files {
		branch, deeper := "├── ", "│   "
		if n == len(files)-1 {
			branch, deeper = "└── ", "    "
		}
		fmt.Fprintln(t.out, indent+branch+l.named())
		if !l.mode.IsDir() {
			t.files++
			continue
		}
		t.folders++
		at := path.Join(p, l.name)
		if level == t.depth || !slices.Contains(below, at) {
			continue
		}
		if e := t.folder(ctx, at, indent+deeper, level+1); e != nil && err == nil {
			err = e
		}
	}
	return err
}

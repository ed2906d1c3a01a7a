package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/ffs"
)

func newDiskCheck(a *app) *cobra.Command {
	var partition string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [flags] FILE",
		Short: "Check the file system on a disk, as fsck does without mending",
		Long: `Check the file system on a disk: superblock, inodes, directories, links, maps
and summaries. It exits with 1 if anything is wrong. Nothing is mended.`,
		Example: `  fakecracker disk check disk.img
  fakecracker disk check --json --partition a disk.img`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.diskCheck(c.Context(), args[0], partition, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	declarePartition(c, &partition)
	return c
}

// A diskFinding is a finding of check as JSON has it.
type diskFinding struct {
	Where   string `json:"where"`
	Problem string `json:"problem"`
}

func (a *app) diskCheck(ctx context.Context, name, partition string, asJSON bool) error {
	d, err := openPartition(name, partition)
	if err != nil {
		return fmt.Errorf("open disk %s: %w", name, err)
	}
	defer d.Close()
	found, err := ffs.Check(ctx, d.part, d.size)
	if err != nil {
		return fmt.Errorf("check disk %s: %w", name, foreign(d.part, err))
	}
	all := make([]diskFinding, len(found))
	for n, f := range found {
		all[n] = diskFinding(f)
	}
	if asJSON {
		err = a.printJSON(all)
	} else {
		err = a.printDiskFindings(d, all)
	}
	if err == nil && len(all) > 0 {
		return &exitError{exitFailed, fmt.Errorf("check disk %s: %s", name, countOf(len(all), "finding"))}
	}
	return err
}

func (a *app) printDiskFindings(d *diskFS, all []diskFinding) error {
	for _, f := range all {
		if _, err := fmt.Fprintf(a.out, "%s: %s\n", printable(f.Where), printable(f.Problem)); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		return nil
	}
	var err error
	if d.FS, err = ffs.Open(d.part); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s: no findings\n", d.describe())
	return err
}

// countOf is a number with its noun: "1 finding", "2 findings".
func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

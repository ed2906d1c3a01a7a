package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/tree"
)

func newImageDiff(a *app) *cobra.Command {
	var noTimes, asJSON bool
	c := &cobra.Command{
		Use:   "diff NAME NAME",
		Short: "Compare the files of two images",
		Long: `Compare the files of two images. A line begins with - for what only the first
has, + for what only the second has, and ! for what changed, with a list of
that. It exits with 1 if there is a difference, and as diff(1) with 2 if
something is wrong.`,
		Example: `  fakecracker image diff web:1 web:2
  fakecracker image diff --no-times web:1 web:2`,
		Args: exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			err := interrupted(c.Context(), a.imageDiff(c.Context(), args, noTimes, asJSON))
			if c.Context().Err() != nil {
				return err
			}
			return withCode(exitUsage, err)
		},
	}
	c.Flags().BoolVar(&noTimes, "no-times", false, "leave modification times out")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) imageDiff(ctx context.Context, names []string, noTimes, asJSON bool) error {
	s, err := a.images()
	if err != nil {
		return err
	}
	var trees [2]tree.Tree
	for i, name := range names {
		img, _, err := s.Image(ctx, name)
		if err != nil {
			return err
		}
		trees[i] = img.Tree
	}
	all := treeDifferences(&trees[0], &trees[1], noTimes)
	if asJSON {
		err = a.printJSON(all)
	} else {
		err = a.printDifferences(all)
	}
	if err == nil && len(all) > 0 {
		return &exitError{code: exitFailed}
	}
	return err
}

func (a *app) printDifferences(all []difference) error {
	out := bufio.NewWriter(a.out)
	for _, d := range all {
		fmt.Fprintln(out, d)
	}
	return out.Flush()
}

// treeDifferences lists what differs, folders before what is in them.
func treeDifferences(a, b *tree.Tree, noTimes bool) []difference {
	all := []difference{}
	for _, e := range a.All() {
		now, ok := b.Get(e.Path)
		if !ok {
			all = append(all, difference{Kind: "removed", Path: e.Path})
		} else if c := entryChanges(e, now, noTimes); len(c) > 0 {
			all = append(all, difference{Kind: "changed", Path: e.Path, Changes: c})
		}
	}
	for _, e := range b.All() {
		if _, ok := a.Get(e.Path); !ok {
			all = append(all, difference{Kind: "added", Path: e.Path})
		}
	}
	slashesFirst := strings.NewReplacer("/", "\x00")
	slices.SortFunc(all, func(a, b difference) int {
		return strings.Compare(slashesFirst.Replace(a.Path), slashesFirst.Replace(b.Path))
	})
	return all
}

// entryChanges lists what differs, in the words of disk diff.
func entryChanges(a, b tree.Entry, noTimes bool) []string {
	var all []string
	add := func(what, was, is string) {
		if was != is {
			all = append(all, fmt.Sprintf("%s %s -> %s", what, was, is))
		}
	}
	if a.Type == tree.Hardlink || b.Type == tree.Hardlink {
		add("hard link", linkOf(a), linkOf(b))
		return all
	}
	add("type", string(a.Type), string(b.Type))
	add("mode", fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode))
	add("owner", fmt.Sprint(a.UID), fmt.Sprint(b.UID))
	add("group", fmt.Sprint(a.GID), fmt.Sprint(b.GID))
	if a.Type != b.Type {
		return all
	}
	add("size", fmt.Sprint(a.Size), fmt.Sprint(b.Size))
	add("target", quoted(a.Link), quoted(b.Link))
	add("device", fmt.Sprintf("%d,%d", a.Major, a.Minor), fmt.Sprintf("%d,%d", b.Major, b.Minor))
	if !noTimes && !a.ModTime.Equal(b.ModTime) {
		add("time", a.ModTime.UTC().Format(time.RFC3339Nano), b.ModTime.UTC().Format(time.RFC3339Nano))
	}
	if a.Size == b.Size && a.Digest != b.Digest {
		all = append(all, "contents")
	}
	return all
}

func linkOf(e tree.Entry) string {
	if e.Type != tree.Hardlink {
		return "none"
	}
	return quoted(e.Link)
}

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/tree"
)

type diffOptions struct {
	partition     string
	json, noTimes bool
}

func newDiskDiff(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff [flags] FILE FILE [PATH]",
		Short: "Compare the files on two disks",
		Long: `Compare the files on two disks, or below a path on both. A line begins with -
for what only the first has, + for what only the second has, and ! for what
changed, with a list of that. Modification times count, others don't. It exits
with 1 if there is a difference, and as diff(1) with 2 if something is wrong.`,
		Example: `  fakecracker disk diff old.img new.img
  fakecracker disk diff --no-times old.img new.img /etc`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return usagef("%s needs two disks, and takes a path: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			err := interrupted(c.Context(), a.diskDiff(c.Context(), args, o))
			if c.Context().Err() != nil {
				return err
			}
			return withCode(exitUsage, err)
		},
	}
	c.Flags().BoolVar(&o.noTimes, "no-times", false, "leave modification times out")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	declarePartition(c, &o.partition)
	return c
}

// A difference is one path on which two disks differ.
type difference struct {
	Kind    string   `json:"kind"` // "removed", "added" or "changed"
	Path    string   `json:"path"`
	Changes []string `json:"changes,omitempty"`
}

func (a *app) diskDiff(ctx context.Context, args []string, o diffOptions) error {
	first, err := openDisk(args[0], o.partition)
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := openDisk(args[1], o.partition)
	if err != nil {
		return err
	}
	defer second.Close()
	p := pathArg(args[1:])
	out := bufio.NewWriter(a.out)
	all := []difference{}
	for d, err := range differences(ctx, first.walk(p), second.walk(p), o) {
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		all = append(all, d)
		if !o.json {
			fmt.Fprintln(out, d)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if o.json {
		err = a.printJSON(all)
	}
	if err == nil && len(all) > 0 {
		return &exitError{code: exitFailed}
	}
	return err
}

func (d difference) String() string {
	sign := map[string]string{"removed": "-", "added": "+", "changed": "!"}[d.Kind]
	if len(d.Changes) == 0 {
		return sign + " " + quoted(d.Path)
	}
	return sign + " " + quoted(d.Path) + ": " + strings.Join(d.Changes, ", ")
}

// differences goes through two sorted trees side by side.
func differences(ctx context.Context, a, b iter.Seq2[ffs.Entry, error], o diffOptions) iter.Seq2[difference, error] {
	return func(yield func(difference, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()
		ea, errA, okA := nextA()
		eb, errB, okB := nextB()
		for okA || okB {
			if err := errors.Join(context.Cause(ctx), errA, errB); err != nil {
				yield(difference{}, err)
				return
			}
			order := side(ea, eb, okA, okB)
			d, err := compare(ea, eb, order, o)
			if (err != nil || d.Kind != "") && !yield(d, err) {
				return
			}
			if order <= 0 {
				ea, errA, okA = nextA()
			}
			if order >= 0 {
				eb, errB, okB = nextB()
			}
		}
	}
}

// side is negative if the first tree's entry comes before the second's.
func side(a, b ffs.Entry, okA, okB bool) int {
	switch {
	case !okA:
		return 1
	case !okB:
		return -1
	}
	slashesFirst := strings.NewReplacer("/", "\x00")
	return strings.Compare(slashesFirst.Replace(a.Path), slashesFirst.Replace(b.Path))
}

// compare returns the difference of two entries, of which order says if both
// are of one path. Its Kind is empty if there is none.
func compare(a, b ffs.Entry, order int, o diffOptions) (difference, error) {
	switch {
	case order < 0:
		return difference{Kind: "removed", Path: a.Path}, nil
	case order > 0:
		return difference{Kind: "added", Path: b.Path}, nil
	}
	d := difference{Path: a.Path, Changes: changes(a, b, o)}
	same, err := sameContents(a, b)
	if err != nil {
		return d, err
	}
	if !same {
		d.Changes = append(d.Changes, "contents")
	}
	if len(d.Changes) > 0 {
		d.Kind = "changed"
	}
	return d, nil
}

// changes lists what differs but for the contents.
func changes(a, b ffs.Entry, o diffOptions) []string {
	var all []string
	add := func(what, was, is string) {
		if was != is {
			all = append(all, fmt.Sprintf("%s %s -> %s", what, was, is))
		}
	}
	if a.Hardlink != "" || b.Hardlink != "" {
		add("hard link", hardlink(a), hardlink(b))
		return all
	}
	add("type", fileTypes[a.Mode.Type()], fileTypes[b.Mode.Type()])
	add("mode", octal(a.Mode), octal(b.Mode))
	add("owner", fmt.Sprint(a.UID), fmt.Sprint(b.UID))
	add("group", fmt.Sprint(a.GID), fmt.Sprint(b.GID))
	add("flags", fmt.Sprintf("%#x", a.Flags), fmt.Sprintf("%#x", b.Flags))
	if a.Mode.Type() != b.Mode.Type() {
		return all
	}
	add("size", fmt.Sprint(a.Size), fmt.Sprint(b.Size))
	add("target", quoted(a.Target), quoted(b.Target))
	add("device", fmt.Sprintf("%d,%d", a.Major, a.Minor), fmt.Sprintf("%d,%d", b.Major, b.Minor))
	if !o.noTimes {
		add("time", a.ModTime.Format(time.RFC3339Nano), b.ModTime.Format(time.RFC3339Nano))
	}
	return all
}

func hardlink(e ffs.Entry) string {
	if e.Hardlink == "" {
		return "none"
	}
	return quoted(e.Hardlink)
}

// octal is a mode as chmod takes it.
func octal(m fs.FileMode) string { return fmt.Sprintf("%04o", tree.ModeOf(m)) }

// sameContents compares regular files of the same size.
func sameContents(a, b ffs.Entry) (same bool, err error) {
	if !a.Mode.IsRegular() || !b.Mode.IsRegular() || a.Size != b.Size || a.Size == 0 || a.Hardlink != "" || b.Hardlink != "" {
		return true, nil
	}
	ra, err := a.Open()
	if err != nil {
		return false, err
	}
	defer ra.Close() // was only read
	rb, err := b.Open()
	if err != nil {
		return false, err
	}
	defer rb.Close()
	return sameBytes(ra, rb, a.Size)
}

// sameBytes compares what two readers have, size bytes each.
func sameBytes(a, b io.Reader, size int64) (bool, error) {
	ba := make([]byte, min(size, 1<<20))
	bb := make([]byte, len(ba))
	for size > 0 {
		n := min(size, int64(len(ba)))
		if _, err := io.ReadFull(a, ba[:n]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(b, bb[:n]); err != nil {
			return false, err
		}
		if !bytes.Equal(ba[:n], bb[:n]) {
			return false, nil
		}
		size -= n
	}
	return true, nil
}

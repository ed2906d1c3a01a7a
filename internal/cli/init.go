package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/examples"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
	"github.com/fakecracker/fakecracker/internal/spelling"
)

// initFlags are the flags of init.
type initFlags struct {
	from string
	list bool
}

func newInit(a *app) *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init [flags] [DIR]",
		Short: "Write a commented example of a ship to begin with",
		Long: `Write a commented example of a ship into DIR, which is made if it is not there
(default: the current folder). Files that are there already are never replaced.
The examples are those of the project's folder examples; --list names them.`,
		Example: `  fakecracker init web
  fakecracker init --from go hello
  fakecracker init --list`,
		GroupID: "image",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("fakecracker init takes one folder, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.list {
				return a.listExamples()
			}
			return f.run(c.Context(), a, slices.Concat(args, []string{"."})[0])
		},
	}
	c.Flags().StringVar(&f.from, "from", examples.All()[0].Name, "the example's `NAME`")
	c.Flags().BoolVar(&f.list, "list", false, "list the examples")
	return c
}

func (a *app) listExamples() error {
	t := newTable(a.out, "NAME", "WHAT")
	for _, e := range examples.All() {
		t.row(e.Name, e.Text)
	}
	return t.flush()
}

// findExample returns the example of that name.
func findExample(name string) (examples.Example, error) {
	var names []string
	for _, e := range examples.All() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	hint := "there are " + strings.Join(names, ", ")
	if near := spelling.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return examples.Example{}, usagef("no example %q (%s)", name, hint)
}

// run writes the example, and says what to type next.
func (f *initFlags) run(ctx context.Context, a *app, dir string) error {
	e, err := findExample(f.from)
	if err != nil {
		return err
	}
	from, err := e.Files()
	if err != nil {
		return err
	}
	paths, err := filesOf(from)
	if err != nil {
		return err
	}
	if err := mayWrite(dir, paths); err != nil {
		return err
	}
	for _, p := range paths {
		if err := writeExample(ctx, from, p, dir); err != nil {
			return err
		}
	}
	return a.tellNext(e, dir, paths)
}

// filesOf lists the files, in the order that they are shown in.
func filesOf(from fs.FS) ([]string, error) {
	var paths []string
	err := fs.WalkDir(from, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, p)
		}
		return err
	})
	return paths, err
}

// mayWrite refuses to replace a file, before any is written, and to put a
// definition beside another, of which only one would be read.
func mayWrite(dir string, paths []string) error {
	if err := checkFolder(dir); err != nil {
		return err
	}
	for _, p := range slices.Concat(paths, []string{"ship.conf", "Dockerfile", "SMOLerfile"}) {
		_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(p)))
		if err == nil {
			return fmt.Errorf("%s is there already: nothing was written; name another folder, as in: fakecracker init NEW", filepath.Join(dir, p))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into %s: %w", dir, err)
		}
	}
	return nil
}

// writeExample writes one file of an example below dir. What begins with #! is
// executable.
func writeExample(ctx context.Context, from fs.FS, name, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(string(text), "#!") {
		mode = 0o755
	}
	return atomicfile.WriteFile(path, text, mode)
}

// tellNext prints what was written, and the commands that use it.
func (a *app) tellNext(e examples.Example, dir string, paths []string) error {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "wrote  %s\n", filepath.Join(dir, filepath.FromSlash(p)))
	}
	word := "next"
	if e.Build != "" {
		build := e.Build
		if filepath.Clean(dir) != "." {
			build = "(" + qemu.Quote([]string{"cd", dir}) + " && " + build + ")"
		}
		fmt.Fprintf(&b, "next   %s\n", build)
		word = "then"
	}
	fmt.Fprintf(&b, "%s   fakecracker run %s %s\n", word, e.Flags, qemu.Quote([]string{shipPath(dir)}))
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// shipPath makes a folder that init was told one that run takes for a path:
// without a / it may be the name of an image, too.
func shipPath(dir string) string {
	dir = filepath.Clean(dir)
	if dir == "." || strings.ContainsRune(dir, filepath.Separator) {
		return dir
	}
	return "." + string(filepath.Separator) + dir
}

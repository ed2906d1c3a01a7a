package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// errNoContext says that COPY has nothing to copy from.
var errNoContext = errors.New("there is no build context")

// context reads those files of the build context that the source names,
// without what .dockerignore and --exclude leave out.
func (b *builder) context(ctx context.Context, c copying, source string) (tree.Tree, error) {
	var all tree.Tree
	if b.ship.Context == "" {
		return all, errNoContext
	}
	ignored, err := newIgnore(b.ship.Ignore)
	if err != nil {
		return all, fmt.Errorf(".dockerignore: %w", err)
	}
	r := contextReader{builder: b, all: &all, ignored: ignored}
	pattern := path.Join("/", filepath.ToSlash(source))
	switch {
	case !c.Parents:
		r.exclude = c.exclude
	case pattern != "/":
		if r.only, err = newIgnore([]string{strings.TrimPrefix(pattern, "/")}); err != nil {
			return all, fmt.Errorf("pattern %s: %w", source, err)
		}
		pattern = plainPart(pattern)
	}
	hosts, err := filepath.Glob(filepath.Join(globQuote(b.ship.Context), filepath.FromSlash(pattern)))
	if err != nil {
		return all, fmt.Errorf("pattern %s: %w", source, err)
	}
	for _, host := range hosts {
		if err := r.add(ctx, host); err != nil {
			return all, err
		}
	}
	all.MakeParents(b.time())
	return all, nil
}

// plainPart returns the folders at the start of a pattern that are names, or
// all of it where it is no pattern.
func plainPart(pattern string) string {
	if !isPattern(pattern) {
		return pattern
	}
	parts := strings.Split(pattern, "/")
	return "/" + path.Join(parts[:slices.IndexFunc(parts, isPattern)]...)
}

// globQuote makes a folder's name a pattern that only it matches.
func globQuote(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// contextReader reads files of a build context.
type contextReader struct {
	*builder
	all     *tree.Tree // what was read
	ignored ignore     // by the .dockerignore
	exclude ignore     // of the folder that is read
	only    ignore     // of the context, for --parents: the files that are wanted
}

// add reads the file or folder at host. A symbolic link is followed, as long
// as it stays in the context.
func (r *contextReader) add(ctx context.Context, host string) error {
	rel, err := filepath.Rel(r.ship.Context, host)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	if rel != "." && r.ignored.skip(rel, true) {
		return nil // wherever it leads, if anywhere
	}
	real, realRel, err := r.inside(host)
	if err != nil {
		return err
	}
	fi, err := os.Stat(real)
	if err != nil {
		return err
	}
	for _, p := range []string{rel, realRel} {
		if p != "." && r.ignored.skip(p, fi.IsDir()) {
			return nil
		}
	}
	if err := r.addParents(path.Dir(path.Join("/", rel))); err != nil {
		return err
	}
	if fi.IsDir() {
		return r.addFolder(ctx, host, real, rel, fi)
	}
	if !fi.Mode().IsRegular() {
		r.noteOdd(host, fi.Mode())
		return nil
	}
	e, err := tree.FromFile(real, path.Join("/", rel), tree.ModeOf(fi.Mode()), "")
	if err != nil {
		return err
	}
	r.noteInput(host, &e)
	return r.all.Put(e)
}

// noteOdd tells of a host file that no image can have.
func (b *builder) noteOdd(host string, mode fs.FileMode) {
	b.note("%s is left out: it is %s", b.relative(host), oddName(mode))
}

func oddName(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	}
	return "a device of the host"
}

// inside returns where host leads to, and where in the context that is.
func (r *contextReader) inside(host string) (real, rel string, err error) {
	root, err := filepath.EvalSymlinks(r.ship.Context)
	if err != nil {
		return "", "", err
	}
	if real, err = filepath.EvalSymlinks(host); err != nil {
		return "", "", err
	}
	rel, err = filepath.Rel(root, real)
	if err != nil || !filepath.IsLocal(rel) {
		return "", "", fmt.Errorf("%s leads out of the build context, to %s: copy that into the context", host, real)
	}
	return real, filepath.ToSlash(rel), nil
}

// addParents adds the folder dir of the context and those above it, for the
// sake of their modes.
func (r *contextReader) addParents(dir string) error {
	for ; dir != "/"; dir = path.Dir(dir) {
		fi, err := os.Stat(filepath.Join(r.ship.Context, filepath.FromSlash(dir)))
		if err != nil {
			return err
		}
		e := tree.Entry{Path: dir, Type: tree.Dir, Mode: tree.ModeOf(fi.Mode()), ModTime: r.ownTime(fi.ModTime())}
		if err := r.all.Put(e); err != nil {
			return err
		}
	}
	return nil
}

// addFolder reads the folder real, which the context has at rel.
func (r *contextReader) addFolder(ctx context.Context, host, real, rel string, fi os.FileInfo) error {
	at := path.Join("/", rel)
	t, err := tree.FromDir(ctx, real, tree.DirOptions{At: at, Skip: func(below string, isDir bool) bool {
		p := path.Join(rel, below)
		return r.ignored.skip(p, isDir) || r.exclude.skip(below, isDir) || !isDir && r.only.pm != nil && !r.only.out(p)
	}, Odd: func(below string, mode fs.FileMode) { r.noteOdd(filepath.Join(host, filepath.FromSlash(below)), mode) }})
	if err != nil {
		return err
	}
	r.dropEmpty(&t, at)
	if t, err = r.noteInputs(host, at, t); err != nil {
		return err
	}
	if at != "/" {
		e := tree.Entry{Path: at, Type: tree.Dir, Mode: tree.ModeOf(fi.Mode()), ModTime: r.ownTime(fi.ModTime())}
		if err := r.all.Put(e); err != nil {
			return err
		}
	}
	return r.all.Merge(t, false)
}

// dropEmpty takes out folders that .dockerignore names, where nothing in them
// was brought back.
func (r *contextReader) dropEmpty(t *tree.Tree, at string) {
	if r.ignored.pm == nil || !r.ignored.pm.Exclusions() {
		return
	}
	full := make(map[string]bool) // folders with something in them
	for _, e := range slices.Backward(t.All()) {
		if e.Path != at && e.Type == tree.Dir && !full[e.Path] && r.ignored.out(strings.TrimPrefix(e.Path, "/")) {
			t.Remove(e.Path)
			continue
		}
		full[path.Dir(e.Path)] = true
	}
}

// missing says that a source is not there, or why it doesn't count.
func (b *builder) missing(c copying, source string) error {
	if c.From != "" {
		return fmt.Errorf("%s is not in %s", source, c.what)
	}
	rel := strings.TrimPrefix(path.Join("/", filepath.ToSlash(source)), "/")
	fi, err := os.Lstat(filepath.Join(b.ship.Context, filepath.FromSlash(rel)))
	switch {
	case err != nil:
		return fmt.Errorf("%s is not in the build context %s, which sources are looked for in", source, b.ship.Context)
	case fi.Mode().Type()&^(fs.ModeDir|fs.ModeSymlink) != 0:
		return fmt.Errorf("%s is %s, which an image can't have", source, oddName(fi.Mode()))
	}
	if c.leftOut("/" + rel) {
		return fmt.Errorf("%s is left out by --exclude", source)
	}
	return fmt.Errorf("%s is in the build context %s, but its .dockerignore leaves it out: add !%s to that", source, b.ship.Context, rel)
}

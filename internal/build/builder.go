package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// builder makes one image.
type builder struct {
	Options
	ship   ship.Ship
	tree   tree.Tree
	report Report
	own    []string // paths of the programs that the ship brings

	packagesKey string // Report.Key of the packages
}

// run does the steps in sailor's order: packages, then files of the host.
func (b *builder) run(ctx context.Context) (image.Image, error) {
	steps := []func(context.Context) error{
		b.addPackages, b.addFolders, b.checkBins, b.addPrograms, b.addOverlays, b.addFiles, b.check,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return image.Image{}, err
		}
	}
	b.report.Notes = append(append([]string(nil), b.ship.Notes...), b.report.Notes...)
	cfg := b.ship.Config
	cfg.Init = hasInit(&b.tree, b.Guest)
	if len(cfg.Cmd) == 0 && !cfg.Init && len(b.ship.Programs) == 1 {
		cfg.Cmd = []string{b.ship.Programs[0].Guest}
	}
	return image.Image{Name: b.ship.Name, Guest: b.Guest, Tree: b.tree, Config: cfg}, nil
}

// hasInit reports whether the files bring an init that boots the guest:
// /sbin/init and, with NetBSD, the /etc/rc that it runs.
func hasInit(t *tree.Tree, g image.Guest) bool {
	if _, err := t.Lookup("/sbin/init"); err != nil {
		return false
	}
	_, err := t.Lookup("/etc/rc")
	return err == nil || g.OS != "netbsd"
}

func (b *builder) note(format string, args ...any) {
	b.report.Notes = append(b.report.Notes, fmt.Sprintf(format, args...))
}

// remark is note for what concerns the ship's own files and packages, where
// the entry's origin says so, and goes to the details for the others.
func (b *builder) remark(why, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if b.asked(why) {
		b.report.Notes = append(b.report.Notes, text)
		return
	}
	b.report.Details = append(b.report.Details, text)
}

// asked reports whether the ship itself names what an Entry.Why says.
func (b *builder) asked(why string) bool {
	rest, ok := strings.CutPrefix(why, "package ")
	if !ok {
		return true // programs and overlays
	}
	name, _, _ := strings.Cut(rest, " ")
	return slices.ContainsFunc(b.ship.Packages, func(p string) bool {
		p, _, _ = strings.Cut(p, "=")
		p, _, _ = strings.Cut(p, ":")
		return p == name
	})
}

func (b *builder) addPackages(ctx context.Context) error {
	if len(b.ship.Packages) == 0 {
		return nil
	}
	if b.Debian == nil {
		return fmt.Errorf("%s: there is no source of packages", at(b.ship, "packages"))
	}
	t, r, err := b.Debian.Packages(ctx, b.ship.Packages)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", at(b.ship, "packages"), err)
	}
	b.tree, b.packagesKey = t, r.Key
	b.report.Packages, b.report.PrunedFiles, b.report.PrunedBytes = r.Packages, r.PrunedFiles, r.PrunedBytes
	for _, n := range r.Notes {
		if !n.Known {
			b.note("not done: %s", n)
		}
	}
	return nil
}

// checkBins looks for shipbins and sync_dirs, which on a NetBSD host are
// taken from the host, among what the packages of another system brought.
func (b *builder) checkBins(context.Context) error {
	if err := b.checkPatterns("shipbins", b.ship.Bins); err != nil {
		return err
	}
	return b.checkPatterns("sync_dirs", b.ship.SyncDirs)
}

func (b *builder) checkPatterns(name string, patterns []string) error {
	for _, pattern := range patterns {
		ok, err := b.matches(pattern)
		if err != nil {
			return fmt.Errorf("%s: %s: %q: %w", at(b.ship, name), name, pattern, err)
		}
		if !ok {
			return fmt.Errorf("%s: %s: the packages bring no %s: add the package that has it to packages=", at(b.ship, name), name, pattern)
		}
	}
	return nil
}

func (b *builder) matches(pattern string) (bool, error) {
	if _, err := b.tree.Lookup(path.Clean(pattern)); err == nil {
		return true, nil
	}
	dir, err := b.tree.Resolve(path.Dir(pattern))
	if err != nil {
		return false, err
	}
	for _, e := range b.tree.Below(dir) {
		if ok, err := path.Match(path.Join(dir, path.Base(pattern)), e.Path); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (b *builder) addPrograms(context.Context) error {
	why := at(b.ship, "program")
	for _, p := range b.ship.Programs {
		e, err := tree.FromFile(p.Host, path.Clean(p.Guest), 0o755, why)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: program %s is not there", why, p.Host)
		}
		if err != nil {
			return fmt.Errorf("%s: program: %w", why, err)
		}
		if err := b.checkProgram(e, "program "+p.Host, why); err != nil {
			return err
		}
		var one tree.Tree
		if err := one.Put(e); err != nil {
			return fmt.Errorf("%s: program %s: %w", why, p.Host, err)
		}
		if err := b.tree.Merge(one, false); err != nil {
			return fmt.Errorf("%s: program %s: %w", why, p.Host, err)
		}
		own, err := b.tree.ResolveParent(e.Path)
		if err != nil {
			return fmt.Errorf("%s: program %s: %w", why, p.Host, err)
		}
		b.own = append(b.own, own)
	}
	return nil
}

// prefixDir is the folder of an overlay whose files go below the prefix that
// packages are installed in.
const prefixDir = "/PREFIX"

func (b *builder) addOverlays(ctx context.Context) error {
	for _, o := range b.ship.Overlays {
		b.progress("copy " + o.Dir)
		all, err := tree.FromDir(ctx, o.Dir, tree.DirOptions{Why: "overlay " + o.Dir})
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("overlay: %w", err)
		}
		plain, prefixed, err := splitPrefix(all, b.Guest)
		if err != nil {
			return fmt.Errorf("overlay %s: %w", o.Dir, err)
		}
		for _, part := range []tree.Tree{plain, prefixed} {
			if err := b.checkOverlay(part); err != nil {
				return err
			}
			if err := b.tree.Merge(part, o.Keep); err != nil {
				return fmt.Errorf("overlay %s: %w", o.Dir, err)
			}
		}
	}
	return nil
}

// splitPrefix parts what is below /PREFIX from the rest, with its paths where
// the guest's packages are: /usr/pkg on NetBSD; on Debian /usr, but /etc and
// /var for what is so named.
func splitPrefix(all tree.Tree, g image.Guest) (plain, prefixed tree.Tree, err error) {
	moved := func(p string) (string, bool) {
		rest, ok := strings.CutPrefix(p, prefixDir+"/")
		top, _, _ := strings.Cut(rest, "/")
		switch {
		case !ok:
			return p, false
		case g.OS == "netbsd":
			return "/usr/pkg/" + rest, true
		case top == "etc" || top == "var":
			return "/" + rest, true
		}
		return "/usr/" + rest, true
	}
	for _, e := range all.All() {
		if e.Path == prefixDir {
			continue
		}
		p, below := moved(e.Path)
		e.Path = p
		to := &plain
		if below {
			to = &prefixed
			if e.Type == tree.Hardlink {
				e.Link, _ = moved(e.Link)
			}
		}
		if err := to.Put(e); err != nil {
			return tree.Tree{}, tree.Tree{}, err
		}
	}
	return plain, prefixed, nil
}

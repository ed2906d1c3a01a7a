package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// builder makes one image.
type builder struct {
	Options
	*state // of what is being built
	ship   ship.Ship
	report Report
	own    []string // paths of the programs that the ship brings
	stages map[int]*state

	catalogs    map[string]tree.Catalog
	fetched     map[string]tree.Entry // by address and the digest that was asked for
	wrote       bool                  // something into the cache, besides the build itself
	volatile    bool                  // something went in whose state hostState doesn't have
	packagesKey string                // Report.Key of the packages
	ran         string                // key of the step that was run last
}

// A state is what has been made of an image, or of a stage of it, so far.
type state struct {
	tree   tree.Tree
	config image.Config
	args   []string // ARGs that stages on this one inherit
	layers []Layer  // what was done to the tree…
	base   string   // …that began as this stored image's
	// sets are those that it began with, where system files that it lacks
	// come from.
	sets []string

	installed []source.Package // in all
	askedBy   *ship.Step       // what asks for packages; nil: the ship, or a stage's labels
	asked     []string         // packages that are asked for now, and what they want:
	required  []source.Requirement
	scripts   []source.Script
	tools     tree.Tree              // what is there only while the scripts run
	finish    func(*tree.Tree) error // once other files are there; may be nil
}

// clone returns a state that others can be built on s with.
func (s *state) clone() *state {
	return &state{
		tree: s.tree.Clone(), config: s.config, layers: slices.Clone(s.layers), base: s.base,
		sets: s.sets, installed: slices.Clone(s.installed),
	}
}

// run makes the image, and looks at whether it can start.
func (b *builder) run(ctx context.Context) (image.Image, error) {
	b.state = &state{config: b.ship.Config, asked: b.ship.Packages}
	do := b.runConf
	if len(b.ship.Stages) > 0 {
		do = b.runStages
	}
	for _, step := range []func(context.Context) error{do, b.complete, b.check} {
		if err := step(ctx); err != nil {
			return image.Image{}, err
		}
	}
	b.report.Notes = append(append([]string(nil), b.ship.Notes...), b.report.Notes...)
	b.report.Layers, b.report.Base = b.layers, b.base
	cfg := b.config
	// Who says what to start wants that, not what a set's own init starts.
	cfg.Init = len(cfg.Args()) == 0 && hasInit(&b.tree, b.Guest)
	return image.Image{Name: b.ship.Name, Guest: b.Guest, Tree: b.tree, Config: cfg}, nil
}

// runConf does what a sailor definition says. sailor installs packages last;
// here overlays come after them, so that what the author wrote wins, and what
// packages do to accounts and their own configuration comes after both.
func (b *builder) runConf(ctx context.Context) error {
	for _, p := range []struct {
		text string
		do   func(context.Context) error
	}{
		{"system files", b.addSystem},
		{"devices, time zone and name server", b.addSailors},
		{b.packagesText(), b.addPackages},
		{"folders, programs and overlays of " + b.ship.Name, b.addOwn},
		{"files of accounts and services", b.addCommon},
		{b.packagesText(), b.finishOfPackages},
		{"accounts and services", b.addAccounts},
		{"libraries", b.addLibraries},
		{settledText, b.settle},
	} {
		b.tree.Watch()
		if err := p.do(ctx); err != nil {
			return err
		}
		b.record(p.text)
	}
	if len(b.config.Args()) == 0 && len(b.ship.Programs) == 1 && !hasInit(&b.tree, b.Guest) {
		b.config.Cmd = []string{b.ship.Programs[0].Guest}
	}
	if err := b.runScripts(ctx); err != nil {
		return err
	}
	return b.runSteps(ctx, b.hookSteps())
}

// packagesAt names the line that asks for packages.
func (b *builder) packagesAt() string {
	if s := b.askedBy; s != nil {
		return fmt.Sprintf("%s:%d: %s", s.File, s.Line, s.Text)
	}
	return at(b.ship, "packages")
}

// packagesText names the layers of packages.
func (b *builder) packagesText() string { return "packages " + strings.Join(b.asked, " ") }

// addOwn adds what the ship itself brings.
func (b *builder) addOwn(ctx context.Context) error {
	for _, step := range []func(context.Context) error{b.addFolders, b.checkBins, b.addPrograms, b.addOverlays} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// complete adds what every root has, and leaves out what nothing reads.
func (b *builder) complete(ctx context.Context) error {
	for _, p := range []struct {
		text string
		do   []func(context.Context) error
	}{
		{"what every root has", []func(context.Context) error{b.addFolders, b.addFiles}},
		{settledText, []func(context.Context) error{b.settle}},
		{"prune", []func(context.Context) error{b.prune}},
	} {
		b.tree.Watch()
		for _, do := range p.do {
			if err := do(ctx); err != nil {
				return err
			}
		}
		b.record(p.text)
	}
	return nil
}

const settledText = "local time and certificates"

// settle has the system do what it does once its files are there.
func (b *builder) settle(context.Context) error {
	if b.Settle == nil {
		return nil
	}
	_, err := b.Settle(&b.tree, b.time())
	return err
}

// runScripts runs what packages want to have run, each with its script in its
// place for as long as that takes.
func (b *builder) runScripts(ctx context.Context) error {
	placed, err := b.addTools(ctx)
	if err != nil {
		return err
	}
	if len(b.scripts) > 0 {
		b.tree.Watch()
		if err := b.tree.Merge(b.tools, true); err != nil {
			return err
		}
		placed = append(placed, added(&b.tree)...)
	}
	asker := ship.Step{File: b.ship.File, Line: b.ship.Lines["packages"]}
	if b.askedBy != nil {
		asker = *b.askedBy
	}
	var steps []ship.Step
	for _, s := range b.scripts {
		steps = append(steps, ship.Step{
			File: asker.File, Line: asker.Line, Text: "package " + s.Package + ": " + path.Base(s.Args[0]),
			Run: &ship.Run{Args: s.Args, Env: s.Env, Dir: cmp.Or(s.Dir, path.Dir(s.File.Path))},
		})
		if _, ok := b.tree.Get(s.File.Path); ok {
			continue
		}
		b.tree.Watch()
		if err := b.tree.Put(s.File); err != nil {
			return err
		}
		b.tree.MakeParents(b.time())
		placed = append(placed, added(&b.tree)...)
	}
	if err := b.runSteps(ctx, steps); err != nil {
		return err
	}
	for _, p := range slices.Backward(placed) {
		if len(b.tree.Below(p)) == 1 { // a folder may have got something
			b.tree.Remove(p)
		}
	}
	return nil
}

// added returns the paths, sorted, that the tree has had since it was watched.
func added(t *tree.Tree) []string {
	var paths []string
	before, after := t.Changes()
	for _, e := range after.All() {
		if _, ok := before.Get(e.Path); !ok {
			paths = append(paths, e.Path)
		}
	}
	return paths
}

// hookSteps are the commands of run_at_build as steps.
func (b *builder) hookSteps() []ship.Step {
	var steps []ship.Step
	for i, h := range b.ship.Hooks.Build {
		line := b.ship.Lines[fmt.Sprintf("run_at_build[%d]", i)]
		steps = append(steps, ship.Step{
			File: b.ship.File, Line: line, Text: h,
			Run: &ship.Run{Args: []string{"/bin/sh", "-c", h}, Shell: true},
		})
	}
	return steps
}

// record notes what was done to the tree since it was watched, and returns it.
func (b *builder) record(text string) image.Layer {
	before, after := b.tree.Changes()
	l := image.Diff(&before, &after)
	if !l.Empty() {
		b.layers = append(b.layers, Layer{text, l})
	}
	return l
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
	if b.concerns(why) {
		b.report.Notes = append(b.report.Notes, text)
		return
	}
	b.report.Details = append(b.report.Details, text)
}

// concerns reports whether the ship itself names what an Entry.Why says.
func (b *builder) concerns(why string) bool {
	rest, ok := strings.CutPrefix(why, "package ")
	if !ok {
		return true // programs and overlays
	}
	name, _, _ := strings.Cut(rest, " ")
	return slices.ContainsFunc(b.asked, func(p string) bool {
		p, _, _ = strings.Cut(p, "=")
		p, _, _ = strings.Cut(p, ":")
		return p == name
	})
}

// addPackages adds the packages with all that they depend on.
func (b *builder) addPackages(ctx context.Context) error {
	if len(b.asked) == 0 {
		return nil
	}
	if b.Packages == nil {
		return fmt.Errorf("%s: there is no source of packages", b.packagesAt())
	}
	t, r, err := b.Packages.Packages(ctx, b.asked)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", b.packagesAt(), err)
	}
	if err := b.tree.Merge(t, false); err != nil {
		return fmt.Errorf("%s: %w", b.packagesAt(), err)
	}
	b.packagesKey, b.required, b.scripts, b.tools, b.finish = r.Key, r.System, r.Scripts, r.Tools, r.Finish
	b.addInstalled(r.Packages)
	b.report.PrunedFiles, b.report.PrunedBytes = b.report.PrunedFiles+r.PrunedFiles, b.report.PrunedBytes+r.PrunedBytes
	for _, n := range r.Notes {
		switch {
		case n.Known && !n.Guest:
		case n.Guest || n.Script == "":
			b.note("%s", n)
		default:
			b.note("not done: %s", n)
		}
	}
	return nil
}

// addInstalled adds packages to those that are installed.
func (b *builder) addInstalled(packages []source.Package) {
	for _, p := range packages {
		b.installed = slices.DeleteFunc(b.installed, func(old source.Package) bool { return old.Name == p.Name })
		b.installed = append(b.installed, p)
	}
	b.report.Packages = b.installed
}

// checkBins looks for shipbins and sync_dirs, which on a NetBSD host are
// taken from the host, among what the packages of another system brought.
func (b *builder) checkBins(context.Context) error {
	if b.wantsSystem() {
		return nil // they were taken from the sets
	}
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
		e, err := tree.FromFile(p.Host, path.Clean(p.Guest), 0o755, b.because("program"))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: program %s is not there", why, p.Host)
		}
		if err != nil {
			return fmt.Errorf("%s: program: %w", why, err)
		}
		b.noteInput(p.Host, &e)
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
		all, err := tree.FromDir(ctx, o.Dir, tree.DirOptions{Why: "overlay " + b.relative(o.Dir), Odd: func(rel string, mode fs.FileMode) {
			b.noteOdd(filepath.Join(o.Dir, filepath.FromSlash(rel)), mode)
		}})
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("overlay: %w", err)
		}
		if all, err = b.noteInputs(o.Dir, "/", all); err != nil {
			return fmt.Errorf("overlay %s: %w", o.Dir, err)
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

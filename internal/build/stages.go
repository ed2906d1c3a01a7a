package build

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/accounts"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// runStages builds the stage that is wanted, and those that it takes files
// from.
func (b *builder) runStages(ctx context.Context) error {
	b.stages = make(map[int]*state)
	s, err := b.stage(ctx, len(b.ship.Stages)-1)
	if err != nil {
		return err
	}
	b.state, b.report.Packages = s, s.installed
	return nil
}

// otherStage builds another stage while one is being built.
func (b *builder) otherStage(ctx context.Context, i int) (*state, error) {
	mine := b.state
	s, err := b.stage(ctx, i)
	b.state, b.report.Packages = mine, mine.installed
	return s, err
}

// findStage returns the index of the stage by its name or index.
func (b *builder) findStage(name string) (int, error) {
	for i, s := range b.ship.Stages {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return i, nil
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(b.ship.Stages) {
		return i, nil
	}
	return 0, fmt.Errorf("%s: there is no stage %q", b.ship.File, name)
}

// stage builds the stage, unless it is built already.
func (b *builder) stage(ctx context.Context, i int) (*state, error) {
	if s := b.stages[i]; s != nil {
		return s, nil
	}
	def := b.ship.Stages[i]
	at := fmt.Sprintf("%s:%d", cmp.Or(def.File, b.ship.File), def.Line)
	from, err := b.from(ctx, def.From)
	if err != nil && def.From.Stage != "" { // which tells its own lines
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	b.state = from.clone()
	b.report.Packages = b.installed
	if def, err = def.WithTriggers(def.From.Image, from.config.OnBuild); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	b.config.OnBuild = nil
	ev, err := def.Evaluate(b.config, b.Guest, from.args...)
	if err != nil {
		return nil, err
	}
	b.report.Notes = append(b.report.Notes, ev.Notes...)
	if err := b.addAsked(ctx, ev, at); err != nil {
		return nil, err
	}
	if err := b.steps(ctx, ev.Steps); err != nil {
		return nil, err
	}
	b.config, b.args = ev.Config, ev.Args
	b.stages[i] = b.state
	return b.state, nil
}

// addAsked adds the sets and packages that a SMOLerfile's labels ask for. at
// names the stage's line, for errors.
func (b *builder) addAsked(ctx context.Context, ev ship.Evaluation, at string) error {
	if len(ev.Sets) > 0 {
		b.tree.Watch()
		t, err := b.allOf(ctx, ev.Sets)
		if err != nil {
			return fmt.Errorf("%s: sets: %w", at, err)
		}
		if err := b.tree.Merge(t, false); err != nil {
			return fmt.Errorf("%s: sets: %w", at, err)
		}
		b.record("sets " + strings.Join(ev.Sets, ","))
	}
	if len(ev.Packages) == 0 {
		return nil
	}
	b.tree.Watch()
	b.sets = slices.Concat(b.sets, ev.Sets)
	if err := b.addPackagesNow(ctx, nil, ev.Packages); err != nil {
		return err
	}
	b.record(b.packagesText())
	return b.runScripts(ctx)
}

// from returns what a stage builds on.
func (b *builder) from(ctx context.Context, f ship.From) (*state, error) {
	switch {
	case f.Stage != "":
		i, err := b.findStage(f.Stage)
		if err != nil {
			return nil, err
		}
		return b.stage(ctx, i)
	case len(f.Sets) > 0:
		return b.setsStage(ctx, f.Sets)
	case f.Disk != "":
		b.volatile = true
		return b.fromImage(ctx, f.Disk)
	case f.Image != "":
		return b.fromImage(ctx, f.Image)
	}
	return &state{}, nil
}

// setsStage returns all that the sets hold, as a stage.
func (b *builder) setsStage(ctx context.Context, sets []string) (*state, error) {
	t, err := b.allOf(ctx, sets)
	if err != nil {
		return nil, err
	}
	l := image.Diff(new(tree.Tree), &t)
	return &state{tree: t, layers: []Layer{{"FROM " + strings.Join(sets, ","), l}}, sets: sets}, nil
}

// allOf returns all that the sets hold.
func (b *builder) allOf(ctx context.Context, sets []string) (tree.Tree, error) {
	var t tree.Tree
	cat, err := b.openCatalog(ctx, sets)
	if err != nil {
		return t, err
	}
	all, err := cat.Below(ctx, "/")
	if err != nil {
		return t, err
	}
	paths := make([]string, len(all))
	for i, e := range all {
		paths[i] = e.Path
	}
	entries, err := cat.Get(ctx, paths)
	if err != nil {
		return t, err
	}
	for _, e := range entries {
		e.Why = "sets " + strings.Join(sets, ",")
		if err := t.Put(e); err != nil {
			return t, err
		}
	}
	return t, nil
}

// fromImage returns an image of this machine or of a registry.
func (b *builder) fromImage(ctx context.Context, ref string) (*state, error) {
	if b.Images == nil {
		return nil, fmt.Errorf("image %s: there is no source of images", ref)
	}
	img, id, err := b.Images(ctx, ref, b.Guest)
	if err != nil {
		return nil, err
	}
	b.noteBase(ref, id)
	if img.Guest != b.Guest {
		return nil, fmt.Errorf("image %s is for %s, the guest is %s", ref, img.Guest, b.Guest)
	}
	return &state{tree: img.Tree, config: img.Config, base: id}, nil
}

// steps carries out a stage's steps in order.
func (b *builder) steps(ctx context.Context, steps []ship.Step) error {
	for len(steps) > 0 {
		if names, rest, ok := b.installs(steps[0].Run); ok {
			if err := b.install(ctx, steps[0], names, rest); err != nil {
				return err
			}
			steps = steps[1:]
			continue
		}
		n := slices.IndexFunc(steps, func(s ship.Step) bool {
			_, _, ok := b.installs(s.Run)
			return s.Run == nil || ok
		})
		if n < 0 {
			n = len(steps)
		}
		if n > 0 {
			if err := b.runSteps(ctx, steps[:n]); err != nil {
				return err
			}
			steps = steps[n:]
			continue
		}
		s := steps[0]
		if err := b.step(ctx, s); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", s.File, s.Line, s.Text, err)
		}
		steps = steps[1:]
	}
	return nil
}

// step carries out one step that runs nothing.
func (b *builder) step(ctx context.Context, s ship.Step) error {
	b.tree.Watch()
	var err error
	switch {
	case s.Copy != nil:
		b.begin(s)
		err = b.copy(ctx, s)
	case s.Make != nil:
		err = b.make(s)
	}
	if err != nil {
		return err
	}
	if b.record(s.Text).Empty() {
		b.layers = append(b.layers, Layer{Text: s.Text}) // an image's history has it all the same
	}
	return nil
}

// make makes folders and accounts.
func (b *builder) make(s ship.Step) error {
	if s.Make.User != "" {
		if err := b.makeUser(s); err != nil {
			return err
		}
	}
	uid, gid, err := b.owner(s.Make.Owner)
	if err != nil {
		return err
	}
	for _, d := range s.Make.Dirs {
		if err := makeDirs(&b.tree, d, tree.Entry{Type: tree.Dir, Mode: 0o755, UID: uid, GID: gid, ModTime: b.time(), Why: b.whyOf(s)}); err != nil {
			return err
		}
	}
	return nil
}

// makeDirs puts folders like e at p and above it, where there are none.
func makeDirs(t *tree.Tree, p string, e tree.Entry) error {
	at, err := t.Resolve(p)
	if err != nil || at == "/" {
		return err
	}
	if old, ok := t.Get(at); ok {
		if old.Type != tree.Dir {
			return fmt.Errorf("%s is a %s, not a folder", p, old.Type)
		}
		return nil
	}
	if err := makeDirs(t, path.Dir(at), e); err != nil {
		return err
	}
	e.Path = at
	return t.Put(e)
}

// makeUser adds the account that a SMOLerfile's USER names.
func (b *builder) makeUser(s ship.Step) error {
	db, err := accounts.Load(&b.tree)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(s.Make.User, ":")
	if err := db.Default(b.Guest.OS); err != nil {
		return err
	}
	if db.HasUser(name) || strings.Trim(name, "0123456789") == "" {
		return nil
	}
	if err := db.AddUser(accounts.User{Name: name, Shell: "/bin/sh"}); err != nil {
		return err
	}
	if err := db.Store(&b.tree, b.time(), b.whyOf(s)); err != nil {
		return err
	}
	uid, gid, err := db.Lookup(name)
	if err != nil {
		return err
	}
	home := tree.Entry{Type: tree.Dir, Mode: 0o755, ModTime: b.time(), Why: b.whyOf(s)}
	if err := makeDirs(&b.tree, "/home", home); err != nil {
		return err
	}
	home.UID, home.GID = uid, gid
	return makeDirs(&b.tree, "/home/"+name, home)
}

// owner returns the numbers of "user[:group]"; of "" they are root's.
func (b *builder) owner(spec string) (uid, gid uint32, err error) {
	if spec == "" {
		return 0, 0, nil
	}
	db, err := accounts.Load(&b.tree)
	if err != nil {
		return 0, 0, err
	}
	return db.Lookup(spec)
}

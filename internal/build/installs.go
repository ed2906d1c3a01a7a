package build

import (
	"context"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/ship"
)

// installs reports whether a step's command is one that installs packages,
// which ones, and what there is to run besides.
func (o Options) installs(r *ship.Run) (patterns []string, rest string, ok bool) {
	if o.Installs == nil || o.Packages == nil || r == nil || !r.Shell || !forShell(r.Args) || !byRoot(*r) {
		return nil, "", false
	}
	return o.Installs(r.Args[len(r.Args)-1])
}

// byRoot reports whether the command is run by root.
func byRoot(r ship.Run) bool { return r.User == "" || r.User == "root" || r.User == "0" }

// install carries out a step that installs packages: they are put into the
// tree as the ship's own are, which takes neither a guest nor a network, and
// the rest of the command is run after that.
func (b *builder) install(ctx context.Context, s ship.Step, patterns []string, rest string) error {
	if len(patterns) > 0 {
		b.tree.Watch()
		if err := b.addPackagesNow(ctx, &s, patterns); err != nil {
			return err
		}
		if err := b.noteStep(s, "", b.record(s.Text)); err != nil {
			return err
		}
		if err := b.runScripts(ctx); err != nil {
			return err
		}
	}
	if rest == "" {
		return nil
	}
	run := *s.Run
	run.Args = append(slices.Clone(run.Args[:len(run.Args)-1]), rest)
	s.Run = &run
	return b.runSteps(ctx, []ship.Step{s})
}

// addPackagesNow adds packages to what is being built, and all that they want
// of the system. by is the step that asks for them, if one does.
func (b *builder) addPackagesNow(ctx context.Context, by *ship.Step, names []string) error {
	b.askedBy, b.asked = by, names
	for _, do := range []func(context.Context) error{b.addPackages, b.finishOfPackages, b.addAccounts, b.addLibraries} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wantsPackages reports whether packages go into the image, or may: the ship
// names them, or an instruction does.
func (o Options) wantsPackages(s ship.Ship) bool {
	if o.Packages == nil {
		return false
	}
	names := func(in ship.Instruction) bool {
		return strings.Contains(in.Text, "addpkgs") ||
			o.Installs != nil && (strings.Contains(in.Text, "pkgin") || strings.Contains(in.Text, "pkg_add"))
	}
	return len(s.Packages) > 0 ||
		slices.ContainsFunc(s.Stages, func(st ship.Stage) bool { return slices.ContainsFunc(st.Instructions, names) })
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/lock"
	"github.com/fakecracker/fakecracker/internal/ship"
)

// lockFlags say what a build writes down of what it was made from.
type lockFlags struct {
	lock   bool
	locked bool
}

func (f *lockFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.BoolVar(&f.lock, "lock", false, "write ship.lock: what the image was made from, in which versions")
	fl.BoolVar(&f.locked, "locked", false, "build what ship.lock says, or say how it differs, and store nothing")
}

func (f *lockFlags) check() error {
	if f.lock && f.locked {
		return errors.New("--lock writes the lock that --locked is held to: use one of them")
	}
	return nil
}

// locking is what one build has to do with its lock.
type locking struct {
	lockFlags
	runner *runner
	ship   ship.Ship
	file   string     // of the lock
	old    *lock.Lock // what is in it; nil without --locked

	definition []lock.Definition
	settings   []lock.Setting
	system     map[string]lock.File // taken from a --sysroot, by path
	packages   *lockedPackages      // nil without --locked
}

// locking reads the lock of a ship where there is a use for it. What the lock
// says of dates holds for all that is built from then on.
func (f lockFlags) locking(r *runner, s ship.Ship) (*locking, error) {
	l := &locking{lockFlags: f, runner: r, ship: s, file: lock.Path(s.File)}
	if !f.lock && !f.locked {
		return l, nil
	}
	var err error
	if l.definition, err = definitionOf(s); err != nil || !f.locked {
		return l, err
	}
	l.old, err = lock.Read(l.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--locked: there is no %s: make it with --lock", l.file)
	}
	if err != nil {
		return nil, err
	}
	if date := l.old.Date; !date.IsZero() && r.app.sourceDate().IsZero() {
		own, getenv := *r.app, r.app.getenv
		own.getenv = func(name string) string {
			if name == "SOURCE_DATE_EPOCH" {
				return strconv.FormatInt(date.Unix(), 10)
			}
			return getenv(name)
		}
		r.app = &own
	}
	return l, nil
}

// leaveOut keeps the lock out of the files that the ship takes from its own
// folder: it would have to hold its own digest.
func (l *locking) leaveOut(s *ship.Ship) {
	if !l.lock && !l.locked || s.Context == "" {
		return
	}
	if rel, err := filepath.Rel(s.Context, l.file); err == nil && filepath.IsLocal(rel) {
		s.Ignore = append(s.Ignore[:len(s.Ignore):len(s.Ignore)], filepath.ToSlash(rel))
	}
}

// hold holds a build to the lock.
func (l *locking) hold(o *build.Options) {
	if !l.lock && !l.locked {
		return
	}
	o.FixedTimes = true
	l.settings = settingsOf(*o, l.runner.shipOptions.Target)
	l.noteSystem(o)
	if l.old == nil {
		return
	}
	o.Expect = l.old.Expect()
	if p, ok := o.Packages.(pkgsrcPackages); ok {
		p.Locked = digestsOf(l.old.Packages)
	}
	if o.Packages != nil {
		l.packages = &lockedPackages{PackageSource: o.Packages, locked: l.old.Packages, linux: l.runner.guest.OS == "linux"}
		o.Packages = l.packages
	}
	o.Verify = func(report build.Report, done bool) error { return l.compare(report, done) }
	if keep := o.Keep; keep != nil {
		o.Keep = func(ctx context.Context, img image.Image, report build.Report) (string, error) {
			return l.keep(ctx, img, report, keep)
		}
	}
}

// compare fails where the build differs from the lock.
func (l *locking) compare(report build.Report, done bool) error {
	found := l.found(report)
	if diff := l.old.Diff(found, done); len(diff) > 0 {
		return l.differs(diff)
	}
	return nil
}

// differs lists differences, and says what can be done about them.
func (l *locking) differs(diff []string) error {
	remedies := []string{"--lock writes what is there now"}
	starts := func(words ...string) bool {
		return slices.ContainsFunc(diff, func(line string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(line, w+" ") })
		})
	}
	if starts("package") && l.packages != nil && l.packages.err != nil {
		remedies = append(remedies, l.packages.err.Error())
	}
	if starts("package", "set") {
		remedies = append(remedies, "a mirror that has the old versions is named by --mirror or --pkgsrc")
	}
	if starts("step") {
		remedies = append(remedies, "a step that never gives the same twice is locked only where cache/steps of the state folder still has what it gave")
	}
	return fmt.Errorf("this is not what %s has: %s (%s)", l.file, strings.Join(diff, "; "), strings.Join(remedies, "; "))
}

// keep stores the image if it is the one that is locked. Its ID is known only
// then, so that one that is another, and was not there before, goes again.
func (l *locking) keep(ctx context.Context, img image.Image, report build.Report, keep func(context.Context, image.Image, build.Report) (string, error)) (string, error) {
	s := l.runner.imageStore()
	before, err := s.List(ctx)
	if err != nil {
		return "", err
	}
	id, err := keep(ctx, img, report)
	if err != nil {
		return "", err
	}
	report.ID = id
	if err := l.compare(report, true); err != nil {
		for _, i := range before {
			if i.ID == id {
				return "", err
			}
		}
		return "", errors.Join(err, s.Remove(ctx, id, false))
	}
	return id, nil
}

// found returns what the build was made from, as a lock.
func (l *locking) found(report build.Report) *lock.Lock {
	s := l.ship
	found := &lock.Lock{
		Version: lock.Version, Ship: s.Name, Guest: l.runner.guest.String(), Release: l.release(),
		Date: l.runner.app.sourceDate(), Image: report.ID,
		Definition: l.definition, Settings: l.settings, System: slices.Collect(maps.Values(l.system)),
	}
	for _, p := range report.Sets {
		found.Sets = append(found.Sets, lock.PackageOf(p))
	}
	for _, p := range report.Packages {
		found.Packages = append(found.Packages, lock.PackageOf(p))
	}
	dir := shipDir(s)
	for _, in := range report.Inputs {
		found.Files = append(found.Files, lock.File{
			Path: lock.Relative(dir, in.Path), Type: string(in.Type), Mode: fmt.Sprintf("%04o", in.Mode), Digest: in.Digest, Link: in.Link,
		})
	}
	for _, b := range report.Bases {
		found.Images = append(found.Images, lock.Image{Ref: b.Ref, ID: b.ID})
	}
	for _, f := range report.Fetched {
		found.Fetched = append(found.Fetched, lock.Fetched(f))
	}
	for i, s := range report.Steps {
		found.Steps = append(found.Steps, lock.Step{Text: s.Text, Key: s.Key, Digest: s.Digest})
		for _, c := range s.Files {
			found.Changes = append(found.Changes, lock.Change{Step: i, Path: c.Path, Is: c.Is})
		}
	}
	return found
}

// release is that of NetBSD, which sets and packages are of.
func (l *locking) release() string {
	if l.runner.guest.OS != "netbsd" {
		return ""
	}
	if l.ship.Release != "" {
		return l.ship.Release
	}
	return defaultRelease
}

// finish writes the lock if that was asked for, once the image is there.
func (l *locking) finish(report build.Report) error {
	if !l.lock {
		return nil
	}
	found := l.found(report)
	changed, err := found.Write(l.file)
	if err != nil {
		return err
	}
	how := "as it was"
	if changed {
		how = "written"
	}
	l.runner.status.line("lock", "%-22s %d sets, %d packages, %d files, %d steps, %s", filepath.Base(l.file),
		len(found.Sets), len(found.Packages), len(found.Files), len(found.Steps), how)
	return nil
}

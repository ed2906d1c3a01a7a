package build

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/pack"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// stepVersion is counted up when the same step on the same files makes others.
const stepVersion = 1

// runSteps carries out steps that each have a Run, on the tree. What needs no
// guest is done here; what was done before on the same files is taken from
// the cache; the rest goes to the guest, as many at once as follow each other.
func (b *builder) runSteps(ctx context.Context, steps []ship.Step) error {
	for len(steps) > 0 {
		done, err := b.tryNative(ctx, steps[0])
		if err != nil {
			return err
		}
		if !done {
			if done, err = b.loadKnown(ctx, steps[0]); err != nil {
				return err
			}
		}
		if done {
			steps = steps[1:]
			continue
		}
		n := 1
		for n < len(steps) && !isNative(*steps[n].Run, b.Guest.OS) {
			n++
		}
		if err := b.runInGuest(ctx, steps[:n]); err != nil {
			return err
		}
		steps = steps[n:]
	}
	return nil
}

// tryNative does the step on the tree if it needs no guest.
func (b *builder) tryNative(ctx context.Context, s ship.Step) (bool, error) {
	if !isNative(*s.Run, b.Guest.OS) {
		return false, nil
	}
	b.tree.Watch()
	n := native{tree: &b.tree, run: *s.Run, time: b.time(), why: b.whyOf(s), out: b.output(), arch: b.Guest.Arch}
	b.begin(s)
	if err := n.do(ctx); err != nil {
		return true, &StepError{Step: s, Text: err.Error()}
	}
	for _, w := range n.warnings {
		b.note("%s:%d: %s", b.relative(s.File), s.Line, w)
	}
	return true, b.noteStep(s, "", b.record(s.Text))
}

// stepKey identifies a step and all that it can see.
func (b *builder) stepKey(s ship.Step) (string, error) {
	files, err := b.tree.Digest()
	if err != nil {
		return "", err
	}
	run, err := json.Marshal(s.Run)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %t %s\n", stepVersion, b.Guest, files, b.Network, run)
	if b.FixedTimes {
		fmt.Fprintf(h, "times until %d\n", b.time().Unix())
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// stepMeta is what a step's pack says besides its files.
type stepMeta struct {
	Text    string   `json:"text"`
	Removed []string `json:"removed,omitempty"`
}

// loadKnown applies what the step made before, and reports whether that is
// known.
func (b *builder) loadKnown(ctx context.Context, s ship.Step) (bool, error) {
	if b.Cache == "" {
		return false, nil
	}
	key, err := b.stepKey(s)
	if err != nil {
		return false, err
	}
	return b.loadStep(ctx, s, key)
}

// loadStep applies what is kept for the key. A pack that can't be read is as
// none.
func (b *builder) loadStep(ctx context.Context, s ship.Step, key string) (bool, error) {
	file := b.stepPacks().file(key)
	b.stepPacks().use(ctx, file)
	var meta stepMeta
	entries, err := pack.Read(file, &meta)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) && b.Logger != nil {
			b.Logger.Warn("a step is run again", "step", s.Text, "err", err)
		}
		return false, nil
	}
	l := image.Layer{Entries: entries, Removed: meta.Removed}
	if !b.expected(s, key, l) && b.ran != key {
		return false, nil
	}
	b.tree.Watch()
	if err := l.Apply(&b.tree); err != nil {
		return false, err
	}
	b.record(s.Text)
	b.report.CachedSteps++
	return true, b.noteStep(s, key, l)
}

// runInGuest runs the steps in a guest that is booted from the tree, and
// keeps what each has made.
func (b *builder) runInGuest(ctx context.Context, steps []ship.Step) error {
	if b.Runner == nil || b.Cache == "" {
		return fmt.Errorf("%s:%d: %s: there is nothing to run build steps in", steps[0].File, steps[0].Line, steps[0].Text)
	}
	if err := b.checkShell(steps[0]); err != nil {
		return err
	}
	if err := b.verify(false); err != nil {
		return err
	}
	packs := b.stepPacks()
	if err := os.MkdirAll(packs.dir, 0o755); err != nil {
		return fmt.Errorf("keep what steps make: %w", err)
	}
	b.wrote = true
	dir, err := os.MkdirTemp(packs.dir, atomicfile.Prefix)
	if err != nil {
		return fmt.Errorf("keep what steps make: %w", err)
	}
	j := Job{
		Name: b.ship.Name, Guest: b.Guest, Tree: b.tree.Clone(), Steps: steps, Dir: dir,
		Network: b.Network, Memory: b.StepMemory, Limit: b.StepLimit, Output: b.output(),
		Started: func(n int) { b.begin(steps[n]) },
	}
	trees, err := b.Runner.Run(ctx, j)
	if failed := new(StepError); !b.Network && errors.As(err, &failed) && wantsNetwork(failed.Step.Text) {
		err = fmt.Errorf("%w (steps have no network: allow it by --network)", err)
	}
	for i, t := range trees { // those before one that failed are as good as ever
		if kerr := b.keepStep(ctx, steps[i], t); kerr != nil {
			err = errors.Join(err, kerr)
			break
		}
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// fetching are commands that mostly get something from elsewhere.
var fetching = regexp.MustCompile(`\b(apt|apt-get|apk|curl|dnf|ftp|gem|git clone|go (get|install)|npm|pip3?|pkg_add|pkgin|wget|yum)\b`)

// wantsNetwork reports whether a command that failed may have done so for want
// of a network.
func wantsNetwork(command string) bool { return fetching.MatchString(command) }

// keepStep makes t, which the step left, the tree, with its new files' bytes
// in the cache.
func (b *builder) keepStep(ctx context.Context, s ship.Step, t tree.Tree) error {
	key, err := b.stepKey(s)
	if err != nil {
		return err
	}
	l := b.timed(image.Diff(&b.tree, &t))
	if err := pack.Write(ctx, b.stepPacks().file(key), l.Entries, stepMeta{s.Text, l.Removed}); err != nil {
		return fmt.Errorf("keep what %s made: %w", s.Text, err)
	}
	b.ran = key
	done, err := b.loadStep(ctx, s, key)
	if err == nil && !done {
		err = errors.New("it can't be read back")
	}
	if err != nil {
		return fmt.Errorf("keep what %s made: %w", s.Text, err)
	}
	b.report.CachedSteps--
	b.report.RunSteps++
	return nil
}

// checkShell finds out before the boot that a step's program is not there.
func (b *builder) checkShell(s ship.Step) error {
	program := s.Run.Args[0]
	if !filepath.IsAbs(program) {
		return nil // the guest looks it up
	}
	if _, err := b.tree.Lookup(program); err != nil {
		return fmt.Errorf("%s:%d: %s: this needs %s, which is not in the tree: add it to shipbins or packages, or build FROM something that has it", s.File, s.Line, s.Text, program)
	}
	return nil
}

// output is where steps print to.
func (b *builder) output() io.Writer {
	if b.Output == nil {
		return io.Discard
	}
	return b.Output
}

package build

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Origins are what an image was made from, as far as the ship's definition
// does not say it: what a lock file writes down.
type Origins struct {
	Sets    []source.Package `json:"sets,omitempty"`    // that system files could come from
	Inputs  []Input          `json:"inputs,omitempty"`  // the ship's own files, sorted by path
	Bases   []Base           `json:"bases,omitempty"`   // images that it builds on
	Fetched []Fetched        `json:"fetched,omitempty"` // what ADD got by its address
	Steps   []StepResult     `json:"steps,omitempty"`   // in the order they were carried out
}

// An Input is a file, folder or link of the host that the ship brings.
type Input struct {
	Path   string    `json:"path"` // on the host, absolute
	Type   tree.Type `json:"type"`
	Mode   uint32    `json:"mode"`             // permission, set-id and sticky bits
	Digest string    `json:"digest,omitempty"` // of a file's bytes
	Link   string    `json:"link,omitempty"`   // of a symbolic link
}

// A Base is an image that a stage builds on or copies from.
type Base struct {
	Ref   string `json:"ref"` // as the definition names it
	ID    string `json:"id"`
	Under bool   `json:"under,omitempty"` // the image's layers are on it; else there are files of it
	// Packages are those that came with it, where it is Under and whoever
	// keeps images knows them. A build leaves them to its caller.
	Packages []source.Package `json:"-"`
}

// Fetched is a file that was got by its address.
type Fetched struct {
	URL    string `json:"url"`
	Digest string `json:"digest"`
}

// A StepResult is what a RUN step has made.
type StepResult struct {
	Text string `json:"text"`
	// Key identifies the step and all files that it found. It is empty for
	// one that was carried out without a guest, and so has one result only.
	Key    string       `json:"key,omitempty"`
	Digest string       `json:"digest"` // of all that it changed, with times
	Files  []StepChange `json:"files,omitempty"`
}

// A StepChange is one path that a step changed.
type StepChange struct {
	Path string `json:"path"`
	Is   string `json:"is"` // type, mode, owner and content in one line; "gone" if it was removed
}

// maxStepFiles is how many paths of a step are kept in its result; of one that
// changed more there is only the digest.
const maxStepFiles = 2000

// resultOf describes what the step has made.
func resultOf(s ship.Step, key string, l image.Layer) (StepResult, error) {
	var changed tree.Tree
	for _, e := range l.Entries {
		if err := changed.Put(e); err != nil {
			return StepResult{}, err
		}
	}
	files, err := changed.Digest()
	if err != nil {
		return StepResult{}, err
	}
	r := StepResult{Text: s.Text, Key: key, Digest: "sha256:" + digest(fmt.Sprintf("%s %q", files, l.Removed))}
	if len(l.Entries)+len(l.Removed) > maxStepFiles {
		return r, nil
	}
	for _, p := range l.Removed {
		r.Files = append(r.Files, StepChange{p, "gone"})
	}
	for _, e := range l.Entries {
		r.Files = append(r.Files, StepChange{e.Path, describe(e)})
	}
	slices.SortStableFunc(r.Files, func(a, b StepChange) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

// describe says in one line what e is, its times aside.
func describe(e tree.Entry) string {
	text := fmt.Sprintf("%s %04o %d:%d", e.Type, e.Mode, e.UID, e.GID)
	switch e.Type {
	case tree.File:
		text += " " + e.Digest
	case tree.Symlink, tree.Hardlink:
		text += " " + e.Link
	case tree.Char, tree.Block:
		text += fmt.Sprintf(" %d,%d", e.Major, e.Minor)
	}
	return text
}

// noteStep adds what the step has made to the report.
func (b *builder) noteStep(s ship.Step, key string, l image.Layer) error {
	r, err := resultOf(s, key, l)
	if err == nil {
		b.report.Steps = append(b.report.Steps, r)
	}
	return err
}

// expected reports whether l is what the step is to have made, where anything
// is expected of it.
func (b *builder) expected(s ship.Step, key string, l image.Layer) bool {
	want := b.Expect[key]
	if want == "" {
		return true
	}
	r, err := resultOf(s, key, l)
	return err == nil && r.Digest == want
}

// timed returns the step's files with no time after Options.Time, for builds
// whose times are fixed.
func (b *builder) timed(l image.Layer) image.Layer {
	if !b.FixedTimes {
		return l
	}
	l.Entries = tree.Clamp(l.Entries, b.time())
	return l
}

// ownTime is the modification time that a file of the ship's own gets.
func (b *builder) ownTime(t time.Time) time.Time {
	if b.FixedTimes {
		return b.time()
	}
	return t
}

// noteInput adds the host file that e was made from to the report, and gives
// e its time.
func (b *builder) noteInput(host string, e *tree.Entry) {
	e.ModTime = b.ownTime(e.ModTime)
	if abs, err := filepath.Abs(host); err == nil { // it was found by this name
		host = abs
	}
	in := Input{Path: host, Type: e.Type, Mode: e.Mode, Digest: e.Digest}
	if e.Type == tree.Symlink {
		in.Link = e.Link
	}
	b.report.Inputs = append(b.report.Inputs, in)
}

// noteInputs does this for all of t, which was made from the folder dir and
// has it at the path top.
func (b *builder) noteInputs(dir, top string, t tree.Tree) (tree.Tree, error) {
	var out tree.Tree
	for _, e := range t.All() {
		rel := strings.TrimPrefix(strings.TrimPrefix(e.Path, top), "/")
		b.noteInput(filepath.Join(dir, filepath.FromSlash(rel)), &e)
		if err := out.Put(e); err != nil {
			return out, err
		}
	}
	return out, nil
}

// noteSets adds the sets of a catalog that has any to the report.
func (b *builder) noteSets(c tree.Catalog) {
	stock, ok := c.(interface{ Packages() []source.Package })
	if !ok {
		return // a folder of the host
	}
	for _, p := range stock.Packages() {
		if !slices.Contains(b.report.Sets, p) {
			b.report.Sets = append(b.report.Sets, p)
		}
	}
}

// noteBase adds an image that is built on to the report.
func (b *builder) noteBase(ref, id string) {
	known := slices.ContainsFunc(b.report.Bases, func(o Base) bool { return o.Ref == ref && o.ID == id })
	if !known {
		b.report.Bases = append(b.report.Bases, Base{Ref: ref, ID: id})
	}
}

// sortOrigins puts what was noted in an order that does not depend on the
// host, each once.
func (b *builder) sortOrigins() {
	slices.SortFunc(b.report.Inputs, func(a, b Input) int { return strings.Compare(a.Path, b.Path) })
	b.report.Inputs = slices.CompactFunc(b.report.Inputs, func(a, b Input) bool { return a.Path == b.Path })
	slices.SortFunc(b.report.Sets, func(a, b source.Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.URL, b.URL))
	})
	slices.SortFunc(b.report.Bases, func(a, b Base) int { return strings.Compare(a.Ref, b.Ref) })
	for i, base := range b.report.Bases {
		b.report.Bases[i].Under = base.ID != "" && base.ID == b.base
	}
	slices.SortFunc(b.report.Fetched, func(a, b Fetched) int { return strings.Compare(a.URL, b.URL) })
	b.report.Fetched = slices.Compact(b.report.Fetched)
}

// verify asks whether what is known of the build so far may go on.
func (b *builder) verify(done bool) error {
	if b.Verify == nil {
		return nil
	}
	return b.Verify(b.report, done)
}

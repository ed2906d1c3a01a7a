package ship

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fakecracker/fakecracker/internal/image"
)

// Limits of a Dockerfile or SMOLerfile, besides maxFile.
const (
	maxStages       = 100
	maxInstructions = 2_000
)

// A definition is what the stages of one Dockerfile or SMOLerfile share.
type definition struct {
	file   string            // as the user named it
	smol   bool              // smolBSD's rules hold
	asked  image.Guest       // what the user asked for
	build  map[string]string // --build-arg
	global variables         // the ARGs before the first FROM, and those of the platform
	stages []string          // names, "" for those without
	used   map[string]bool   // the build args that some ARG takes
	notes  []string
}

// at names a place in the definition, or in a file that it includes.
func (d *definition) at(in Instruction) string {
	file := d.file
	if in.File != "" {
		file = in.File
	}
	return fmt.Sprintf("%s:%d", file, in.Line)
}

// wrong words a fault of an instruction.
func (d *definition) wrong(in Instruction, err error) error {
	return fmt.Errorf("%s: %w", d.at(in), err)
}

// loadDockerfile reads the Dockerfile or SMOLerfile src of the file at path,
// whose COPY takes files from the folder dir.
func loadDockerfile(ctx context.Context, path, dir string, src []byte, o Options) (Ship, error) {
	for name, value := range o.BuildArgs {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return Ship{}, fmt.Errorf("load ship %s: build argument %s: not text", path, name)
		}
	}
	d := &definition{file: path, asked: o.Guest, build: o.BuildArgs, used: make(map[string]bool), smol: isSmol(path, src)}
	r := reader{smol: d.smol, file: path, roots: []string{filepath.Dir(path), dir}}
	r.record = newRecord(path, src, r.roots...)
	nodes, err := r.read(ctx, path, "", src)
	if err != nil {
		return Ship{}, err
	}
	d.notes = append(d.notes, r.notes...)
	d.global = d.platform(guestFor(o.Guest, d.smol))
	stages, err := d.split(nodes)
	if err != nil {
		return Ship{}, err
	}
	if stages, err = d.until(stages, o.Target); err != nil {
		return Ship{}, err
	}
	s := Ship{File: path, Dir: filepath.Dir(path), Context: dir, Stages: stages}
	if s.Ignore, err = readIgnore(path, dir, r.record); err != nil {
		return Ship{}, err
	}
	s.Source = r.record.digest()
	if err := d.preview(&s); err != nil {
		return Ship{}, err
	}
	d.findUnused()
	s.Notes = d.notes
	return s, nil
}

// split makes stages of the instructions.
func (d *definition) split(nodes []Instruction) ([]Stage, error) {
	if len(nodes) > maxInstructions {
		return nil, fmt.Errorf("%s: more than %d instructions", d.file, maxInstructions)
	}
	var stages []Stage
	for _, in := range nodes {
		parsed, err := in.parse()
		switch {
		case err != nil:
			return nil, d.wrong(in, err)
		case in.verb() == "FROM":
			s, err := d.from(in, parsed)
			if err != nil {
				return nil, d.wrong(in, err)
			}
			stages = append(stages, s)
			d.stages = append(d.stages, s.Name)
		case len(stages) > 0:
			s := &stages[len(stages)-1]
			s.Instructions = append(s.Instructions, in)
		case in.verb() == "ARG":
			if err := d.globalArg(in, parsed); err != nil {
				return nil, d.wrong(in, err)
			}
		default:
			return nil, d.wrong(in, fmt.Errorf("%s stands before the first FROM: only ARG may", in.verb()))
		}
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("%s: no FROM: begin with one, such as FROM base,etc or FROM scratch", d.file)
	}
	if len(stages) > maxStages {
		return nil, fmt.Errorf("%s: more than %d stages", d.file, maxStages)
	}
	return stages, nil
}

// until returns the stages up to the one that is asked for. Those behind it
// can't be needed: a stage only sees earlier ones.
func (d *definition) until(stages []Stage, target string) ([]Stage, error) {
	if target == "" {
		return stages, nil
	}
	i, ok := d.stage(target)
	if !ok {
		known := slices.DeleteFunc(slices.Clone(d.stages), func(n string) bool { return n == "" })
		have := "none of its stages has a name: number them from 0"
		if len(known) > 0 {
			have = "it has " + strings.Join(known, ", ")
		}
		return nil, fmt.Errorf("%s: no stage %q (%s)", d.file, target, have)
	}
	return stages[:i+1], nil
}

// preview fills what the definition says of the ship itself, as far as that
// can be told without the images that it builds on.
func (d *definition) preview(s *Ship) error {
	outcomes := make([]*evaluator, len(s.Stages))
	for i := range s.Stages {
		stage := &s.Stages[i]
		e, err := d.previewer(stage, outcomes)
		if err != nil {
			return err
		}
		if err := e.run(); err != nil {
			return err
		}
		outcomes[i] = e
		maps.Copy(d.used, e.used)
	}
	last := outcomes[len(outcomes)-1]
	s.Config = last.cfg
	if err := d.fillGuest(s); err != nil {
		return err
	}
	return d.fillKeys(s, last)
}

// previewer returns the evaluator of a stage, on those of the stages before
// it.
func (d *definition) previewer(s *Stage, before []*evaluator) (*evaluator, error) {
	guest := guestFor(override(s.From.Guest, d.asked), d.netbsd(s.From))
	i, ok := d.stage(s.From.Stage)
	if s.From.Stage == "" || !ok {
		e := d.evaluator(s, image.Config{}, guest)
		e.unknownBase = s.From.Image != "" || s.From.Disk != ""
		return e, nil
	}
	e := d.evaluator(s, before[i].cfg, guest)
	e.unknownBase = before[i].unknownBase
	return e, e.inherit(before[i].args())
}

// fillGuest tells the guest from the last stage's --platform, and from what
// the stages build on.
func (d *definition) fillGuest(s *Ship) error {
	last := s.Stages[len(s.Stages)-1]
	from := last.From
	for from.Stage != "" {
		i, _ := d.stage(from.Stage)
		from = s.Stages[i].From
	}
	own := last.From.Guest
	if own == (image.Guest{}) {
		own = from.Guest
	}
	if d.netbsd(from) {
		if own.OS == "linux" || own.OS == "" && d.asked.OS == "linux" {
			return d.wrong(Instruction{Line: last.Line}, errors.New("it builds on NetBSD: the guest can't be linux"))
		}
		own.OS = "netbsd"
	}
	if own.OS != "" || own.Arch != "" {
		if err := agree(override(d.asked, own), d.asked); err != nil {
			return d.wrong(Instruction{Line: last.Line}, err)
		}
	}
	s.Guest = override(own, d.asked)
	return nil
}

// netbsd says whether a stage that begins so is one for NetBSD in any case.
func (d *definition) netbsd(f From) bool {
	return len(f.Sets) > 0 || f.Disk != "" || d.smol && f.Image == "" && f.Guest.OS != "linux"
}

// guestFor returns the guest that variables stand for while it isn't known
// yet.
func guestFor(g image.Guest, netbsd bool) image.Guest {
	if g.OS == "" && !netbsd {
		g.OS = "linux"
	}
	return newAnswers(g).guest
}

// findUnused notes the build arguments that no ARG takes.
func (d *definition) findUnused() {
	var unused []string
	for name := range d.build {
		if !d.used[name] && !isProxy(name) {
			unused = append(unused, name)
		}
	}
	slices.Sort(unused)
	for _, name := range unused {
		d.notes = append(d.notes, fmt.Sprintf("%s: build argument %s is taken by no ARG", d.file, name))
	}
}

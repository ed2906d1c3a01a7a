package ship

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/fakecracker/fakecracker/internal/image"
)

// An Evaluation is what a stage does to the files and the configuration that
// it builds on.
type Evaluation struct {
	Steps  []Step       `json:"steps,omitempty"` // one for each instruction
	Config image.Config `json:"config"`          // after all of them
	Notes  []string     `json:"notes,omitempty"`

	// Args are the ARGs (K=V) that stages which build on this one inherit,
	// besides what Config has.
	Args []string `json:"args,omitempty"`

	// Packages, Sets and Release are what a SMOLerfile's labels ask for,
	// besides what FROM names.
	Packages []string `json:"packages,omitempty"`
	Sets     []string `json:"sets,omitempty"`
	Release  string   `json:"release,omitempty"`
}

// Evaluate turns the stage's instructions into steps, on a base with this
// configuration and for this guest. Of a stage that builds on another, args
// are the other's Evaluation.Args. Build arguments and the ARGs before the
// first FROM are those that Load was given and found. Errors carry file and
// line, as the notes do, which the ship's own don't hold. A stage has to come
// from Load.
func (s Stage) Evaluate(base image.Config, guest image.Guest, args ...string) (Evaluation, error) {
	if s.def == nil {
		return Evaluation{}, errors.New("evaluate a stage that wasn't read from a file")
	}
	e := s.def.evaluator(&s, base, newAnswers(guest).guest)
	if err := e.inherit(args); err != nil {
		return Evaluation{}, err
	}
	if err := e.run(); err != nil {
		return Evaluation{}, err
	}
	e.out.Config, e.out.Args = cloneConfig(e.cfg), e.args()
	return e.out, nil
}

// An evaluator goes through the instructions of one stage.
type evaluator struct {
	def    *definition
	stage  *Stage
	guest  image.Guest
	global variables // what an ARG without a value takes

	cfg      image.Config
	vars     variables       // what words may name: ENV and ARG, the last wins
	environ  []string        // the same as K=V, as they came
	longest  int             // bytes of the longest value
	declared map[string]bool // those that this stage sets
	used     map[string]bool // the names of its ARGs
	cmdSet   bool
	keys     map[string]string // smolBSD's labels
	lines    map[string]int    // where they stand, as in Ship.Lines
	in       Instruction       // at hand
	out      Evaluation

	// unknownBase is set where the base's configuration isn't known: what
	// could depend on it is left for later.
	unknownBase bool
}

func (d *definition) evaluator(s *Stage, base image.Config, guest image.Guest) *evaluator {
	e := &evaluator{
		def: d, stage: s, guest: guest, cfg: cloneConfig(base), global: maps.Clone(d.global),
		vars: make(variables), declared: make(map[string]bool), used: make(map[string]bool), keys: make(map[string]string),
	}
	for name, value := range d.platform(guest) {
		if _, changed := d.build[name]; !changed {
			e.global[name] = value
		}
	}
	if !slices.ContainsFunc(e.cfg.Env, func(kv string) bool { return strings.HasPrefix(kv, "PATH=") }) {
		e.cfg.Env = append(e.cfg.Env, "PATH="+searchPath(guest))
	}
	for _, kv := range e.cfg.Env {
		name, value, _ := strings.Cut(kv, "=")
		e.set(name, strings.ToValidUTF8(value, ""))
	}
	return e
}

// searchPath is the PATH of a base that sets none.
func searchPath(g image.Guest) string {
	p := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if g.OS == "netbsd" {
		p += ":/usr/pkg/sbin:/usr/pkg/bin"
	}
	return p
}

// inherit declares the ARGs of the stage that this one builds on.
func (e *evaluator) inherit(args []string) error {
	for _, kv := range args {
		name, value, _ := strings.Cut(kv, "=")
		if err := e.declare(name, value); err != nil {
			return e.def.wrong(Instruction{Line: e.stage.Line, File: e.stage.File}, err)
		}
	}
	return nil
}

// args are the variables that words may name and the configuration lacks.
func (e *evaluator) args() []string {
	var args []string
	for _, kv := range e.environ {
		if !slices.Contains(e.cfg.Env, kv) {
			args = append(args, kv)
		}
	}
	return args
}

func (e *evaluator) run() error {
	for _, in := range e.stage.Instructions {
		e.in = in
		step, err := e.step()
		if err != nil && e.unknownBase && strings.Contains(in.Text, "$") {
			continue
		}
		if err != nil {
			return e.def.wrong(in, err)
		}
		step.Line, step.File, step.Text = in.Line, cmp.Or(in.File, e.def.file), in.Text
		step.Config = e.cfg // what a later one changes in place is copied then
		e.out.Steps = append(e.out.Steps, step)
	}
	e.finish()
	return nil
}

func (e *evaluator) note(text string) {
	e.out.Notes = append(e.out.Notes, e.def.at(e.in)+": "+text)
}

func (e *evaluator) words() expansion {
	return expansion{escape: e.in.escape, vars: e.vars, longest: e.longest}
}

// step carries out one instruction.
func (e *evaluator) step() (Step, error) {
	parsed, err := e.in.parse()
	if err != nil {
		return Step{}, err
	}
	switch cmd := parsed.(type) {
	case *instructions.CopyCommand:
		return e.copy(cmd)
	case *instructions.AddCommand:
		return e.add(cmd)
	case *instructions.RunCommand:
		return e.runCommand(cmd)
	case *instructions.WorkdirCommand:
		return e.workdir(cmd.Path)
	case *instructions.VolumeCommand:
		return e.volume(cmd.Volumes)
	case *instructions.UserCommand:
		return e.user(cmd.User)
	}
	return Step{}, e.configure(parsed)
}

// configure carries out an instruction that only changes the configuration.
func (e *evaluator) configure(parsed any) error {
	switch cmd := parsed.(type) {
	case *instructions.ArgCommand:
		return e.arg(cmd)
	case *instructions.EnvCommand:
		return e.env(cmd)
	case *instructions.LabelCommand:
		return e.label(cmd)
	case *instructions.ExposeCommand:
		return e.expose()
	case *instructions.CmdCommand:
		e.cfg.Cmd = e.argv(cmd.ShellDependantCmdLine)
		e.cmdSet = true
		return nil
	case *instructions.EntrypointCommand:
		e.entrypoint(e.argv(cmd.ShellDependantCmdLine))
		return nil
	case *instructions.HealthCheckCommand:
		return e.health(cmd)
	case *instructions.StopSignalCommand:
		return e.stopSignal(cmd.Signal)
	case *instructions.ShellCommand:
		e.cfg.Shell = cmd.Shell
		return nil
	case *instructions.MaintainerCommand:
		e.cfg.Labels = maps.Clone(e.cfg.Labels)
		e.setLabel("maintainer", cmd.Maintainer)
		return nil
	}
	return fmt.Errorf("%s is not supported", e.in.verb())
}

// argv is the command of a CMD or ENTRYPOINT: the shell's, where it is no
// list of words.
func (e *evaluator) argv(line instructions.ShellDependantCmdLine) []string {
	if !line.PrependShell || len(line.CmdLine) == 0 {
		return line.CmdLine
	}
	return append(e.shell(), line.CmdLine...)
}

// shell is what shell forms are given to.
func (e *evaluator) shell() []string {
	if len(e.cfg.Shell) > 0 {
		return slices.Clone(e.cfg.Shell)
	}
	return []string{"/bin/sh", "-c"}
}

// entrypoint takes an ENTRYPOINT. A CMD of the base doesn't survive it.
func (e *evaluator) entrypoint(argv []string) {
	e.cfg.Entrypoint = argv
	if !e.cmdSet {
		e.cfg.Cmd = nil
	}
}

// cloneConfig returns a configuration that shares nothing with c.
func cloneConfig(c image.Config) image.Config {
	for _, s := range []*[]string{&c.Entrypoint, &c.Cmd, &c.Env, &c.Volumes, &c.Publish, &c.Shell, &c.Services} {
		*s = slices.Clone(*s)
	}
	c.Expose, c.ExposeUDP = slices.Clone(c.Expose), slices.Clone(c.ExposeUDP)
	c.Labels = maps.Clone(c.Labels)
	if c.Health != nil {
		h := *c.Health
		h.Test = slices.Clone(h.Test)
		c.Health = &h
	}
	return c
}

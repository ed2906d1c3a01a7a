package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/source"
)

// Limits of one script. All but the first are reached at the same place on
// every host, so that what they cut short can be kept; the first is an error.
const (
	scriptTime  = time.Minute
	maxCommands = 20000    // builtins included
	maxMade     = 1 << 16  // entries put into the tree
	maxWritten  = 64 << 20 // bytes
	maxNotes    = 200
)

// shells are the interpreters whose scripts are understood.
var shells = []string{"/bin/sh", "/bin/dash", "/bin/bash", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/bash"}

// runScript runs a maintainer script of p against the tree. One with anything
// that is not recognised leaves nothing behind, and is kept for later. Running
// out of time is an error, since it is reached elsewhere each time.
func (in *installer) runScript(ctx context.Context, p installing, name string, args ...string) error {
	text := p.files.Control[name]
	if text == "" || in.runNatively(p.Name, name) {
		return nil
	}
	sh := &script{to: in, pkg: p, name: name, known: commands, umask: 0o022}
	before, state := in.tree.Clone(), in.state.clone()
	limited, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	err := sh.run(limited, text, args)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("run %s of package %s: it takes longer than %s", name, p, scriptTime)
	default:
		sh.endedEarly(err)
	}
	if len(sh.problems) > 0 {
		in.tree, in.state = before, state
		in.later = append(in.later, later{sh, args})
		return nil
	}
	in.report.Notes = append(in.report.Notes, sh.notes...)
	return nil
}

// endedEarly notes why a script is not recognised to its end.
func (s *script) endedEarly(err error) {
	text := "the script ended early: " + err.Error()
	if errors.As(err, new(interp.ExitStatus)) && s.failed.text != "" {
		text += ", after " + s.failed.text
	}
	s.problem(s.failed.line, text)
}

// A script is one maintainer script that is being run.
type script struct {
	to   *installer
	pkg  installing
	name string
	// known are the commands that it may call: commands, which can't be named
	// by those that call others.
	known map[string]command

	mu       sync.Mutex // held by each command and file access: pipelines run side by side
	notes    []source.Note
	problems []problem // what is not recognised
	failed   problem   // the last command that failed as it would on any system
	needs    []string  // programs called and files read that this package has its own version of
	commands int
	made     int   // entries
	written  int64 // bytes
	umask    uint32
	temp     int // temporary files made
}

func (s *script) run(ctx context.Context, text string, args []string) error {
	argv, ok := shellOf(text)
	if !ok {
		first, _, _ := strings.Cut(text, "\n")
		s.problem(1, "not for a shell: "+first)
		return nil
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(text), s.name)
	if err != nil {
		return err
	}
	if err := settle(file); err != nil {
		return err
	}
	env := expand.ListEnviron(append(s.environment(), ours...)...)
	r, err := s.newShell(env, append(append(argv[1:], "--"), args...), bytes.NewReader(nil), io.Discard, io.Discard)
	if err != nil {
		return err
	}
	return r.Run(ctx, file)
}

// environment is what dpkg(1) sets for scripts, and no more of the host's.
func (s *script) environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C", "DPKG_ROOT=", "DPKG_ADMINDIR=/var/lib/dpkg",
		"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true",
		"DPKG_MAINTSCRIPT_PACKAGE=" + s.pkg.Name, "DPKG_MAINTSCRIPT_NAME=" + s.name,
		"DPKG_MAINTSCRIPT_ARCH=" + s.pkg.Arch, "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1",
	}
}

// ours is what the interpreter would else ask the host for: who runs it, and
// its process (settle).
var ours = []string{"UID=0", "EUID=0", "GID=0", processID + "=2"}

// processID is the variable that stands for $$ and PPID.
const processID = "_SCRIPT_PID"

// called counts each command, builtins and functions included, and fails for
// a script that goes on and on.
func (s *script) called(_ context.Context, args []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commands++; s.commands > maxCommands {
		return nil, fmt.Errorf("more than %d commands", maxCommands)
	}
	return rewrite(args), nil
}

// rewrite turns builtins that would look at the host, or that the interpreter
// lacks, into commands of ours.
func rewrite(args []string) []string {
	switch args[0] {
	case "command":
		if len(args) > 1 && (args[1] == "-v" || args[1] == "-V") {
			return append([]string{"-which"}, args[2:]...)
		}
	case "type", "hash":
		return append([]string{"-which"}, args[1:]...)
	case "umask", "ulimit", "kill", "exec":
		if args[0] != "exec" || len(args) > 1 {
			return append([]string{"-" + args[0]}, args[1:]...)
		}
	}
	return args
}

// note tells of a command without effect, up to a limit.
func (s *script) note(line int, text string) {
	n := source.Note{Package: s.pkg.Name, Script: s.name, Line: line, Text: oneLine(text), Known: true}
	if len(s.notes) < maxNotes && !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

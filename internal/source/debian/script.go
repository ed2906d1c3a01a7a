package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

const (
	scriptTime  = 10 * time.Second // that one script may take
	maxCommands = 20000            // that one script may run
	maxWritten  = 64 << 20         // bytes that one script may write
	maxNotes    = 200              // of one script
)

// shells are the interpreters whose scripts are understood.
var shells = []string{"/bin/sh", "/bin/dash", "/bin/bash", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/bash"}

// runScript runs a maintainer script of p against the tree. What it could not
// do goes into the report; only the end of ctx is an error.
func (in *installer) runScript(ctx context.Context, p installing, name string, args ...string) error {
	text := p.files.Control[name]
	if text == "" || in.runNatively(p.Name, name) {
		return nil
	}
	sh := &script{to: in, pkg: p, name: name, umask: 0o022}
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	err := sh.run(ctx, text, args)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		sh.note(0, fmt.Sprintf("the script was stopped after %s", scriptTime), false)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		sh.note(0, "the script ended early: "+err.Error(), false)
	}
	in.report.Notes = append(in.report.Notes, sh.notes...)
	return nil
}

// A script is one maintainer script that is being run.
type script struct {
	to   *installer
	pkg  installing
	name string

	mu       sync.Mutex // held by each command and file access: pipelines run side by side
	notes    []Note
	commands int
	written  int64 // bytes
	umask    uint32
	temp     int // temporary files made
}

func (s *script) run(ctx context.Context, text string, args []string) error {
	first, _, _ := strings.Cut(text, "\n")
	argv := strings.Fields(strings.TrimPrefix(first, "#!"))
	if !strings.HasPrefix(first, "#!") || len(argv) == 0 || !slices.Contains(shells, argv[0]) {
		s.note(1, "the script is not for a shell, and was not run: "+first, false)
		return nil
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(text), s.name)
	if err != nil {
		return err
	}
	if err := refuse(file); err != nil {
		return err
	}
	params := append(argv[1:], "--")
	r, err := interp.New(
		interp.Params(append(params, args...)...),
		interp.Dir("/"),
		interp.Env(expand.ListEnviron(s.environment()...)),
		interp.StdIO(bytes.NewReader(nil), io.Discard, io.Discard),
		interp.CallHandler(rewrite),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
		interp.OpenHandler(s.open),
		interp.StatHandler(s.stat),
		interp.AccessHandler(s.access),
		interp.ReadDirHandler2(s.readDir),
	)
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

// refuse finds what the interpreter would do on the host itself: process
// substitution makes named pipes there.
func refuse(file *syntax.File) (err error) {
	syntax.Walk(file, func(n syntax.Node) bool {
		if ps, ok := n.(*syntax.ProcSubst); ok {
			err = fmt.Errorf("line %d: process substitution", ps.Pos().Line())
		}
		return err == nil
	})
	return err
}

// rewrite turns builtins that would look at the host, or that the interpreter
// lacks, into commands of ours.
func rewrite(_ context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "command":
		if len(args) > 1 && (args[1] == "-v" || args[1] == "-V") {
			return append([]string{"which"}, args[2:]...), nil
		}
	case "type", "hash":
		return append([]string{"which"}, args[1:]...), nil
	case "umask", "ulimit", "kill", "exec":
		if args[0] != "exec" || len(args) > 1 {
			return append([]string{"-" + args[0]}, args[1:]...), nil
		}
	}
	return args, nil
}

// note adds to the report, up to a limit.
func (s *script) note(line int, text string, known bool) {
	n := Note{Package: s.pkg.Name, Script: s.name, Line: line, Text: text, Known: known}
	if len(s.notes) < maxNotes && !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

// A call is one command that a script runs.
type call struct {
	*script
	args []string // args[0] is the command's bare name
	dir  string
	in   []byte // what it was given on its standard input, when it reads that
	out  bytes.Buffer
}

// A command is a native version of one that scripts use. do does what it
// would, on the tree, and returns its exit status, and an error when it could
// not do what was meant.
type command struct {
	do    func(c *call) (int, error)
	reads bool // its standard input
}

// exec answers every command of a script. None reaches the host.
func (s *script) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	c := &call{script: s, args: slices.Clone(args), dir: hc.Dir}
	c.args[0] = path.Base(args[0])
	cmd := commands[c.args[0]]
	if cmd.reads && hc.Stdin != nil { // not under the lock: its writer may wait for that
		b, err := io.ReadAll(io.LimitReader(hc.Stdin, maxWritten))
		if err != nil {
			return err
		}
		c.in = b
	}
	status, err := s.answer(c, cmd, int(hc.Pos.Line()), strings.Join(args, " "))
	if err != nil {
		return err
	}
	// Who reads it may be gone, as head(1) is: no concern of the command's.
	_, _ = hc.Stdout.Write(c.out.Bytes())
	if status != 0 {
		return interp.ExitStatus(status)
	}
	return nil
}

// answer runs a command and notes what went wrong. A command without a native
// version is noted, and taken to have ended well. It fails for a script that
// goes on and on.
func (s *script) answer(c *call, cmd command, line int, text string) (status uint8, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commands++; s.commands > maxCommands {
		return 0, fmt.Errorf("more than %d commands", maxCommands)
	}
	if cmd.do == nil {
		s.note(line, text, irrelevant(c.args))
		return 0, nil
	}
	n, err := cmd.do(c)
	if err != nil {
		s.note(line, text+": "+oneLine(err), false)
		n = max(n, 1)
	}
	return uint8(min(n, 255)), nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// abs returns the absolute path that p is for the command.
func (c *call) abs(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(c.dir, p)
	}
	return path.Clean(p)
}

// options splits a command's arguments into those that begin with "-" and the
// others. Those named in withValue take the next argument as their value.
func (c *call) options(withValue ...string) (opts map[string]string, rest []string) {
	opts = make(map[string]string)
	for i := 1; i < len(c.args); i++ {
		a := c.args[i]
		name, value, _ := strings.Cut(a, "=")
		switch {
		case a == "--":
			return opts, append(rest, c.args[i+1:]...)
		case a == "-" || !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		case slices.Contains(withValue, a) && i+1 < len(c.args):
			i++
			opts[a] = c.args[i]
		case strings.HasPrefix(a, "--"):
			opts[name] = value
		case slices.Contains(withValue, a[:2]):
			opts[a[:2]] = a[2:]
		default:
			for _, letter := range a[1:] {
				opts["-"+string(letter)] = ""
			}
		}
	}
	return opts, rest
}

// has reports whether opts has one of names.
func has(opts map[string]string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := opts[n]; return ok })
}

// notExist reports whether err says that a path isn't there.
func notExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist)
}

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

// runScript runs a maintainer script of p against the tree. What it could not
// do goes into the report; only running out of time is an error, since what
// is done until then differs from one time to the next.
func (in *installer) runScript(ctx context.Context, p installing, name string, args ...string) error {
	text := p.files.Control[name]
	if text == "" || in.runNatively(p.Name, name) {
		return nil
	}
	sh := &script{to: in, pkg: p, name: name, umask: 0o022}
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
	notes    []source.Note
	commands int
	made     int   // entries
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
		interp.CallHandler(s.called),
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
			return append([]string{"which"}, args[2:]...)
		}
	case "type", "hash":
		return append([]string{"which"}, args[1:]...)
	case "umask", "ulimit", "kill", "exec":
		if args[0] != "exec" || len(args) > 1 {
			return append([]string{"-" + args[0]}, args[1:]...)
		}
	}
	return args
}

// note adds to the report, up to a limit.
func (s *script) note(line int, text string, known bool) {
	n := source.Note{Package: s.pkg.Name, Script: s.name, Line: line, Text: text, Known: known}
	if len(s.notes) < maxNotes && !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

// A call is one command that a script runs.
type call struct {
	*script
	ctx  context.Context // of the script's run
	args []string        // args[0] is the command's bare name
	dir  string
	line int    // of the script
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
	c := &call{script: s, ctx: ctx, args: slices.Clone(args), dir: hc.Dir, line: int(hc.Pos.Line())}
	c.args[0] = path.Base(args[0])
	cmd := commands[c.args[0]]
	if cmd.do == nil {
		return s.unknown(c, strings.Join(args, " "), hc.Stdout)
	}
	if cmd.reads && hc.Stdin != nil { // not under the lock: its writer may wait for that
		b, err := io.ReadAll(io.LimitReader(hc.Stdin, maxWritten))
		if err != nil {
			return err
		}
		c.in = b
	}
	status, err := s.answer(c, cmd, strings.Join(args, " "))
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

// answer runs a command and notes what went wrong. It fails when the time is
// over.
func (s *script) answer(c *call, cmd command, text string) (status uint8, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := cmd.do(c)
	if c.ctx.Err() != nil {
		return 0, c.ctx.Err()
	}
	if err != nil {
		s.note(c.line, text+": "+oneLine(err), false)
		n = max(n, 1)
	}
	return uint8(min(n, 255)), nil
}

// notFound is the exit status of a command that a shell doesn't find
// (POSIX, sh, 2.8.2).
const notFound = 127

// unknown notes a command that has no native version. It is taken to have
// ended well, unless something waits for its output: then it fails, and the
// file that would get the output is left as it was.
func (s *script) unknown(c *call, text string, out io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	harmless := irrelevant(c.args)
	s.note(c.line, text, harmless)
	if harmless || out == nil || out == io.Discard || out == (null{}) {
		return nil
	}
	if f, ok := out.(*writeFile); ok {
		f.spoiled = true
	}
	return interp.ExitStatus(notFound)
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
// others. Those named in withValue take the next argument as their value;
// flags are the others that the command knows, with blanks between. One that
// is neither is noted.
func (c *call) options(flags string, withValue ...string) (opts map[string]string, rest []string) {
	opts = make(map[string]string)
	known := append(strings.Fields(flags), withValue...)
	set := func(name, value string) {
		opts[name] = value
		if !slices.Contains(known, name) {
			c.note(c.line, fmt.Sprintf("%s: option %s has no native version", c.args[0], name), false)
		}
	}
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
			set(name, value)
		case slices.Contains(withValue, a[:2]):
			opts[a[:2]] = a[2:]
		default:
			for _, letter := range a[1:] {
				set("-"+string(letter), "")
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

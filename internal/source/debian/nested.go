package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Limits of scripts that scripts call.
const (
	maxDepth  = 8       // one within another
	maxNested = 1 << 20 // bytes of one
)

// depthKey is the context's key of how deep a script is in others.
type depthKey struct{}

// newShell returns what interprets a script with our commands, on the tree.
func (s *script) newShell(env expand.Environ, params []string, in io.Reader, out, errs io.Writer) (*interp.Runner, error) {
	return interp.New(
		interp.Params(params...),
		interp.Dir("/"),
		interp.Env(env),
		interp.StdIO(in, out, errs),
		interp.CallHandler(s.called),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
		interp.OpenHandler(s.open),
		interp.StatHandler(s.stat),
		interp.AccessHandler(s.access),
		interp.ReadDirHandler2(s.readDir),
	)
}

// A nested is a script that a script calls.
type nested struct {
	name   string // $0
	text   string
	params []string // options, "--" and arguments
}

// shellScript returns what args call, where that is a shell's script of the
// tree or a shell itself.
func (s *script) shellScript(args []string, dir string) (nested, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := path.Base(args[0]); slices.Contains([]string{"sh", "dash", "bash"}, name) {
		return s.ofShell(args, dir)
	}
	p := args[0]
	if !strings.Contains(p, "/") {
		p = s.lookPath(p)
	}
	text, flags, ok := s.readScript(absolute(dir, p))
	return nested{p, text, append(append(flags, "--"), args[1:]...)}, ok
}

// ofShell is shellScript of "sh [-e] -c TEXT [NAME ARG…]" and "sh [-e] FILE
// ARG…".
func (s *script) ofShell(args []string, dir string) (nested, bool) {
	rest := args[1:]
	var params []string
	for len(rest) > 0 && slices.Contains([]string{"-e", "-u", "-x"}, rest[0]) {
		params, rest = append(params, rest[0]), rest[1:]
	}
	params = append(params, "--")
	switch {
	case len(rest) > 2 && rest[0] == "-c":
		return nested{rest[2], rest[1], append(params, rest[3:]...)}, true
	case len(rest) == 2 && rest[0] == "-c":
		return nested{args[0], rest[1], params}, true
	case len(rest) > 0 && !strings.HasPrefix(rest[0], "-"):
		text, _, ok := s.readScript(absolute(dir, rest[0]))
		return nested{rest[0], text, append(params, rest[1:]...)}, ok
	}
	return nested{}, false
}

// readScript reads a shell's script of the tree, with the flags behind its #!.
func (s *script) readScript(p string) (text string, flags []string, ok bool) {
	e, err := s.to.tree.Lookup(p)
	if err != nil || e.Type != tree.File || e.Size > maxNested {
		return "", nil, false
	}
	b, err := s.read(p)
	if err != nil {
		return "", nil, false
	}
	argv, ok := shellOf(string(b))
	if !ok {
		return "", nil, false
	}
	return string(b), argv[1:], true
}

// shellOf returns the words behind #!, and whether they name a shell.
func shellOf(text string) ([]string, bool) {
	first, _, _ := strings.Cut(text, "\n")
	argv := strings.Fields(strings.TrimPrefix(first, "#!"))
	return argv, strings.HasPrefix(first, "#!") && len(argv) > 0 && slices.Contains(shells, argv[0])
}

// nest runs a script that a script calls.
func (s *script) nest(ctx context.Context, hc interp.HandlerContext, n nested) error {
	depth, _ := ctx.Value(depthKey{}).(int)
	if depth == maxDepth {
		return fmt.Errorf("scripts call each other more than %d deep", maxDepth)
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(n.text), n.name)
	if err == nil {
		err = settle(file)
	}
	if err != nil {
		return err
	}
	r, err := s.newShell(exported{hc.Env}, n.params, hc.Stdin, hc.Stdout, hc.Stderr)
	if err != nil {
		return err
	}
	r.Dir = hc.Dir // in the tree, which interp.Dir would look for on the host
	err = r.Run(context.WithValue(ctx, depthKey{}, depth+1), file)
	if status := interp.ExitStatus(0); errors.As(err, &status) {
		return status // not a fault of the interpreter
	}
	return err
}

// exported are the variables that commands get.
type exported struct{ all expand.Environ }

func (e exported) Get(name string) expand.Variable {
	if v := e.all.Get(name); v.Exported {
		return v
	}
	return expand.Variable{}
}

func (e exported) Each(do func(name string, v expand.Variable) bool) {
	e.all.Each(func(name string, v expand.Variable) bool { return !v.Exported || do(name, v) })
}

// absolute returns the path that p is in the folder dir.
func absolute(dir, p string) string {
	if !path.IsAbs(p) {
		p = path.Join(dir, p)
	}
	return path.Clean(p)
}

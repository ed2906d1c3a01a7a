package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Limits of a definition's evaluation: far above what any has, and low enough
// that one which was written to do harm only gets an error.
const (
	evalTime  = 5 * time.Second
	maxCalls  = 5_000     // commands
	maxWords  = 4 << 20   // bytes of all their arguments
	maxVars   = 256 << 10 // bytes of all variables
	maxOpened = 100       // files and folders

	maxStatements = 20_000 // assignments and tests among them
)

var errTooLong = fmt.Errorf("not evaluated after %v", evalTime)

// A shell evaluates a definition as the shell text that it is, without
// running anything of the host: commands are answered by us or refused, and
// only files near the definition can be read.
type shell struct {
	file     string   // the definition, for messages
	roots    []string // folders whose files may be included, without symbolic links
	readable []string // those of which any file may be read
	answers  answers
	host     bool // programs of the host may run

	runner *interp.Runner
	used   map[string]bool // variables that included files read
	read   *record         // of what is read
	line   int             // of the statement of the definition that runs
	place                  // of the statement that runs now

	included string // its full path, while the shell is about to open it
	text     []byte // its text, with guards

	given int // bytes of the variables that were given

	mu         sync.Mutex // pipelines run side by side
	guards     []guard    // of all statements that were made ready to run
	calls      int
	statements int
	words      int // bytes of all commands' arguments
	written    int // bytes that commands put out
	longest    int // bytes of the longest command's arguments
	opened     int
}

// newShell returns a shell for the definition file in the folder dir, with
// these variables set.
func newShell(file, dir string, vars []string, a answers, host bool) (*shell, error) {
	s := &shell{file: file, answers: a, host: host, roots: rootsOf(dir), readable: readableOf(dir)}
	for _, v := range vars {
		s.given += len(v)
	}
	var err error
	s.runner, err = interp.New(
		interp.Dir(dir),
		interp.Env(expand.ListEnviron(vars...)),
		interp.StdIO(nil, io.Discard, io.Discard),
		interp.CallHandler(s.call),
		interp.ExecHandlers(s.exec),
		interp.OpenHandler(s.open),
		interp.ReadDirHandler2(s.readDir),
		interp.StatHandler(s.stat),
		interp.AccessHandler(func(ctx context.Context, path string, _ interp.AccessMode) error {
			_, err := s.stat(ctx, path, true)
			return err
		}),
	)
	return s, err
}

// parse reads shell text and refuses what must not be evaluated.
func parse(src []byte, name string) (*syntax.File, error) {
	f, err := syntax.NewParser().Parse(bytes.NewReader(src), name)
	if pe, ok := errors.AsType[syntax.ParseError](err); ok {
		return nil, &parseError{int(pe.Pos.Line()), pe.Text}
	}
	if err != nil {
		return nil, err
	}
	return f, vet(f)
}

// run evaluates one statement of the definition.
func (s *shell) run(ctx context.Context, r *interp.Runner, stmt *syntax.Stmt, line int) error {
	s.line, s.place = line, place{}
	err := r.Run(ctx, stmt)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: stopped: %w", s.at(line), context.Cause(ctx))
	}
	if _, failed := errors.AsType[interp.ExitStatus](err); err != nil && !failed { // a command that fails is no fault
		return err
	}
	if s.opened > maxOpened { // the interpreter takes a folder that can't be read for an empty one
		return fmt.Errorf("%s: stopped: more than %d files opened", s.at(line), maxOpened)
	}
	if r.Exited() {
		return fmt.Errorf("%s: the shell ends here, and the ship with it", s.at(line))
	}
	size := 0
	for name, v := range r.Vars {
		size += len(name) + len(v.Str) + 1
	}
	if size > s.given+maxVars {
		return fmt.Errorf("%s: stopped: it made more than %d KiB of variables", s.at(line), maxVars>>10)
	}
	return nil
}

// at names a line of the definition.
func (s *shell) at(line int) string { return fmt.Sprintf("%s:%d", s.file, line) }

// where names the place that a handler was called from.
func (s *shell) where(ctx context.Context) string {
	line := s.line
	if pos := interp.HandlerCtx(ctx).Pos; pos.IsValid() {
		line = int(pos.Line())
	}
	return s.whereLine(line)
}

// whereLine names a line of the text at hand.
func (s *shell) whereLine(line int) string {
	switch {
	case s.inside != "" && s.evals:
		return fmt.Sprintf("%s: in %s", s.at(s.line), s.inside)
	case s.inside != "":
		return fmt.Sprintf("%s: in %s:%d", s.at(s.line), s.inside, line)
	case s.evals:
		return s.at(s.line)
	}
	return s.at(line)
}

// width returns how many bytes the fields of a format of printf may take.
// Those of five digits, and those that are an argument, are more than are
// allowed.
func width(format string) int {
	sum := len(format)
	for {
		_, after, found := strings.Cut(format, "%")
		if !found {
			return sum
		}
		spec := after[:len(after)-len(strings.TrimLeft(after, " +-#.*0123456789"))]
		if len(spec) > 4 || strings.Contains(spec, "*") {
			return maxWords + 1
		}
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, spec)
		if n, err := strconv.Atoi(digits); err == nil {
			sum += n
		}
		format = strings.TrimPrefix(after, "%")
	}
}

// call sees every command before it runs. It holds the limits, and looks at
// text that is about to be evaluated.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	size := 0
	for _, a := range args {
		size += len(a) + 1
	}
	s.longest = max(s.longest, size)
	s.words += size
	if args[0] == "printf" && len(args) > 1 {
		w := width(args[1])
		if w > maxWords {
			return nil, fmt.Errorf("%s: printf: a field too wide", s.where(ctx))
		}
		s.words += w * max(1, len(args)-2)
	}
	if s.calls > maxCalls || s.words > maxWords {
		return nil, fmt.Errorf("%s: stopped: more than %d commands or %d MiB of words", s.where(ctx), maxCalls, maxWords>>20)
	}
	switch args[0] {
	case "exec", "trap":
		return nil, fmt.Errorf("%s: %s is not allowed here", s.where(ctx), args[0])
	case "eval":
		text := []byte(strings.Join(args[1:], " "))
		f, err := parse(text, "")
		if err != nil {
			return nil, fmt.Errorf("%s: eval: %s", s.where(ctx), faultOf(err))
		}
		return []string{"eval", string(s.guarded(text, f, place{s.inside, true}))}, nil
	case ".", "source":
		return s.include(ctx, args)
	}
	return args, nil
}

// include finds and checks the file that ". FILE" names, and gives the shell
// its full path, which keeps it from searching PATH.
func (s *shell) include(ctx context.Context, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	at := s.where(ctx)
	if s.opened++; s.opened > maxOpened {
		return nil, fmt.Errorf("%s: stopped: more than %d files opened", at, maxOpened)
	}
	path, err := s.find(interp.HandlerCtx(ctx).Dir, args[1])
	if err != nil {
		return nil, fmt.Errorf("%s: include %s: %w", at, args[1], err)
	}
	b, err := readHead(path)
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("over %d KiB", maxFile>>10)
	}
	text := bytes.TrimPrefix(b, byteOrderMark)
	var f *syntax.File
	if err == nil {
		f, err = parse(text, args[1])
	}
	if err != nil {
		return nil, fmt.Errorf("%s: include %s: %w", at, args[1], err)
	}
	reads(f, s.used)
	s.read.add(path, b)
	s.included, s.text = path, s.guarded(text, f, place{inside: args[1]})
	return append([]string{args[0], path}, args[2:]...), nil
}

// exec answers a command, or refuses it.
func (s *shell) exec(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		if a, ok := s.answers.answer(args); ok {
			return a.give(interp.HandlerCtx(ctx).Stdout)
		}
		if s.host {
			return next(ctx, args)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("%s: command %q is not allowed here: a ship file is evaluated without running programs of this host", s.where(ctx), args[0])
	}
}

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

	"mvdan.cc/sh/v3/interp"
)

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
	s.need(args[0])
	c.args[0] = path.Base(args[0])
	cmd := s.known[c.args[0]]
	if cmd.do == nil && !irrelevant(c.args) {
		if n, ok := s.shellScript(args, hc.Dir); ok {
			return s.nest(ctx, hc, n)
		}
	}
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
	switch {
	case usual(err):
		n = max(n, 1)
		s.failed = problem{c.line, oneLine(text) + ": " + err.Error()}
	case err != nil:
		s.problem(c.line, oneLine(text)+": "+err.Error())
		n = max(n, 1)
	}
	return uint8(min(n, 255)), nil
}

// An expected error is one that the command has on any system. The script says
// what becomes of it.
type expected struct{ error }

// usual reports whether err is expected, or that a file isn't there.
func usual(err error) bool {
	return notExist(err) || errors.As(err, new(expected))
}

// notFound is the exit status of a command that a shell doesn't find
// (POSIX, sh, 2.8.2).
const notFound = 127

// unknown notes a command that has no native version. It is taken to have
// ended well, so that what else the script needs is seen, unless something
// waits for its output: then it fails.
func (s *script) unknown(c *call, text string, out io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if irrelevant(c.args) {
		s.note(c.line, text)
		return nil
	}
	s.problem(c.line, oneLine(text)+": no native version")
	if out == nil || out == io.Discard || out == (null{}) {
		return nil
	}
	return interp.ExitStatus(notFound)
}

// maxText is how much of a command goes into a note, in bytes.
const maxText = 120

// oneLine returns a command as one line of a message.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// abs returns the absolute path that p is for the command.
func (c *call) abs(p string) string { return absolute(c.dir, p) }

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
			c.problem(c.line, fmt.Sprintf("%s: option %s has no native version", c.args[0], name))
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
		default:
			i += c.letters(a[1:], c.args[i+1:], withValue, set)
		}
	}
	return opts, rest
}

// letters calls set for each of the options in "-abc". The first that takes a
// value has the letters behind it, or the first of next: then 1 is returned.
func (c *call) letters(all string, next, withValue []string, set func(name, value string)) int {
	for i, letter := range all {
		name := "-" + string(letter)
		rest := all[i+len(string(letter)):]
		switch {
		case !slices.Contains(withValue, name):
			set(name, "")
			continue
		case rest == "" && len(next) > 0:
			set(name, next[0])
			return 1
		}
		set(name, rest)
		return 0
	}
	return 0
}

// has reports whether opts has one of names.
func has(opts map[string]string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := opts[n]; return ok })
}

// notExist reports whether err says that a path isn't there.
func notExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist)
}

package ship

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter asks us before a command runs, but has expanded its words
// by then; and of assignments it tells nothing. So each statement is given a
// redirection, whose file the interpreter opens before it expands anything:
//
//	a=$a$a >>/ship-guard/7
//
// Opening it counts what the statement would expand to. What is written to it
// goes where it would have gone.
const guardDir = "/ship-guard/"

// A guard is what is known of a statement before it runs.
type guard struct {
	place
	line  int      // in its text
	reads []string // the variables that it expands, as often as it does
}

// A place is the text that a statement stands in: the definition's, that of a
// file which it includes, or one that a statement of these has evaluated, whose
// lines are not theirs.
type place struct {
	inside string // the file, empty for the definition
	evals  bool
}

// guarded returns the shell text src, parsed as f, with a guard on each of
// its statements. Its lines stay where they are.
func (s *shell) guarded(src []byte, f *syntax.File, in place) []byte {
	type mark struct{ offset, guard int }
	var marks []mark
	syntax.Walk(f, func(n syntax.Node) bool {
		if stmt, ok := n.(*syntax.Stmt); ok && guardable(stmt.Cmd) {
			marks = append(marks, mark{int(stmt.Cmd.End().Offset()), len(s.guards)})
			s.guards = append(s.guards, guard{in, int(stmt.Pos().Line()), expands(stmt)})
		}
		return true
	})
	slices.SortStableFunc(marks, func(a, b mark) int { return a.offset - b.offset })
	var out bytes.Buffer
	at := 0
	for _, m := range marks {
		out.Write(src[at:m.offset])
		fmt.Fprintf(&out, " >>%s%d", guardDir, m.guard)
		at = m.offset
	}
	out.Write(src[at:])
	return out.Bytes()
}

// guardable says whether a redirection may stand behind the command. Those of
// which it may not consist of statements, but for $(<file): it expands to a
// file, of which the size is limited.
func guardable(c syntax.Command) bool {
	switch c.(type) {
	case nil, *syntax.BinaryCmd, *syntax.FuncDecl, *syntax.TimeClause, *syntax.CoprocClause:
		return false
	}
	return true
}

// expands lists the variables that a statement expands itself, without the
// statements in it.
func expands(stmt *syntax.Stmt) []string {
	var names []string
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			return n == stmt
		case *syntax.ParamExp:
			if n.Param != nil {
				names = append(names, n.Param.Value)
			}
		case *syntax.Assign:
			if n.Append && n.Name != nil {
				names = append(names, n.Name.Value)
			}
		}
		return true
	})
	return names
}

// openGuard holds the limits of a statement that is about to run.
func (s *shell) openGuard(ctx context.Context, number string) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(s.guards) {
		return nil, fmt.Errorf("%s: writes to %s%s: a ship file writes nothing on the host", s.where(ctx), guardDir, number)
	}
	g := s.guards[n]
	s.place = g.place
	at := s.whereLine(g.line)
	if s.statements++; s.statements > maxStatements {
		return nil, fmt.Errorf("%s: stopped: more than %d statements", at, maxStatements)
	}
	if s.written > maxWords {
		return nil, fmt.Errorf("%s: stopped: more than %d MiB of words", at, maxWords>>20)
	}
	if s.sizeOf(g.reads, hc.Env) > s.given+maxVars {
		return nil, fmt.Errorf("%s: stopped: it would expand to more than %d KiB of variables", at, maxVars>>10)
	}
	held := 0
	for name, v := range hc.Env.Each {
		held += len(name) + len(v.Str) + 1
	}
	if held > 2*s.given+maxVars { // those that were given may be there twice
		return nil, fmt.Errorf("%s: stopped: it made more than %d KiB of variables", at, maxVars>>10)
	}
	if c, ok := hc.Stdout.(*counted); ok {
		return c, nil
	}
	return &counted{to: hc.Stdout, shell: s}, nil
}

// sizeOf returns how many bytes the variables have, each as often as it is
// named. Arguments ($1, $@) have at most the size of the longest command's.
func (s *shell) sizeOf(names []string, env expand.Environ) int {
	size := 0
	for _, name := range names {
		if strings.Trim(name, "@*0123456789") == "" {
			size += s.longest
		} else {
			size += len(env.Get(name).Str)
		}
	}
	return size
}

// counted is the output of statements. What is over the limit is dropped,
// and the next statement ends the evaluation.
type counted struct {
	to    io.Writer
	shell *shell
}

func (c *counted) Write(b []byte) (int, error) {
	c.shell.mu.Lock()
	c.shell.written += len(b)
	over := c.shell.written > maxWords
	c.shell.mu.Unlock()
	if over {
		return len(b), nil
	}
	return c.to.Write(b)
}

func (*counted) Read([]byte) (int, error) { return 0, io.EOF }
func (*counted) Close() error             { return nil }

package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// findLast notes the places from which a command may take the shell's place:
// those of exec that no subshell or pipe is around, and the one command of a
// -c text, so that a signal for the shell gets to it.
func (s *shell) findLast(file *syntax.File, isText bool) {
	if isText && len(file.Stmts) == 1 && plain(file.Stmts[0]) {
		s.last[callOf(file.Stmts[0]).Pos()] = true
	}
	for _, stmt := range file.Stmts {
		s.findExec(stmt)
	}
}

func (s *shell) findExec(stmt *syntax.Stmt) {
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst, *syntax.FuncDecl:
			return false
		case *syntax.BinaryCmd:
			return n.Op != syntax.Pipe && n.Op != syntax.PipeAll
		case *syntax.Stmt:
			if n.Background {
				return false
			}
			if c := callOf(n); c != nil && !fed(n) && len(c.Args) > 1 && c.Args[0].Lit() == "exec" {
				s.last[c.Args[0].Pos()] = true
			}
		}
		return true
	})
}

func callOf(stmt *syntax.Stmt) *syntax.CallExpr {
	c, _ := stmt.Cmd.(*syntax.CallExpr)
	return c
}

// plain says whether the statement is one simple command and nothing else.
func plain(stmt *syntax.Stmt) bool {
	c := callOf(stmt)
	return c != nil && len(c.Args) > 0 && !stmt.Background && !stmt.Negated && !fed(stmt)
}

// fed says whether the shell itself writes what the command reads.
func fed(stmt *syntax.Stmt) bool {
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			return true
		}
	}
	return false
}

func hasBackground(file *syntax.File) bool {
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if stmt, ok := n.(*syntax.Stmt); ok {
			found = found || stmt.Background
		}
		return !found
	})
	return found
}

// exec starts a program, in the shell's place where nothing comes after it.
func (s *shell) exec(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		hc := interp.HandlerCtx(ctx)
		if !s.last[hc.Pos] {
			return next(ctx, args)
		}
		path, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
		if err != nil {
			return next(ctx, args) // says so
		}
		if err := become(hc, path, args); errors.Is(err, syscall.ENOEXEC) {
			return next(ctx, args)
		} else {
			return err
		}
	}
}

// become replaces the shell's process by the program.
func become(hc interp.HandlerContext, path string, args []string) error {
	var open [3]*os.File
	for i, s := range []any{hc.Stdin, hc.Stdout, hc.Stderr} {
		f, ok := s.(*os.File)
		if !ok {
			return errors.New("exec: a standard stream is not a file")
		}
		open[i] = f
	}
	if err := os.Chdir(hc.Dir); err != nil {
		return err
	}
	if err := placeStreams(open); err != nil {
		return err
	}
	return syscall.Exec(path, args, environment(hc.Env))
}

// placeStreams makes the files the descriptors 0 to 2. They are first put out
// of each other's way.
func placeStreams(open [3]*os.File) error {
	var high [3]int
	for i, f := range open {
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			return err
		}
		high[i] = fd
		syscall.CloseOnExec(fd)
	}
	for i, fd := range high {
		if err := dup2(fd, i); err != nil {
			return err
		}
	}
	return nil
}

func environment(vars expand.Environ) []string {
	var list []string
	for name, v := range vars.Each {
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			list = append(list, name+"="+v.String())
		}
	}
	return list
}

package debian

import (
	"fmt"

	"mvdan.cc/sh/v3/syntax"
)

// settle takes out of a script what the interpreter would ask the host for: the
// number of a process. What it would do there it refuses: process substitution
// makes named pipes.
func settle(file *syntax.File) (err error) {
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ProcSubst:
			err = fmt.Errorf("line %d: process substitution", n.Pos().Line())
		case *syntax.ParamExp:
			switch n.Param.Value {
			case "$", "PPID":
				n.Param.Value = processID
			case "RANDOM", "SRANDOM":
				err = fmt.Errorf("line %d: a random number", n.Pos().Line())
			}
		}
		return err == nil
	})
	calm(file.Stmts, false)
	return err
}

// calm mends where the interpreter is stricter than shells: under set -e it
// ends when "a && b" is the last of a compound command's list and a fails,
// though that failure was asked for (POSIX, sh, set -e). There it becomes
// "if a; then b; fi". What is in a function, a condition or a list of
// alternatives stays, since its exit status counts.
func calm(list []*syntax.Stmt, compound bool) {
	for _, s := range list {
		switch c := s.Cmd.(type) {
		case *syntax.IfClause:
			for ; c != nil; c = c.Else {
				calm(c.Then, true)
			}
		case *syntax.WhileClause:
			calm(c.Do, true)
		case *syntax.ForClause:
			calm(c.Do, true)
		case *syntax.CaseClause:
			for _, i := range c.Items {
				calm(i.Stmts, true)
			}
		case *syntax.Block:
			calm(c.Stmts, true)
		}
	}
	if !compound || len(list) == 0 {
		return
	}
	last := list[len(list)-1]
	if both, ok := last.Cmd.(*syntax.BinaryCmd); ok && both.Op == syntax.AndStmt && !last.Negated && !last.Background {
		last.Cmd = &syntax.IfClause{Cond: []*syntax.Stmt{both.X}, Then: []*syntax.Stmt{both.Y}}
	}
}

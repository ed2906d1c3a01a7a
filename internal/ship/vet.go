package ship

import "mvdan.cc/sh/v3/syntax"

// vet refuses the parts of the shell's language that sailor's sh doesn't
// have and that reach beyond the evaluation: pipes with names in the file
// system, jobs in the background, and braces, of which a few bytes make a
// billion words.
func vet(f *syntax.File) error {
	var err error
	refuse := func(pos syntax.Pos, what string) {
		if err == nil {
			err = &parseError{int(pos.Line()), what}
		}
	}
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			if n.Background || n.Coprocess || n.Disown {
				refuse(n.Pos(), "commands in the background are not allowed here")
			}
		case *syntax.ProcSubst:
			refuse(n.Pos(), "<( ) is not sh")
		case *syntax.CoprocClause:
			refuse(n.Pos(), "coproc is not sh")
		case *syntax.ArrayExpr:
			refuse(n.Pos(), "arrays are not sh")
		case *syntax.ParamExp:
			if n.Repl != nil {
				refuse(n.Pos(), "${a/b/c} is not sh")
			}
		case *syntax.Word:
			if w := *n; syntax.SplitBraces(&w) {
				refuse(n.Pos(), "braces that make several words are not sh")
			}
		}
		return err == nil
	})
	return err
}

package pkgsrc

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// trivial returns what an @exec command does to a tree, if it is made of
// commands that only make, change or remove files which they name outright.
// Relative paths are below dir.
func trivial(command, dir string) ([]action, bool) {
	f, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(command), "")
	if err != nil {
		return nil, false
	}
	var all []action
	for _, s := range f.Stmts {
		a, ok := trivialStmt(s, dir)
		if !ok {
			return nil, false
		}
		all = append(all, a...)
	}
	return all, true
}

func trivialStmt(s *syntax.Stmt, dir string) ([]action, bool) {
	if s.Background || s.Negated || !readsOnly(s.Redirs) {
		return nil, false
	}
	switch c := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		first, ok := trivialStmt(c.X, dir)
		if !ok {
			return nil, false
		}
		second, ok := trivialStmt(c.Y, dir)
		if !ok || (c.Op != syntax.AndStmt && (c.Op != syntax.OrStmt || len(second) > 0)) {
			return nil, false // of commands that run when one fails only "|| true" makes no difference
		}
		return append(first, second...), true
	case *syntax.CallExpr:
		words := make([]string, len(c.Args))
		for i, w := range c.Args {
			words[i] = wordText(w)
			if strings.ContainsAny(words[i], "$*?[`") {
				return nil, false
			}
		}
		if len(words) == 0 || len(c.Assigns) > 0 {
			return nil, false
		}
		return trivialCall(words, dir)
	}
	return nil, false
}

// trivialCall knows the commands that packing lists have.
func trivialCall(words []string, dir string) ([]action, bool) {
	a := arguments{dir: dir, rest: words[1:]}
	switch path.Base(words[0]) {
	case ":", "true", "echo":
		return nil, true
	case "mkdir":
		flags := a.flags("p", "m")
		return a.each(action{do: makeDir, mode: flags["m"]}), !a.bad
	case "chmod":
		a.flags("", "")
		return a.each(action{do: change, mode: a.next()}), !a.bad
	case "chgrp":
		a.flags("", "")
		return a.each(action{do: change, group: a.next()}), !a.bad
	case "chown":
		a.flags("", "")
		user, group, _ := strings.Cut(strings.Replace(a.next(), ".", ":", 1), ":")
		return a.each(action{do: change, user: user, group: group}), !a.bad
	case "touch":
		return a.each(action{do: touch}), !a.bad
	case "rm":
		a.flags("f", "")
		return a.each(action{do: remove}), !a.bad
	case "ln":
		flags := a.flags("sfnh", "")
		_, symbolic := flags["s"]
		_, force := flags["f"]
		target, at := a.next(), a.next()
		a.bad = a.bad || !symbolic || len(a.rest) > 0
		return []action{{do: link, path: a.abs(at), from: target, force: force}}, !a.bad
	}
	return nil, false
}

// arguments are those of a command. bad is set once they are not understood.
type arguments struct {
	dir  string
	rest []string
	bad  bool
}

// flags takes the options, each of one letter: of known without an argument,
// of valued with one.
func (a *arguments) flags(known, valued string) map[string]string {
	got := make(map[string]string)
	for len(a.rest) > 0 && len(a.rest[0]) > 1 && a.rest[0][0] == '-' {
		letters := a.next()[1:]
		if letters == "-" {
			break
		}
		for i := range letters {
			switch l := letters[i : i+1]; {
			case strings.Contains(known, l):
				got[l] = ""
			case l == valued && i == len(letters)-1:
				got[l] = a.next()
			default:
				a.bad = true
			}
		}
	}
	return got
}

func (a *arguments) next() string {
	if len(a.rest) == 0 {
		a.bad = true
		return ""
	}
	word := a.rest[0]
	a.rest = a.rest[1:]
	return word
}

// each returns what for each path that is left.
func (a *arguments) each(what action) []action {
	var all []action
	for _, word := range a.rest {
		if strings.HasPrefix(word, "-") {
			a.bad = true
		}
		what.path = a.abs(word)
		all = append(all, what)
	}
	a.bad = a.bad || len(all) == 0
	return all
}

func (a *arguments) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(a.dir, name)
}

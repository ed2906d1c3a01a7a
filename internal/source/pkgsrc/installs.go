package pkgsrc

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Installs recognises a command of a shell that installs packages, such as
//
//	pkgin -y update && pkgin -y install nginx 'php>=8.2' && rm -rf /var/db/pkgin
//
// It returns what that asks for, as Source.Install takes it, and the rest of
// the command, which may be empty: the packages are to be there before it is
// run. There are no patterns where something is only done for the package
// tools' own sake, such as renewing their lists.
//
// The commands are those of pkgin(1) and pkg_add(1), joined by "&&", ";" or
// new lines. ok is false where there is none, and where it takes a shell to
// tell what one does: where it has an option that makes it do something else
// than installing, names a file or an address instead of a package, or comes
// after a command that may have to do with it. Preparing the tools (PKG_PATH,
// repositories.conf, folders) has not, since the packages are the Source's.
func Installs(command string) (patterns []string, rest string, ok bool) {
	f, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(command), "")
	if err != nil {
		return nil, "", false
	}
	var r request
	var statements []string
	for _, s := range f.Stmts {
		r.others = nil
		r.list(s)
		if len(r.others) > 0 {
			statements = append(statements, strings.Join(r.others, " && "))
		}
	}
	if r.bad || !r.found {
		return nil, "", false
	}
	if !r.useful {
		statements = nil
	}
	return r.patterns, strings.Join(statements, "; "), true
}

// runsTool matches the words by which one command runs one of the package
// tools through another: "su -c 'pkgin in x'", "sudo pkg_add x".
var runsTool = regexp.MustCompile(`^(.*bin/)?(pkgin|pkg_add)$|\b(pkgin|pkg_add)\s`)

// A request is what a command asks of the package tools.
type request struct {
	patterns []string
	found    bool     // a command of theirs
	others   []string // commands of the statement at hand that are not
	late     bool     // one of those came that no installation may follow
	useful   bool     // one of those came that does something
	bad      bool     // it takes a shell to tell
}

// list takes a statement and those that "&&" joins it with.
func (r *request) list(s *syntax.Stmt) {
	b, ok := s.Cmd.(*syntax.BinaryCmd)
	switch ok = ok && onlyCommand(s); {
	case ok && b.Op == syntax.AndStmt:
		r.list(b.X)
		r.list(b.Y)
	case ok && b.Op == syntax.OrStmt && isCall(b.Y, "exit", "false") && r.tool(b.X):
	case ok && b.Op == syntax.Pipe && isCall(b.X, "yes", "echo") && r.tool(b.Y):
	case r.tool(s):
	default:
		r.other(s)
	}
}

// onlyCommand reports whether s is a command without what the shell makes of
// its result or of its output, unless that goes nowhere.
func onlyCommand(s *syntax.Stmt) bool {
	return !s.Background && !s.Negated && readsOnly(s.Redirs)
}

// isCall reports whether s is one of the commands with any arguments.
func isCall(s *syntax.Stmt, names ...string) bool {
	words := callWords(s)
	return len(words) > 0 && slices.Contains(names, path.Base(words[0]))
}

// callWords returns the words of a command that says itself what they are,
// without "env" and what it sets; none of any other.
func callWords(s *syntax.Stmt) []string {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || !onlyCommand(s) {
		return nil
	}
	var words []string
	for _, w := range c.Args {
		text := wordText(w)
		if strings.ContainsAny(text, "$`") {
			return nil
		}
		words = append(words, text)
	}
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = words[1:]
		for len(words) > 0 && strings.Contains(words[0], "=") {
			words = words[1:]
		}
	}
	return words
}

// tool takes s where it is a command of the package tools, and reports whether
// it is.
func (r *request) tool(s *syntax.Stmt) bool {
	words := callWords(s)
	if len(words) == 0 {
		return false
	}
	asked, ok := []string(nil), false
	switch path.Base(words[0]) {
	case "pkgin":
		asked, ok = pkginAsks(words[1:])
	case "pkg_add":
		asked, ok = addAsks(words[1:])
	default:
		return false
	}
	r.found = true
	r.bad = r.bad || !ok || r.late && len(asked) > 0
	r.patterns = append(r.patterns, asked...)
	return true
}

// pkginAsks returns the packages that "pkgin words…" installs, and reports
// whether it does nothing else but keep house.
func pkginAsks(words []string) ([]string, bool) {
	words, ok := skipFlags(words, "fFPvVy")
	if !ok || len(words) == 0 {
		return nil, false
	}
	switch words[0] {
	case "install", "in":
		words, ok = skipFlags(words[1:], "fFPvVy") // getopt(3) of some systems lets them stand here
		return packageNames(words, ok)
	case "update", "up", "upgrade", "ug", "full-upgrade", "fug", "clean", "cl", "autoremove", "ar":
		return nil, true
	}
	return nil, false
}

// addAsks returns the packages that "pkg_add words…" installs.
func addAsks(words []string) ([]string, bool) {
	words, ok := skipFlags(words, "DfUuVv")
	return packageNames(words, ok)
}

// skipFlags returns words without the options before them, and reports whether
// all of those are among letters.
func skipFlags(words []string, letters string) ([]string, bool) {
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		if strings.Trim(words[0][1:], letters) != "" {
			return nil, false
		}
		words = words[1:]
	}
	return words, true
}

// packageNames returns words if ok is set and they name packages, and no files
// or addresses.
func packageNames(words []string, ok bool) ([]string, bool) {
	odd := func(w string) bool {
		_, err := parsePattern(w)
		return err != nil || strings.HasPrefix(w, "-") || strings.ContainsAny(w, "/:") || strings.HasSuffix(w, ".tgz")
	}
	if !ok || len(words) == 0 || slices.ContainsFunc(words, odd) {
		return nil, false
	}
	return words, true
}

// other takes a command that is none of the package tools'.
func (r *request) other(s *syntax.Stmt) {
	syntax.Walk(s, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Word:
			r.bad = r.bad || runsTool.MatchString(wordText(n))
		case *syntax.Redirect:
			r.bad = r.bad || n.Hdoc != nil // its text is not where the command is
		}
		return true
	})
	r.late = r.late || !prepares(s)
	r.useful = r.useful || !sets(s)
	var text strings.Builder
	if err := syntax.NewPrinter().Print(&text, s); err != nil {
		r.bad = true
	}
	r.others = append(r.others, text.String())
}

// sets reports whether s does nothing but tell the shell what to do with
// commands after it.
func sets(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || !onlyCommand(s) {
		return false
	}
	return len(c.Args) == 0 || slices.Contains([]string{"export", "set", "cd", ":", "true", "umask", "unset"}, wordText(c.Args[0]))
}

// prepares reports whether packages can as well be installed before s.
func prepares(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Background || s.Negated || len(c.Args) == 0 {
		return sets(s)
	}
	return sets(s) || slices.Contains([]string{"mkdir", "echo", "printf"}, path.Base(wordText(c.Args[0])))
}

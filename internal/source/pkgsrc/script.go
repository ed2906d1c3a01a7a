package pkgsrc

import (
	"bufio"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// tables are what an +INSTALL script of pkgsrc says in comments, by the word
// that each line begins with: "# FILE: etc/x c share/examples/x 0644". Small
// scripts that it unpacks act on them (mk/pkginstall in pkgsrc).
type tables map[string][][]string

// The words that lines of tables begin with.
const (
	tableUser  = "USER"
	tableGroup = "GROUP"
	tableDir   = "DIR"
	tableFile  = "FILE"
	tablePerms = "PERMS"
	tableShell = "SHELL"
)

// helpers are the small scripts whose work is done on the tree or has none to
// do in a guest that is made whole (NetBSD's run-time loader has no database
// for +SHLIBS), and what is to be said of the others, which make what programs
// can do without.
var helpers = map[string]string{
	"+USERGROUP":              "",
	"+DIRS":                   "",
	"+FILES":                  "",
	"+PERMS":                  "",
	"+SHELL":                  "",
	"+SHLIBS":                 "",
	"+RCD_SCRIPTS":            "",
	"+FONTS":                  "its fonts are not indexed",
	"+INFO_FILES":             "its info files are not in the directory of info files",
	"+ICON_THEMES":            "the caches of its icon themes are not made",
	"+OCAML_FINDLIB_REGISTER": "it is not registered with ocaml-findlib",
}

var (
	tableLine  = regexp.MustCompile(`^# ([A-Z_]+): (.*)$`)
	helperName = regexp.MustCompile(`^\./(\+[A-Z_]+)$`)
)

// readTables collects the tables of a script, without lines that are there
// twice, sorted as the small scripts sort them.
func readTables(script string) tables {
	lines := make(map[string][]string)
	b := bufio.NewScanner(strings.NewReader(script))
	b.Buffer(nil, maxListLine)
	for b.Scan() {
		// Examples in the small scripts' own comments begin with a tab.
		if m := tableLine.FindStringSubmatch(b.Text()); m != nil {
			lines[m[1]] = append(lines[m[1]], m[2])
		}
	}
	t := make(tables)
	for word, all := range lines {
		slices.Sort(all)
		for _, l := range slices.Compact(all) {
			fields := strings.Fields(l)
			if word == tableUser || word == tableGroup {
				fields = strings.Split(l, ":")
			}
			t[word] = append(t[word], fields)
		}
	}
	return t
}

// A scriptReport is what a look at an +INSTALL script found.
type scriptReport struct {
	own   map[string]int // line of the first command of the package's own, by stage; "" is every stage
	notes []string       // what small scripts would have done that is not done
	bad   error          // it is no script that we can read
}

// inspect tells a script that does nothing but act on its tables from one
// with commands of its own. The script is parsed as sh reads it, and each of
// its commands must be one that pkgsrc's framework writes into every script:
//
//   - assignments, ":", test, shift, exit, echo, and asking for the folder;
//   - writing a small script (${CAT} > ./+X), adding its table (${SED} … ${SELF}
//     >> ./+X) and making it executable (${CHMOD} +x ./+X);
//   - running one of those small scripts (./+X ADD …), or the script itself
//     (${SH} ${SELF} ${PKGNAME} UNPACK, $0 ${PKGNAME} VIEW-INSTALL).
//
// Anything else is the package's own, and then the whole script is for the
// guest's shell. Its tables are acted on natively all the same: when it is run
// at POST-INSTALL alone, it does not unpack the small scripts, and so skips
// them. Commands for deinstalling and for views of packages don't count.
func inspect(script string) scriptReport {
	r := scriptReport{own: make(map[string]int)}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), "+INSTALL")
	if err != nil {
		r.bad = err
		return r
	}
	r.statements("", f.Stmts)
	return r
}

// statements looks at what runs at stage.
func (r *scriptReport) statements(stage string, stmts []*syntax.Stmt) {
	for _, s := range stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CaseClause:
				if isStage(n.Word) {
					r.stages(stage, n)
					return false
				}
			case *syntax.Stmt:
				r.command(stage, n)
			}
			return true
		})
	}
}

// isStage reports whether a case is about the stage: case ${STAGE} in, or
// case "${STAGE},$1" in.
func isStage(w *syntax.Word) bool {
	found := false
	syntax.Walk(w, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param.Value == "STAGE" {
			found = true
		}
		return true
	})
	return found
}

// stages looks at the arms of a case about the stage.
func (r *scriptReport) stages(outer string, c *syntax.CaseClause) {
	for _, arm := range c.Items {
		for _, p := range arm.Patterns {
			name, _, _ := strings.Cut(p.Lit(), ",")
			switch {
			case outer != "" && outer != name && name != "*":
			case strings.Contains(name, "DEINSTALL") || strings.HasPrefix(name, "VIEW-"):
			case name == "PRE-INSTALL" || name == "POST-INSTALL" || name == "UNPACK":
				r.statements(name, arm.Stmts)
			default:
				r.statements(outer, arm.Stmts)
			}
		}
	}
}

// command looks at one statement, if it is a simple command.
func (r *scriptReport) command(stage string, s *syntax.Stmt) {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok {
		if len(s.Redirs) > 0 && !readsOnly(s.Redirs) {
			r.foreign(stage, s)
		}
		return
	}
	if len(c.Args) == 0 { // assignments
		return
	}
	words := make([]string, len(c.Args))
	for i, w := range c.Args {
		words[i] = wordText(w)
	}
	if text := helpers[written(s.Redirs)]; text != "" && !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
	if framework(words, s.Redirs) {
		return
	}
	r.foreign(stage, s)
	if helperName.MatchString(words[0]) {
		r.foreign("PRE-INSTALL", s) // where it is unpacked
	}
}

func (r *scriptReport) foreign(stage string, s *syntax.Stmt) {
	if line := int(s.Pos().Line()); r.own[stage] == 0 || line < r.own[stage] {
		r.own[stage] = line
	}
}

// framework reports whether a command is of those that inspect names.
func framework(words []string, redirs []*syntax.Redirect) bool {
	last := words[len(words)-1]
	switch words[0] {
	case ":", "shift", "exit", "$TEST", "[", "test", "$ECHO", "echo", "$PWD_CMD", "pwd", "$TRUE", "true":
		return readsOnly(redirs)
	case "$CAT", "cat", "$SED", "sed":
		return written(redirs) != "" && (len(words) == 1 || last == "$SELF")
	case "$CHMOD", "chmod":
		return len(words) == 3 && words[1] == "+x" && helperName.MatchString(last) && readsOnly(redirs)
	case "$SH":
		return len(words) == 4 && words[1] == "$SELF" && last == "UNPACK"
	case "$SETENV":
		return last == "VIEW-INSTALL"
	}
	m := helperName.FindStringSubmatch(words[0])
	if m == nil {
		return false
	}
	_, known := helpers[m[1]]
	return known && readsOnly(redirs)
}

// readsOnly reports whether nothing is written but to /dev/null and between
// standard output and error.
func readsOnly(redirs []*syntax.Redirect) bool {
	return !slices.ContainsFunc(redirs, func(r *syntax.Redirect) bool {
		switch r.Op {
		case syntax.RdrIn, syntax.DplIn, syntax.DplOut, syntax.Hdoc, syntax.DashHdoc:
			return false
		}
		return wordText(r.Word) != "/dev/null"
	})
}

// written returns the name of the small script that is written, if nothing
// else is: "+FILES".
func written(redirs []*syntax.Redirect) string {
	name := ""
	for _, r := range redirs {
		switch r.Op {
		case syntax.RdrOut, syntax.AppOut:
			m := helperName.FindStringSubmatch(wordText(r.Word))
			if m == nil {
				return ""
			}
			name = m[1]
		case syntax.Hdoc, syntax.DashHdoc:
		default:
			return ""
		}
	}
	return name
}

// wordText returns a word with its quotes removed, and variables as "$NAME".
// Other expansions are "$()", which is no word of the framework's.
func wordText(w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		writePart(&b, part)
	}
	return b.String()
}

func writePart(b *strings.Builder, part syntax.WordPart) {
	switch p := part.(type) {
	case *syntax.Lit:
		b.WriteString(strings.ReplaceAll(p.Value, `\`, ""))
	case *syntax.SglQuoted:
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			writePart(b, inner)
		}
	case *syntax.ParamExp:
		if p.Exp == nil && p.Repl == nil && p.Slice == nil {
			b.WriteString("$" + p.Param.Value)
			return
		}
		b.WriteString("$()")
	default:
		b.WriteString("$()")
	}
}

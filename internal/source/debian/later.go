package debian

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A later is a script that is not recognised, and so is not for us to run.
type later struct {
	*script
	args []string
}

// A problem is a place of a script that is not recognised.
type problem struct {
	line int // 0: the script as a whole
	text string
}

// problem notes a place, up to a limit.
func (s *script) problem(line int, text string) {
	p := problem{line, strings.Join(strings.Fields(text), " ")}
	if len(s.problems) < maxNotes && !slices.Contains(s.problems, p) {
		s.problems = append(s.problems, p)
	}
}

// need notes that the script counts on a program, by name or path, or on a
// file. Names that begin with "-" are of our making.
func (s *script) need(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(name, "-") && !slices.Contains(optional, name) && len(s.needs) < maxNotes && !slices.Contains(s.needs, name) {
		s.needs = append(s.needs, name)
	}
}

// scriptDir is where dpkg keeps maintainer scripts, and runs them.
const scriptDir = "/var/lib/dpkg/info"

// leave hands on the scripts that are not recognised: to the guest's own shell,
// in the order in which dpkg would run them, where the tree and the tools that
// are added to it have what they need. asked are the packages that the tree is
// for. Each script is named.
func (in *installer) leave(ctx context.Context, asked []string) error {
	all, err := in.withTools(ctx, asked)
	if err != nil {
		return err
	}
	for _, l := range in.later {
		missing, err := l.missing(all)
		if err != nil {
			return err
		}
		n := source.Note{Package: l.pkg.Name, Script: l.name, Line: l.problems[0].line, Text: l.why()}
		if missing != nil {
			n.Text += ": the script was not run, for want of " + strings.Join(missing, ", ")
			in.report.Notes = append(in.report.Notes, n)
			continue
		}
		n.Text += ": the script runs in the build VM"
		n.Known, n.Guest = true, true
		in.report.Notes = append(in.report.Notes, n)
		in.report.Scripts = append(in.report.Scripts, l.toRun())
	}
	return nil
}

// why says what was not recognised.
func (l later) why() string {
	text := l.problems[0].text
	if n := len(l.problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// toRun returns how the guest runs the script.
func (l later) toRun() source.Script {
	p := path.Join(scriptDir, l.pkg.Name+"."+l.name)
	return source.Script{
		Package: l.pkg.String(),
		File:    tree.NewFile(p, 0o755, []byte(l.pkg.files.Control[l.name]), l.to.s.time(), l.script.why()),
		Args:    append([]string{p}, l.args...),
		Env:     l.environment(),
		Dir:     "/",
	}
}

// missing returns what the script needs and t lacks, sorted: its interpreter,
// the programs that it called as far as it was followed, and their
// interpreters.
func (l later) missing(t *tree.Tree) ([]string, error) {
	interpreter := tree.ScriptInterpreter([]byte(l.pkg.files.Control[l.name]))
	var all []string
	for _, name := range append([]string{interpreter}, l.needs...) {
		e, ok := findProgram(t, name)
		if !ok {
			all = append(all, name)
			continue
		}
		interpreter, err := e.Interpreter()
		if err != nil {
			return nil, err
		}
		if interpreter == "" {
			continue
		}
		if _, ok := findProgram(t, interpreter); !ok {
			all = append(all, interpreter)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// findProgram returns the file that a script means by a program's name or
// path.
func findProgram(t *tree.Tree, name string) (tree.Entry, bool) {
	dirs := programDirs
	if strings.Contains(name, "/") {
		dirs = []string{path.Dir(path.Join("/", name))}
	}
	for _, d := range dirs {
		e, err := t.Lookup(path.Join(d, path.Base(name)))
		if err == nil && e.Type == tree.File {
			return e, true
		}
	}
	return tree.Entry{}, false
}

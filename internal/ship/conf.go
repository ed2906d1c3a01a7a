package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/image"
)

// A conf is a sailor definition after its evaluation.
type conf struct {
	file  string // as the user named it
	dir   string // its folder
	guest image.Guest

	vars     map[string]string
	lines    map[string]int  // where each variable was last set
	assigned map[string]int  // where the definition itself sets one
	used     map[string]bool // variables that it reads
	hooks    Hooks
	notes    []string
}

// loadConf evaluates the definition src of the file at path. uname answers by
// the guest, which the definition itself may name: then it is read again
// with that.
func loadConf(ctx context.Context, path string, src []byte, o Options) (Ship, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, evalTime, errTooLong)
	defer cancel()
	dir := filepath.Dir(path)
	read := newRecord(path, src, dir, filepath.Join(dir, ".."), ".")
	c, err := evaluate(ctx, path, src, o, o.Guest, read)
	if err != nil {
		return Ship{}, err
	}
	own, err := parseGuest(c.vars["guest"])
	if err != nil {
		return Ship{}, c.wrong("guest", err)
	}
	guest := override(own, o.Guest)
	if guest != o.Guest {
		if c, err = evaluate(ctx, path, src, o, guest, read); err != nil {
			return Ship{}, err
		}
	}
	c.guest = guest
	s, err := c.ship(o)
	s.Source = read.digest()
	return s, err
}

// override returns g with what is said in by.
func override(g, by image.Guest) image.Guest {
	if by.OS != "" {
		g.OS = by.OS
	}
	if by.Arch != "" {
		g.Arch = by.Arch
	}
	return g
}

func evaluate(ctx context.Context, path string, src []byte, o Options, g image.Guest, read *record) (*conf, error) {
	c := &conf{
		file: path, dir: filepath.Dir(path), lines: make(map[string]int),
		vars: make(map[string]string), used: make(map[string]bool),
	}
	if text, marked := bytes.CutPrefix(src, byteOrderMark); marked {
		src = text
		c.notes = append(c.notes, path+":1: has a byte order mark: it was taken off, sailor's shell would not know the first line")
	}
	if bytes.Contains(src, []byte("\r\n")) {
		src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
		c.notes = append(c.notes, path+": has the line ends of Windows: they were taken off, sailor would keep them in its values")
	}
	f, err := parse(src, path)
	if err != nil {
		return nil, inFile(path, err)
	}
	c.assigned = assignments(f)
	reads(f, c.used)
	a := newAnswers(g)
	vars := append(foreign(o.Environ), a.variables()...)
	if o.Home != "" {
		vars = append(vars, "HOME="+o.Home)
	}
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return nil, err
	}
	s, err := newShell(path, dir, vars, a, o.AllowHostCommands)
	if err != nil {
		return nil, err
	}
	s.used, s.read = c.used, read
	if err := c.runAll(ctx, s, src, f); err != nil {
		return nil, err
	}
	if err := c.collectHooks(ctx, s, src); err != nil {
		return nil, err
	}
	c.noteMisspelt()
	return c, nil
}

// foreign returns the variables of environ that mean nothing in a definition:
// a user's environment doesn't add packages to a ship.
func foreign(environ []string) []string {
	var vars []string
	for _, kv := range environ {
		if name, _, _ := strings.Cut(kv, "="); !isKnown(name) {
			vars = append(vars, kv)
		}
	}
	return vars
}

// runAll evaluates the file statement by statement and notes which sets what.
func (c *conf) runAll(ctx context.Context, s *shell, src []byte, f *syntax.File) error {
	if err := s.runner.Run(ctx, &syntax.File{}); err != nil { // fills Vars
		return err
	}
	f, err := parse(s.guarded(src, f, place{}), c.file)
	if err != nil {
		return inFile(c.file, err)
	}
	for _, stmt := range f.Stmts {
		before := maps.Clone(s.runner.Vars)
		line := int(stmt.Pos().Line())
		if err := s.run(ctx, s.runner, stmt, line); err != nil {
			return err
		}
		own := assignments(stmt)
		for name, v := range s.runner.Vars {
			if at, ok := own[name]; ok {
				c.lines[name] = at
			} else if old, ok := before[name]; !ok || old.Str != v.Str {
				c.lines[name] = line
			}
		}
	}
	for name, v := range s.runner.Vars {
		c.vars[name] = v.Str
	}
	return nil
}

// parseError is a fault in shell text.
type parseError struct {
	line int
	text string
}

func (e *parseError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// faultOf words a fault in a text of one line, whose number says nothing.
func faultOf(err error) string {
	if pe, ok := errors.AsType[*parseError](err); ok {
		return pe.text
	}
	return err.Error()
}

// inFile words a fault in the file named.
func inFile(file string, err error) error {
	if pe, ok := errors.AsType[*parseError](err); ok {
		return fmt.Errorf("%s:%d: %s", file, pe.line, pe.text)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// assignments returns the variables that n sets for the shell, with the line
// of the last time. Those before a command are the command's own.
func assignments(n syntax.Node) map[string]int {
	set := make(map[string]int)
	add := func(as *syntax.Assign) {
		if as.Name != nil && !as.Naked {
			set[as.Name.Value] = int(as.Pos().Line())
		}
	}
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				for _, as := range n.Assigns {
					add(as)
				}
			}
		case *syntax.DeclClause:
			for _, as := range n.Args {
				add(as)
			}
		}
		return true
	})
	return set
}

// reads notes the variables that n expands.
func reads(n syntax.Node, used map[string]bool) {
	syntax.Walk(n, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil {
			used[p.Param.Value] = true
		}
		return true
	})
}

// at names the line that set the variable.
func (c *conf) at(name string) string {
	if line, ok := c.lines[name]; ok {
		return fmt.Sprintf("%s:%d", c.file, line)
	}
	return c.file
}

// wrong words a fault in a variable's value.
func (c *conf) wrong(name string, err error) error {
	return fmt.Errorf("%s: %s=%q: %w", c.at(name), name, c.vars[name], err)
}

func (c *conf) note(name, text string) {
	c.notes = append(c.notes, fmt.Sprintf("%s: %s: %s", c.at(name), name, text))
}

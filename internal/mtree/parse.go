package mtree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Parse reads the specification in r. name is what errors call it.
//
// Each path is there once: of several lines for it the last counts, in the
// place of the first. Folders come before what is in them. Only "/" may be
// left out.
func Parse(r io.Reader, name string, ids IDs) ([]Entry, error) {
	p := parser{
		lines: lineReader{r: bufio.NewReaderSize(r, 64<<10)},
		ids:   ids,
		index: map[string]int{},
		cwd:   "/",
	}
	for {
		line, err := p.lines.next()
		if errors.Is(err, io.EOF) {
			return p.entries, nil
		}
		if err == nil {
			err = p.parse(line)
		}
		if err != nil {
			return nil, &Error{name, p.lines.line, err}
		}
	}
}

type parser struct {
	lines    lineReader
	ids      IDs
	defaults Entry // what /set gave
	entries  []Entry
	index    map[string]int // of a path in entries
	paths    int            // bytes in all paths
	cwd      string         // the folder that names without a slash are in
	closed   bool           // ".." left the root: there is nothing more to leave
}

// parse takes a line: a command, a "..", or a file.
func (p *parser) parse(line string) error {
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || strings.TrimSpace(line) == "" {
		return nil
	}
	switch first := words[0]; {
	case first == "/set":
		return p.set(&p.defaults, words[1:])
	case first == "/unset":
		return p.unset(words[1:])
	case first[0] == '/':
		return fmt.Errorf("unknown command %q: a path begins with a point, as in .%s", first, first)
	case first == "..":
		return p.leave()
	default:
		return p.file(first, words[1:])
	}
}

// leave goes to the parent of the folder that was named last.
func (p *parser) leave() error {
	if p.cwd == "/" && p.closed {
		return errors.New(`".." at the root: there is one more of them than there are folders`)
	}
	p.closed = p.cwd == "/"
	p.cwd = path.Dir(p.cwd)
	return nil
}

// file takes a line about a file.
func (p *parser) file(encoded string, words []string) error {
	name, err := unvis(encoded)
	if err != nil {
		return err
	}
	full, err := p.resolve(name)
	if err != nil {
		return err
	}
	e := p.defaults
	e.Path, e.Line = full, p.lines.line
	if err := p.set(&e, words); err != nil {
		return err
	}
	if full == "/" && !e.Has(Type) {
		e.Type, e.Given = fs.ModeDir, e.Given|Type
	}
	first := len(p.entries) == 0
	if err := p.put(e); err != nil {
		return err
	}
	p.closed = false
	switch {
	case full == "/": // said again, it leaves the place as it is
		if !e.Type.IsDir() {
			return errors.New(`the root "." is not type=dir`)
		}
		if first {
			p.cwd = "/"
		}
	case e.Has(Type) && e.Type.IsDir():
		p.cwd = full
	default:
		p.cwd = path.Dir(full)
	}
	return nil
}

// put adds an entry, or replaces the one of the same path.
func (p *parser) put(e Entry) error {
	if i, ok := p.index[e.Path]; ok {
		old := p.entries[i]
		if old.Has(Type) && e.Has(Type) && old.Type != e.Type {
			return fmt.Errorf("%s is type=%s here and type=%s in line %d", e.Path, TypeName(e.Type), TypeName(old.Type), old.Line)
		}
		p.entries[i] = e
		return nil
	}
	if p.paths += len(e.Path); len(p.entries) >= maxEntries || p.paths > maxPaths {
		return fmt.Errorf("more than %d files, or more than %d MiB of paths", maxEntries, maxPaths>>20)
	}
	p.index[e.Path] = len(p.entries)
	p.entries = append(p.entries, e)
	return nil
}

// resolve makes a path of a name, which must be in a folder that was named.
func (p *parser) resolve(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("the name %.60q has a zero byte in it", name)
	}
	if name == "." {
		return "/", nil
	}
	if strings.HasSuffix(name, "/") {
		return "", fmt.Errorf("the path %q ends with a slash", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf(`the path %q has ".." in it: write it from the root`, name)
		}
	}
	full := path.Join("/", name)
	if strings.IndexByte(name, '/') < 0 {
		full = path.Join(p.cwd, name)
	}
	if len(full) > maxPath || len(path.Base(full)) > maxName {
		return "", fmt.Errorf("%.40q…: names are up to %d bytes long, and paths up to %d", name, maxName, maxPath)
	}
	return full, p.checkParent(full)
}

// checkParent checks that the folder of a path was named.
func (p *parser) checkParent(full string) error {
	dir := path.Dir(full)
	if dir == "/" {
		return nil
	}
	i, ok := p.index[dir]
	if !ok || !p.entries[i].Has(Type) || !p.entries[i].Type.IsDir() {
		return fmt.Errorf("%s: no folder %s was named before it: add a line .%s type=dir", full, dir, dir)
	}
	return nil
}

package pkgsrc

import (
	"bufio"
	"errors"
	"fmt"
	"path"
	"strings"
)

// What a packing list may be. The largest real ones have some 100,000 lines.
const (
	maxContents = 64 << 20 // bytes
	maxListed   = 1 << 20  // lines
	maxListLine = 1 << 14  // bytes
)

// A plist is a packing list, +CONTENTS (pkg_create(1), "PACKING LIST
// DETAILS").
type plist struct {
	name    string // @name: "nginx-1.26.2"
	prefix  string // the first @cwd, which all files are below
	display string // @display: the file about the package with its message; may be empty
	lines   []plistLine
}

// A plistLine is a file or one of the directives that say what to do.
type plistLine struct {
	verb string // "file", or the directive without its @
	arg  string // the file as it is listed, or what follows the directive
	md5  string // of a file: its digest, hex; may be empty
	link string // of a file: the target of the symbolic link that it is; may be empty
	line int    // in the list, from 1
}

// ignored are the directives that say nothing about installing.
var ignored = map[string]bool{
	"src": true, "unexec": true, "pkgdep": true, "pkgcfl": true, "blddep": true, "dirrm": true,
	"option": true, "view": true, "mtree": true,
}

// kept are those that do.
var kept = map[string]bool{"mode": true, "owner": true, "group": true, "exec": true, "pkgdir": true}

func parsePlist(text string) (*plist, error) {
	if len(text) > maxContents {
		return nil, fmt.Errorf("the packing list is longer than %d bytes", maxContents)
	}
	l := &plist{}
	b := bufio.NewScanner(strings.NewReader(text))
	b.Buffer(nil, maxListLine)
	skip, n := false, 0
	for b.Scan() {
		if n++; n > maxListed {
			return nil, fmt.Errorf("the packing list has more than %d lines", maxListed)
		}
		line := strings.TrimRight(b.Text(), " \t\r")
		if skip && !strings.HasPrefix(line, "@") {
			skip = false
			continue
		}
		skip = skip || line == "@ignore" || line == "@ignore_inst"
		before := len(l.lines)
		if err := l.take(line); err != nil {
			return nil, fmt.Errorf("the packing list, line %d: %w", n, err)
		}
		if len(l.lines) > before {
			l.lines[before].line = n
		}
	}
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("the packing list, line %d: %w", n+1, err)
	}
	if l.name == "" || l.prefix == "" {
		return nil, errors.New("the packing list has no @name or no @cwd")
	}
	return l, nil
}

// take adds one line.
func (l *plist) take(line string) error {
	directive, ok := strings.CutPrefix(line, "@")
	if !ok {
		return l.file(line)
	}
	verb, arg, _ := strings.Cut(directive, " ")
	arg = strings.TrimSpace(arg)
	switch {
	case verb == "name":
		if _, _, ok := splitName(arg); !ok || !plainName(arg) {
			return fmt.Errorf("@name %.80q is not the name of a package", arg)
		}
		l.name = arg
	case verb == "cwd" || verb == "cd":
		return l.directory(arg)
	case verb == "display":
		l.display = arg
	case verb == "comment":
		l.comment(arg)
	case kept[verb]:
		l.lines = append(l.lines, plistLine{verb: verb, arg: arg})
	case ignored[verb] || verb == "ignore" || verb == "ignore_inst":
	default:
		return fmt.Errorf("@%.40s is not known", verb)
	}
	return nil
}

func (l *plist) file(name string) error {
	if name == "" {
		return nil
	}
	if p := path.Clean(name); path.IsAbs(name) || p == "." || p == ".." || strings.HasPrefix(p, "../") || strings.ContainsRune(name, 0) {
		return fmt.Errorf("the file %.80q is not below the prefix", name)
	}
	l.lines = append(l.lines, plistLine{verb: "file", arg: path.Clean(name)})
	return nil
}

// directory takes the prefix. pkg_add(1) unpacks everything below the first
// one; a later one only matters to commands.
func (l *plist) directory(dir string) error {
	if !path.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		return fmt.Errorf("@cwd %.80q is not an absolute path", dir)
	}
	if dir = path.Clean(dir); l.prefix == "" {
		l.prefix = dir
	}
	l.lines = append(l.lines, plistLine{verb: "cwd", arg: dir})
	return nil
}

// comment takes what a comment says of the file before it.
func (l *plist) comment(text string) {
	if len(l.lines) == 0 || l.lines[len(l.lines)-1].verb != "file" {
		return
	}
	last := &l.lines[len(l.lines)-1]
	if sum, ok := strings.CutPrefix(text, "MD5:"); ok {
		last.md5 = strings.ToLower(sum)
	}
	if target, ok := strings.CutPrefix(text, "Symlink:"); ok {
		last.link = target
	}
}

// files returns the listed files by their names.
func (l *plist) files() map[string]plistLine {
	all := make(map[string]plistLine, len(l.lines))
	for _, f := range l.lines {
		if f.verb == "file" {
			all[f.arg] = f
		}
	}
	return all
}

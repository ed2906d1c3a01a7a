package debian

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// doSed is sed(1) with the commands that scripts use: s/x/y/, d and p, after
// a /pattern/ or for every line. What else there is fails.
func doSed(c *call) (int, error) {
	a, err := sedArgs(c.args[1:])
	if err != nil {
		return 1, err
	}
	edits, err := parseSed(a.script, a.extended)
	if err != nil {
		return 1, err
	}
	if !a.inPlace {
		b, err := c.input(a.files)
		if err != nil {
			return 1, err
		}
		out, err := edit(edits, b, a.silent)
		c.out.Write(out)
		return 0, err
	}
	for _, f := range a.files {
		b, err := c.read(c.abs(f))
		if err != nil {
			return 1, err
		}
		if b, err = edit(edits, b, a.silent); err != nil {
			return 1, err
		}
		if err := c.write(c.abs(f), b, 0o644); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

// sedCall is what sed was told.
type sedCall struct {
	script                    string
	files                     []string
	silent, extended, inPlace bool
}

func sedArgs(args []string) (a sedCall, err error) {
	given := false
	for i := 0; i < len(args); i++ {
		switch o := args[i]; {
		case o == "-e" && i+1 < len(args):
			i++
			a.script, given = a.script+args[i]+"\n", true
		case o == "-n" || o == "--quiet" || o == "--silent":
			a.silent = true
		case o == "-r" || o == "-E" || o == "--regexp-extended":
			a.extended = true
		case o == "-i" || o == "--in-place":
			a.inPlace = true
		case strings.HasPrefix(o, "-") && o != "-":
			return sedCall{}, fmt.Errorf("option %s has no native version", o)
		default:
			a.files = append(a.files, o)
		}
	}
	if !given {
		if len(a.files) == 0 {
			return sedCall{}, errors.New("no script")
		}
		a.script, a.files = a.files[0], a.files[1:]
	}
	return a, nil
}

// A sedEdit is one command of sed.
type sedEdit struct {
	where  *regexp.Regexp // lines that it is for; nil: all
	what   byte           // 's', 'd' or 'p'
	find   *regexp.Regexp
	put    string // as sed writes it
	all    bool   // flag g
	prints bool   // flag p
}

// parseSed reads commands, one a line or with semicolons between.
func parseSed(script string, isExtended bool) (edits []sedEdit, err error) {
	for {
		script = strings.TrimLeft(script, "; \t\n")
		if script == "" {
			return edits, nil
		}
		var e sedEdit
		if script[0] == '/' {
			var pattern string
			if pattern, script, err = sedPart(script[1:], '/'); err != nil {
				return nil, err
			}
			if e.where, err = sedPattern(pattern, isExtended, ""); err != nil {
				return nil, err
			}
			script = strings.TrimLeft(script, " \t")
		}
		if script, err = e.parse(script, isExtended); err != nil {
			return nil, err
		}
		if script != "" && !strings.ContainsRune(";\n \t", rune(script[0])) {
			return nil, fmt.Errorf("%q has no native version", script)
		}
		edits = append(edits, e)
	}
}

// parse reads the command that script begins with, and returns what is after
// it.
func (e *sedEdit) parse(script string, isExtended bool) (rest string, err error) {
	if script == "" || !strings.ContainsRune("sdp", rune(script[0])) {
		return "", fmt.Errorf("command %.10q has no native version", script)
	}
	e.what, rest = script[0], script[1:]
	if e.what != 's' {
		return rest, nil
	}
	if rest == "" || strings.ContainsRune("\\\n", rune(rest[0])) {
		return "", errors.New("command s without its parts")
	}
	sep := rest[0]
	pattern, rest, err := sedPart(rest[1:], sep)
	if err != nil {
		return "", err
	}
	if e.put, rest, err = sedPart(rest, sep); err != nil {
		return "", err
	}
	if strings.Contains(e.put, `\U`) || strings.Contains(e.put, `\L`) {
		return "", errors.New("changing the case has no native version")
	}
	end := len(rest) - len(strings.TrimLeft(rest, "gpI"))
	flags := rest[:end]
	e.all, e.prints = strings.Contains(flags, "g"), strings.Contains(flags, "p")
	e.find, err = sedPattern(pattern, isExtended, flags)
	return rest[end:], err
}

// sedPart returns s up to sep and what is after it. A backslash makes sep an
// ordinary letter.
func sedPart(s string, sep byte) (part, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == sep:
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			if i++; s[i] != sep {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", fmt.Errorf("%q lacks its %q", s, sep)
}

// sedPattern makes Go's expression of sed's, whose longest match counts.
func sedPattern(p string, isExtended bool, flags string) (*regexp.Regexp, error) {
	if p == "" {
		return nil, errors.New("an empty pattern has no native version")
	}
	if !isExtended {
		p = extended(p)
	}
	if strings.Contains(flags, "I") {
		p = "(?i)" + p
	}
	re, err := regexp.Compile(p)
	if err != nil {
		return nil, err
	}
	re.Longest()
	return re, nil
}

// edit runs the commands over each line of b.
func edit(edits []sedEdit, b []byte, silent bool) ([]byte, error) {
	var out bytes.Buffer
	for l := range bytes.Lines(b) {
		line, ended := bytes.CutSuffix(l, []byte("\n"))
		deleted := false
		for _, e := range edits {
			if e.where != nil && !e.where.Match(line) {
				continue
			}
			if deleted = e.what == 'd'; deleted {
				break
			}
			changed := e.what == 's' && e.find.Match(line)
			if changed {
				line = e.replace(line)
			}
			if e.what == 'p' || changed && e.prints {
				out.Write(append(line[:len(line):len(line)], '\n'))
			}
		}
		if deleted || silent {
			continue
		}
		out.Write(line)
		if ended {
			out.WriteByte('\n')
		}
		if out.Len() > maxWritten {
			return nil, fmt.Errorf("more than %d bytes", maxWritten)
		}
	}
	return out.Bytes(), nil
}

// replace puts what is to be there for the first match in line, or all.
func (e sedEdit) replace(line []byte) []byte {
	most := 1
	if e.all {
		most = -1
	}
	var out []byte
	end := 0
	for _, m := range e.find.FindAllSubmatchIndex(line, most) {
		out = e.expand(append(out, line[end:m[0]]...), line, m)
		end = m[1]
	}
	return append(out, line[end:]...)
}

// expand appends the replacement of the match m, with & and \1 to \9 in it.
func (e sedEdit) expand(out, line []byte, m []int) []byte {
	group := func(n int) []byte {
		if 2*n+1 < len(m) && m[2*n] >= 0 {
			return line[m[2*n]:m[2*n+1]]
		}
		return nil
	}
	for i := 0; i < len(e.put); i++ {
		ch := e.put[i]
		switch {
		case ch == '&':
			out = append(out, group(0)...)
		case ch == '\\' && i+1 < len(e.put):
			i++
			switch ch = e.put[i]; {
			case ch >= '0' && ch <= '9':
				out = append(out, group(int(ch-'0'))...)
			case ch == 'n':
				out = append(out, '\n')
			case ch == 't':
				out = append(out, '\t')
			default:
				out = append(out, ch)
			}
		default:
			out = append(out, ch)
		}
	}
	return out
}

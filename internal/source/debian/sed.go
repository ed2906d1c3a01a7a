package debian

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// doSed is sed(1) with the commands that scripts use: s/x/y/, d, p and q, for
// every line or those that addresses tell. What else there is fails.
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
		if a.suffix != "" {
			if err := c.copy(c.abs(f), c.abs(f)+a.suffix, false, true, true); err != nil {
				return 1, err
			}
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
	given                     bool // the script, by -e
	files                     []string
	silent, extended, inPlace bool
	suffix                    string // of the old file, with -i
}

func sedArgs(args []string) (a sedCall, err error) {
	for i := 0; i < len(args); i++ {
		o := args[i]
		long, suffix, _ := strings.Cut(o, "=")
		switch {
		case o == "--quiet" || o == "--silent":
			a.silent = true
		case o == "--regexp-extended":
			a.extended = true
		case long == "--in-place":
			a.inPlace, a.suffix = true, suffix
		case o == "--" || strings.HasPrefix(o, "--"):
			return sedCall{}, fmt.Errorf("option %s has no native version", o)
		case strings.HasPrefix(o, "-") && o != "-":
			used, err := a.letters(o[1:], args[i+1:])
			if err != nil {
				return sedCall{}, err
			}
			i += used
		default:
			a.files = append(a.files, o)
		}
	}
	if !a.given {
		if len(a.files) == 0 {
			return sedCall{}, errors.New("no script")
		}
		a.script, a.files = a.files[0], a.files[1:]
	}
	return a, nil
}

// letters reads the options in "-abc". It returns how many of next it took.
func (a *sedCall) letters(all string, next []string) (used int, err error) {
	for i, letter := range all {
		rest := all[i+1:]
		switch letter {
		case 'n':
			a.silent = true
		case 'r', 'E':
			a.extended = true
		case 'i':
			a.inPlace, a.suffix = true, rest
			return 0, nil
		case 'e':
			if rest == "" && len(next) > 0 {
				rest, used = next[0], 1
			}
			a.script, a.given = a.script+rest+"\n", true
			return used, nil
		default:
			return 0, fmt.Errorf("option -%c has no native version", letter)
		}
	}
	return 0, nil
}

// A sedEdit is one command of sed.
type sedEdit struct {
	where  sedRange
	what   byte // 's', 'd', 'p' or 'q'
	find   *regexp.Regexp
	put    string // as sed writes it
	all    bool   // flag g
	prints bool   // flag p
}

// parseSed reads commands, one a line or with semicolons between.
func parseSed(script string, isExtended bool) (edits []*sedEdit, err error) {
	for {
		script = strings.TrimLeft(script, "; \t\n")
		if script == "" {
			return edits, nil
		}
		if script[0] == '#' {
			_, script, _ = strings.Cut(script, "\n")
			continue
		}
		e := new(sedEdit)
		if script, err = e.where.parse(script, isExtended); err != nil {
			return nil, err
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
	if script == "" || !strings.ContainsRune("sdpq", rune(script[0])) {
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
	end := len(rest) - len(strings.TrimLeft(rest, "gpiI"))
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
	if strings.ContainsAny(flags, "iI") {
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
func edit(edits []*sedEdit, b []byte, silent bool) ([]byte, error) {
	var out bytes.Buffer
	lines := bytes.SplitAfter(b, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	for i, l := range lines {
		line, ended := bytes.CutSuffix(l, []byte("\n"))
		line, deleted, quit := editLine(edits, line, i+1, i+1 == len(lines), &out)
		if !deleted && !silent {
			out.Write(line)
			if ended {
				out.WriteByte('\n')
			}
		}
		if quit {
			break
		}
		if out.Len() > maxWritten {
			return nil, fmt.Errorf("more than %d bytes", maxWritten)
		}
	}
	return out.Bytes(), nil
}

// editLine runs the commands over line n.
func editLine(edits []*sedEdit, line []byte, n int, last bool, out *bytes.Buffer) (_ []byte, deleted, quit bool) {
	for _, e := range edits {
		if !e.where.has(line, n, last) {
			continue
		}
		if e.what == 'd' || e.what == 'q' {
			return line, e.what == 'd', e.what == 'q'
		}
		changed := e.what == 's' && e.find.Match(line)
		if changed {
			line = e.replace(line)
		}
		if e.what == 'p' || changed && e.prints {
			out.Write(append(line[:len(line):len(line)], '\n'))
		}
	}
	return line, false, false
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

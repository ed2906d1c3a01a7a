package debian

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// doGrep knows the options that scripts use; a basic expression is taken as
// an extended one when the difference does not show.
func doGrep(c *call) (int, error) {
	opts, rest := c.options("-c -E -F -h -i -l -r -R -o -q -s -v -w -x --count --extended-regexp --fixed-strings --ignore-case --invert-match "+
		"--line-regexp --no-messages --quiet --recursive --silent --word-regexp", "-e")
	pattern, ok := opts["-e"]
	if !ok {
		if len(rest) == 0 {
			return 2, errors.New("no pattern")
		}
		pattern, rest = rest[0], rest[1:]
	}
	re, err := grepPattern(pattern, opts)
	if err != nil {
		return 2, err
	}
	if has(opts, "-r", "-R", "--recursive") {
		rest = c.filesBelow(rest)
	}
	b, err := c.input(rest)
	if notExist(err) {
		return 2, nil // as when a file may be missing: grep -s or "|| true"
	}
	if err != nil {
		return 2, err
	}
	found := 0
	for l := range bytes.Lines(b) {
		l = bytes.TrimSuffix(l, []byte("\n"))
		if re.Match(l) == has(opts, "-v", "--invert-match") {
			continue
		}
		found++
		switch {
		case has(opts, "-q", "--quiet", "--silent", "-c", "--count", "-l"):
		case has(opts, "-o"):
			fmt.Fprintf(&c.out, "%s\n", re.Find(l))
		default:
			fmt.Fprintf(&c.out, "%s\n", l)
		}
	}
	if has(opts, "-c", "--count") {
		fmt.Fprintln(&c.out, found)
	}
	if found == 0 {
		return 1, nil
	}
	return 0, nil
}

// filesBelow returns the paths of the files at and below paths.
func (c *call) filesBelow(paths []string) []string {
	var all []string
	for _, p := range paths {
		top, err := c.get(c.abs(p), true)
		if err != nil {
			all = append(all, p) // for the error
			continue
		}
		for _, e := range c.to.tree.Below(top.Path) {
			if e.Type == tree.File || e.Type == tree.Hardlink {
				all = append(all, e.Path)
			}
		}
	}
	return all
}

// egrep(1) and fgrep(1).
func doEgrep(c *call) (int, error) { return c.grepWith("-E") }
func doFgrep(c *call) (int, error) { return c.grepWith("-F") }

func (c *call) grepWith(option string) (int, error) {
	c.args = append([]string{"grep", option}, c.args[1:]...)
	return doGrep(c)
}

// grepPattern makes Go's expression of grep's.
func grepPattern(p string, opts map[string]string) (*regexp.Regexp, error) {
	switch {
	case has(opts, "-P", "--perl-regexp", "-f"), has(opts, "-r", "-R", "--recursive") && !has(opts, "-q", "--quiet", "--silent", "-h"):
		return nil, errors.New("this use of grep has no native version")
	case has(opts, "-F", "--fixed-strings"):
		p = regexp.QuoteMeta(p)
	case !has(opts, "-E", "--extended-regexp"):
		p = extended(p)
	}
	if has(opts, "-w", "--word-regexp") {
		p = `\b(?:` + p + `)\b`
	}
	if has(opts, "-x", "--line-regexp") {
		p = `^(?:` + p + `)$`
	}
	if has(opts, "-i", "--ignore-case") {
		p = "(?i)" + p
	}
	return regexp.Compile(p)
}

// extended turns a basic regular expression into an extended one: what has a
// backslash there has none here, and the other way round.
func extended(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			if !strings.ContainsRune("(){}+?|", rune(p[i])) {
				b.WriteByte('\\')
			}
			b.WriteByte(p[i])
		case strings.ContainsRune("(){}+?|", rune(p[i])):
			b.WriteByte('\\')
			b.WriteByte(p[i])
		case p[i] == '*' && b.Len() == 0:
			b.WriteString(`\*`)
		default:
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

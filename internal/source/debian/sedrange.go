package debian

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// A sedAddress tells a line to sed: by its number, as the last, or by what is
// in it.
type sedAddress struct {
	line  int // from 1; 0 is only for the first of two, where the second may match line 1
	last  bool
	match *regexp.Regexp
}

// A sedRange is the lines that a command is for. No address means all.
type sedRange struct {
	from, to *sedAddress
	not      bool // all others
	inside   bool // from was met, but not yet to
}

// parse reads the addresses that script begins with, and returns what is after
// them.
func (r *sedRange) parse(script string, isExtended bool) (rest string, err error) {
	if r.from, script, err = parseSedAddress(script, isExtended); err != nil {
		return "", err
	}
	if r.from != nil && strings.HasPrefix(script, ",") {
		if r.to, script, err = parseSedAddress(strings.TrimLeft(script[1:], " \t"), isExtended); err != nil {
			return "", err
		}
		if r.to == nil {
			return "", errors.New("a range of lines without its end")
		}
		if r.from.match == nil && !r.from.last && r.from.line == 0 {
			r.inside = true
		}
	}
	script = strings.TrimLeft(script, " \t")
	if strings.HasPrefix(script, "!") {
		r.not = true
		script = strings.TrimLeft(script[1:], " \t")
	}
	return script, nil
}

// parseSedAddress returns the address that script begins with, nil where it
// begins with none, and what is after it.
func parseSedAddress(script string, isExtended bool) (_ *sedAddress, rest string, err error) {
	digits := len(script) - len(strings.TrimLeft(script, "0123456789"))
	switch {
	case digits > 0:
		n, err := strconv.Atoi(script[:digits])
		return &sedAddress{line: n}, script[digits:], err
	case strings.HasPrefix(script, "$"):
		return &sedAddress{last: true}, script[1:], nil
	case strings.HasPrefix(script, "/"):
		pattern, rest, err := sedPart(script[1:], '/')
		if err != nil {
			return nil, "", err
		}
		re, err := sedPattern(pattern, isExtended, "")
		return &sedAddress{match: re}, rest, err
	case strings.HasPrefix(script, "\\"):
		return nil, "", errors.New("an address without slashes has no native version")
	}
	return nil, script, nil
}

// is reports whether the address tells line n.
func (a *sedAddress) is(line []byte, n int, last bool) bool {
	if a.match != nil {
		return a.match.Match(line)
	}
	return a.last && last || !a.last && a.line == n
}

// has reports whether line n is one of the range. It is asked for each line in
// turn.
func (r *sedRange) has(line []byte, n int, last bool) bool {
	return r.covers(line, n, last) != r.not
}

func (r *sedRange) covers(line []byte, n int, last bool) bool {
	switch {
	case r.from == nil:
		return true
	case r.to == nil:
		return r.from.is(line, n, last)
	case r.inside:
		r.inside = !r.to.ends(line, n, last)
		return true
	case r.from.is(line, n, last):
		// An end by number that is over already makes it one line; one by what
		// is in it is looked for from the next line on.
		r.inside = r.to.match != nil || !r.to.ends(line, n, last)
		return true
	}
	return false
}

// ends reports whether the address, as the second of two, is reached.
func (a *sedAddress) ends(line []byte, n int, last bool) bool {
	if a.match != nil || a.last {
		return a.is(line, n, last)
	}
	return n >= a.line
}

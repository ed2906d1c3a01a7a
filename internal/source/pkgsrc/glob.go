package pkgsrc

import "strings"

// matchGlob is fnmatch(3) with FNM_PERIOD, on bytes: *, ?, [a-z], [!a-z] and
// \ before a byte that means itself. A period at the beginning has to be in
// the pattern as it is. It takes at most len(pattern)·len(name) steps.
func matchGlob(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(strings.TrimPrefix(pattern, `\`), ".") {
		return false
	}
	p, n := 0, 0
	star, from := -1, 0 // the last *, and where what comes after it was last tried
	for n < len(name) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if p < len(pattern) && n < len(name) {
			if width, ok := matchByte(pattern[p:], name[n]); ok {
				p += width
				n++
				continue
			}
		}
		if star < 0 || from >= len(name) {
			return false
		}
		from++
		p, n = star+1, from
	}
	return true
}

// matchByte matches c against the beginning of pattern, which is not empty,
// and returns how many bytes of the pattern that is.
func matchByte(pattern string, c byte) (width int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if width, ok := matchClass(pattern, c); width > 0 {
			return width, ok
		}
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchClass matches c against the bracket that pattern begins with. Its
// width is 0 where the bracket is not closed, and so none.
func matchClass(pattern string, c byte) (width int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(pattern); {
		if pattern[i] == ']' && i > first { // as the first it means itself
			return i + 1, ok != negated
		}
		low, next := classByte(pattern, i)
		high := low
		if next+1 < len(pattern) && pattern[next] == '-' && pattern[next+1] != ']' {
			high, next = classByte(pattern, next+1)
		}
		ok = ok || (low <= c && c <= high)
		i = next
	}
	return 0, false
}

// classByte returns the byte at i, which a backslash may come before, and
// where the next one is.
func classByte(pattern string, i int) (byte, int) {
	if pattern[i] == '\\' && i+1 < len(pattern) {
		i++
	}
	return pattern[i], i + 1
}
